"""The client. Reading never raises; writing retries under one idempotency key, and raises if that did not help."""

import asyncio
import logging
import re
import secrets  # noqa: TID251  this package stands alone
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from service.client.answers import (
    Answer,
    Answers,
    Contributed,
    Enrolled,
    Failure,
    Links,
    MessageLink,
    NotWrittenError,
    Problem,
    Recorded,
)
from service.client.questions import AgeBand, Channel, Consent, Customer, Fact, Identifier, Reach

PAUSES = (0.2, 0.4)
"""Seconds before each further attempt at a write, at least."""
PATIENCE = 5.0
"""Seconds that a server may ask to be left alone for; asked for more, a write gives up rather than come too early."""
AGAIN = {429, 500, 502, 503, 504}
"""Statuses after which a write is tried again."""

KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What can be a bearer token (RFC 6750, section 2.1)."""
HER_ID = re.compile(r"byc_[a-z0-9]+")
SECONDS = re.compile(r"[0-9]{1,9}")

MISSING = Problem("answer-missing")
Kind = TypeVar("Kind", bound=Struct)
log = logging.getLogger("byleave")


class Byleave:
    """One service's way to Byleave: one for the life of the process, shared by its tasks, in one event loop.

    ``timeout``: seconds that one attempt may take as a whole, however slowly the bytes trickle.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float = 2.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        # Here, because further in a malformed key would be quoted by the error.
        if not KEY.fullmatch(key.strip()):
            raise ValueError("this is not an API key")
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {key.strip()}", "content-type": "application/json"},
            timeout=None,  # noqa: S113  one limit for the whole of an attempt, in _attempt
            transport=transport,
            follow_redirects=False,  # wherever it led, the key would go along
        )

    def __repr__(self) -> str:
        return "Byleave()"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; whatever is asked from now on is ``unavailable``."""
        await self._http.aclose()

    async def release(
        self, customer: Customer, purpose: str, channel: Channel, attributes: Sequence[str], *, gpc: bool = False
    ) -> Answer:
        """Ask for attributes of a customer. Whatever goes wrong is an answer that holds nothing.

        ``gpc``: her browser sent ``Sec-GPC: 1`` with the visit that this is about.
        """
        return await self._ask("/v1/releases", _question(customer, purpose, channel, attributes, gpc=gpc))

    async def release_many(
        self, customers: Sequence[Customer], purpose: str, channel: Channel, attributes: Sequence[str]
    ) -> list[Answer]:
        """Ask for attributes of up to 500 customers at once; an answer for each, in their order."""
        asked = {"customers": customers, "purpose": purpose, "channel": channel, "attributes": attributes}
        outcome = await self._attempt("/v1/releases/batch", asked, Answers)
        if isinstance(outcome, Failure):
            return [_nothing(outcome.problem) for _ in customers]
        if len(outcome.answers) != len(customers):
            return [_nothing(MISSING) for _ in customers]
        # A denial is an answer, though it is not true.
        return [_nothing(e.problem or MISSING) if e.answer is None else e.answer for e in outcome.answers]

    async def check(
        self, customer: Customer, purpose: str, channel: Channel, attributes: Sequence[str], *, gpc: bool = False
    ) -> Answer:
        """Ask whether a release would be permitted, without values."""
        return await self._ask("/v1/decisions", _question(customer, purpose, channel, attributes, gpc=gpc))

    async def enrol(
        self, customer: Customer, age_band: AgeBand = "unknown", verified: Sequence[Identifier] = ()
    ) -> Enrolled:
        """Enrol a customer by her identifiers, or recognise her.

        ``age_band``: of one who is known, ``minor`` holds at once and for good, and ``adult`` only fills what was
        unknown. ``verified``: of which kinds you have verified that they are hers; it takes the right to.
        """
        body = {"identifiers": customer, "age_band": age_band, "verified": verified}
        return await self._write("/v1/customers", body, Enrolled)

    async def contribute(self, customer: str, facts: Sequence[Fact]) -> Contributed:
        """Contribute facts about a customer, by this service's id of her; all of them are taken in, or none.

        What she said was not her is not kept: the answer says which.
        """
        return await self._write(f"/v1/customers/{_her(customer)}/attributes", {"facts": facts}, Contributed)

    async def record_consent(self, customer: str, consent: Consent) -> Recorded:
        """Record what she answered here, by this service's id of her."""
        return await self._write(f"/v1/customers/{_her(customer)}/consents", consent, Recorded)

    async def withdraw(self, customer: str, purpose: str, channel: Channel | None = None) -> Recorded:
        """Record that she withdrew, on every channel unless one is named. Any service may; it holds at once."""
        return await self.record_consent(customer, Consent(purpose=purpose, answer="withdrawn", channel=channel))

    async def withdraw_all(self, customer: str, reach: Reach) -> Recorded:
        """Record that she withdrew from all marketing, or from everything. Any service may; it holds at once."""
        return await self._write(f"/v1/customers/{_her(customer)}/withdrawals", {"all": reach}, Recorded)

    async def message_links(
        self, customers: Sequence[str], purpose: str, channel: Channel
    ) -> Mapping[str, MessageLink]:
        """Return, by this service's ids of up to 500 customers, the links for messages to them about a purpose.

        Whom this service does not know is left out: write no message without a link. Asked again in the same month, it
        is the same link.
        """
        asked = {"customers": customers, "purpose": purpose, "channel": channel}
        found = await self._write("/v1/links", asked, Links)
        return {each.customer: each.link for each in found.links if each.link is not None}

    async def _ask(self, path: str, question: object) -> Answer:
        outcome = await self._attempt(path, question, Answer)
        if isinstance(outcome, Answer):
            return outcome
        return _nothing(outcome.problem)

    async def _write(self, path: str, body: object, kind: type[Kind]) -> Kind:
        # A structured-field string (RFC 9651). A lost answer may mean that it was written: the same key again makes
        # a second effect impossible.
        headers = {"idempotency-key": f'"{secrets.token_urlsafe(18)}"'}
        outcome = await self._attempt(path, body, kind, headers)
        for pause in PAUSES:
            if not isinstance(outcome, Failure) or outcome.again is None:
                break
            await asyncio.sleep(max(pause, outcome.again))
            outcome = await self._attempt(path, body, kind, headers)
        if isinstance(outcome, Failure):
            raise NotWrittenError(outcome.problem.code, outcome.problem.pointer)
        return outcome

    async def _attempt(
        self, path: str, body: object, kind: type[Kind], headers: Mapping[str, str] | None = None
    ) -> Kind | Failure:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._http.post(path, content=msgspec.json.encode(body), headers=headers)
            if response.status_code == httpx.codes.OK:
                return msgspec.json.decode(response.content, type=kind)
            return Failure(_problem(response), _again(response))
        except Exception as error:  # noqa: BLE001  whatever it is, the page that asked must still be shown
            # Its message could quote anything.
            return Failure(Problem(type(error).__name__), 0.0)


def _nothing(problem: Problem) -> Answer:
    log.warning("no data: %s", problem.code)
    return Answer(decision="unavailable", failure=problem.code)


def _question(
    customer: Customer, purpose: str, channel: Channel, attributes: Sequence[str], *, gpc: bool
) -> Mapping[str, object]:
    asked = {"customer": customer, "purpose": purpose, "channel": channel, "attributes": attributes}
    return {**asked, "signals": {"gpc": True}} if gpc else asked


def _her(customer: str) -> str:
    """Return her id as part of an address, where an e-mail address must never stand."""
    if not HER_ID.fullmatch(customer):
        raise NotWrittenError("unknown-customer")
    return customer


def _problem(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(f"status-{response.status_code}")


def _again(response: httpx.Response) -> float | None:
    asked = response.headers.get("retry-after", "")
    if SECONDS.fullmatch(asked):
        return float(asked) if float(asked) <= PATIENCE else None
    return 0.0 if asked or response.status_code in AGAIN else None
