"""What the demo shows, through the real HTTP API, and whether it was as said."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.crypto.entries import commitment
from service.crypto.notes import Verifier, check_proof, read_verifier

EMAIL = "abbie@example.com"
RECOMMENDATIONS = "personalise.recommendations"
PAGE = {"purpose": RECOMMENDATIONS, "channel": "web", "language": "en", "layout": "demo-1"}
"""What is put before Abbie."""
NO = {"purpose": RECOMMENDATIONS, "answer": "withdrawn", "channel": "web"}
TEN = [
    "first_name",
    "favourite_genres",
    "browsed_genres",
    "last_destination",
    "guessed_genres",
    "likely_household",
    "credit_segment",
    "birth_year",
    "postcode_area",
    "accessibility_needs",
]
LOOKED_AT = {"attribute": "browsed_genres", "provenance": "observed", "source": "shop"}
GUESSES = [
    {
        "attribute": "guessed_genres",
        "value": ["romance"],
        "provenance": "inferred",
        "confidence": 60,
        "derived_from": [LOOKED_AT],
    },
    {"attribute": "likely_household", "value": "family", "provenance": "inferred", "confidence": 35},
]
BOUGHT = [{"attribute": "credit_segment", "value": "c", "provenance": "acquired"}]


class Company(Struct, frozen=True):
    """The running service as the sample company's systems see it; its repr hides the keys."""

    url: str
    api_keys: Mapping[str, str]
    token: str
    """Abbie's own."""
    notice: int
    """The version of the notice for recommendations that is in force."""

    def __repr__(self) -> str:
        return f"Company({self.url!r})"


class Stage:
    """Performs requests, prints them, and remembers whether each answered as said."""

    def __init__(self, company: Company, console: Console) -> None:
        self.company = company
        self._console = console
        self._client = httpx.Client(base_url=company.url, timeout=10)
        self.as_said = True

    def call(
        self, method: str, path: str, caller: str | None, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Call as a service by its name, or as Abbie with None."""
        token = self.company.token if caller is None else self.company.api_keys[caller]
        headers["authorization"] = f"Bearer {token}"
        response = self._client.request(method, path, json=body, headers=headers)
        return response.status_code, response.json()

    def ledger_key(self) -> Verifier | None:
        """Return the public key of the ledger, as anybody can have it."""
        response = self._client.get("/.well-known/byleave-ledger")
        verifiers = response.json().get("verifiers") or [""]
        return read_verifier(verifiers[0])

    def verify(self, receipt: str) -> tuple[int, dict[str, Any]]:
        """Ask as anybody, without a credential, whether a receipt is good."""
        response = self._client.post("/v1/receipts/verify", json={"receipt": receipt})
        return response.status_code, response.json()

    def tell(self, text: str) -> None:
        """Print a text that somebody is given to read."""
        self._console.print(Text(text.strip(), style="dim"), soft_wrap=True)

    def expect(self, *, holds: bool, what: str) -> None:
        """Print what should hold, and whether it does."""
        self._console.print(f"  [green]as said:[/] {what}" if holds else f"  [red]NOT AS SAID:[/] {what}")
        self.as_said = self.as_said and holds

    def title(self, words: str) -> None:
        """Begin a scene."""
        self._console.print(f"\n[bold]{words}[/]")

    def show(self, answer: dict[str, Any]) -> None:
        """Print what was released and what was withheld, and why."""
        table = Table(box=None, padding=(0, 2), show_header=False)
        for attribute, value in answer["released"].items():
            table.add_row("[green]released[/]", attribute, Text(str(value["value"])))
        for each in answer["withheld"]:
            because = f"({each['policy']})" if "policy" in each else ""
            table.add_row("[yellow]withheld[/]", each["attribute"], f"{each['reason']} [dim]{because}[/]")
        self._console.print(table)


def play(company: Company, console: Console) -> bool:
    """Perform every scene; returns whether all was as said."""
    stage = Stage(company, console)
    said = _before_the_curtain(stage)
    _receipt(stage, said)
    _partial(stage)
    _withdrawn(stage)
    _no_grant(stage)
    _contract(stage)
    _ledger(stage, said)
    return stage.as_said


def _before_the_curtain(stage: Stage) -> str:
    """Abbie allows recommendations, whatever she answered in an earlier run; other systems say what they guess.

    Returns the entry of what she said.
    """
    stage.title("Abbie reads the notice in force, and allows recommendations on the web")
    status, page = stage.call("POST", "/v1/me/notices/served", None, PAGE)
    stage.tell(page.get("notice", {}).get("text", ""))
    stage.expect(holds=status == httpx.codes.OK, what="shown word for word, with a snapshot that proves what she read")
    yes = _yes(stage.company) | {"snapshot": page.get("snapshot")}
    status, answer = stage.call("POST", "/v1/me/consents", None, yes)
    stage.expect(holds=status == httpx.codes.OK, what=f"recorded, entry {answer.get('entry')}")
    for service, facts in (("recommender", GUESSES), ("finance", BOUGHT)):
        _, known = stage.call("POST", "/v1/customers", service, {"identifiers": {"email": EMAIL}})
        stage.call("POST", f"/v1/customers/{known['customer']}/attributes", service, {"facts": facts})
    return str(answer.get("entry"))


def _receipt(stage: Stage, entry: str) -> None:
    stage.title("Abbie keeps the receipt of what she said, and anybody can check it")
    status, kept = stage.call("GET", f"/v1/me/receipts/{entry}", None)
    stage.tell(kept.get("text", ""))
    receipt = kept.get("receipt", "")
    stage.expect(holds=status == httpx.codes.OK, what=f"a receipt of {len(receipt)} characters: {receipt[:60]}...")
    _, verdict = stage.verify(receipt)
    stage.expect(holds=verdict.get("valid") is True, what=f"we signed it, with the public key {verdict.get('kid')}")
    middle = len(receipt) // 2
    changed = f"{receipt[:middle]}{'A' if receipt[middle : middle + 1] != 'A' else 'B'}{receipt[middle + 1 :]}"
    _, verdict = stage.verify(changed)
    stage.expect(
        holds=verdict.get("valid") is False, what=f"with one byte changed it is refused: {verdict.get('reason')}"
    )


def _partial(stage: Stage) -> None:
    stage.title("1. The recommender asks for ten attributes of Abbie, for recommendations on the web")
    status, answer = _release(stage, "recommender", RECOMMENDATIONS, "web", TEN)
    stage.show(answer)
    stage.expect(
        holds=status == httpx.codes.OK and answer["decision"] == "partial" and "first_name" in answer["released"],
        what="partial: what she told us and what she did; nothing guessed, bought or demographic",
    )


def _withdrawn(stage: Stage) -> None:
    stage.title("2. Abbie withdraws on the web; the recommender asks the same again")
    stage.call("POST", "/v1/me/consents", None, NO)
    status, answer = _release(stage, "recommender", RECOMMENDATIONS, "web", TEN)
    stage.show(answer)
    stage.expect(
        holds=status == httpx.codes.OK and answer["decision"] == "deny" and not answer["released"],
        what="denied, at once, and it does not even tell that she is a customer",
    )


def _no_grant(stage: Stage) -> None:
    stage.title("3. The newsletter system asks for recommendations, for which it holds no grant")
    status, problem = _release(stage, "newsletter", RECOMMENDATIONS, "email", ["first_name"])
    stage.expect(holds=status == httpx.codes.FORBIDDEN, what=f"{status} {problem.get('code')}: {problem.get('detail')}")


def _contract(stage: Stage) -> None:
    stage.title("4. The warehouse asks for name and address, to send her order: a contract, no consent needed")
    status, answer = _release(
        stage, "fulfilment", "fulfil.orders", "post", ["first_name", "last_name", "postal_address"]
    )
    stage.show(answer)
    stage.expect(
        holds=status == httpx.codes.OK and answer["decision"] == "permit" and len(answer["released"]) == 3,  # noqa: PLR2004  all three
        what="permitted, although she withdrew from recommendations",
    )


def _ledger(stage: Stage, entry: str) -> None:
    stage.title("5. What Abbie said stands in a ledger that nobody can rewrite, and so does who asked for her data")
    status, kept = stage.call("GET", f"/v1/me/receipts/{entry}", None, prefer="wait=2")
    key, proof, said = stage.ledger_key(), str(kept.get("proof")), str(kept.get("body_text"))
    stage.tell(proof)
    flaw = "no key" if key is None else check_proof(proof, _committed(kept, said), key)
    stage.expect(holds=status == httpx.codes.OK and flaw is None, what="this proof shows that her answer is in it")
    flaw = "no key" if key is None else check_proof(proof, _committed(kept, said.replace("given", "never")), key)
    stage.expect(holds=flaw is not None, what="and of any other answer it shows that it is not")
    status, uses = stage.call("GET", "/v1/me/use", None)
    counted = len(uses.get("uses", ()))
    stage.expect(
        holds=status == httpx.codes.OK and counted > 0,
        what=f"she sees {counted} lines of use; how to check it all: {stage.company.url}/ledger",
    )


def _committed(kept: dict[str, Any], said: str) -> bytes:
    """Return what the ledger must have of an entry that says this."""
    return commitment(base64.b64decode(str(kept.get("opening"))), said.encode())


def _release(
    stage: Stage, service: str, purpose: str, channel: str, attributes: list[str]
) -> tuple[int, dict[str, Any]]:
    body = {"customer": {"email": EMAIL}, "purpose": purpose, "channel": channel, "attributes": attributes}
    return stage.call("POST", "/v1/releases", service, body)


def _yes(company: Company) -> dict[str, Any]:
    """Return Abbie's yes, all but the proof of what she read."""
    return {"purpose": RECOMMENDATIONS, "answer": "given", "channel": "web", "notice": company.notice}


def curl_lines(company: Company) -> list[str]:
    """Return lines that work when pasted: look, show the notice, allow with its snapshot, withdraw.

    A snapshot holds for half an hour and the demo goes on for longer, so the shell fetches a new one.
    """
    ask = {
        "customer": {"email": EMAIL},
        "purpose": RECOMMENDATIONS,
        "channel": "web",
        "attributes": ["first_name", "favourite_genres", "birth_year"],
    }
    serve = _curl(company, "/v1/me/notices/served", company.token, PAGE)
    yes = _curl(company, "/v1/me/consents", company.token, _yes(company))
    return [
        _curl(company, "/v1/releases", company.api_keys["recommender"], ask),
        f"""SEEN=$({serve} | grep -o '"snapshot":"[^"]*"')""",
        yes.removesuffix("}'") + """, '"$SEEN"'}'""",
        _curl(company, "/v1/me/consents", company.token, NO),
    ]


def _curl(company: Company, path: str, token: str, body: object) -> str:
    return (
        f"curl -s {company.url}{path} -H 'Authorization: Bearer {token}' "
        f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    )
