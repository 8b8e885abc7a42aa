"""``/v1/me/entries/{entry}``: one entry of the ledger, opened for the customer whom it is about, with its proof."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.described import described
from service.api.waiting import applied, wait_of
from service.api.wire import ENTRY, BodyText, Opening, Proof, base64_of
from service.errors import UnknownEntryError
from service.model.callers import CustomerCaller
from service.model.words import EntryId
from service.usecases.entries import Shown


class Entry(Struct, frozen=True):
    """An entry, and all it takes to check that the ledger has it."""

    entry: str
    body: Annotated[dict[str, Any], Meta(description="What was entered, decoded.")]
    body_text: BodyText
    opening: Opening
    commitment: Annotated[
        str,
        Meta(
            description="What the ledger publishes of it: HMAC-SHA-256 of the bytes, keyed by the opening, in base64."
        ),
    ]
    proof: Annotated[Proof | None, Meta(description="Null while the entry waits for the ledger.")]

    def __repr__(self) -> str:  # what it says is hers
        return f"Entry({self.entry!r})"


EXAMPLE_ID = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
EXAMPLE_TEXT = (
    '{"act":{"kind":"look-up","reason":"she called","what":"consents"},"actor":"operator:ana",'
    '"at":"2026-11-02T10:20:00Z","customer":"c71fa96514ad66fa297702fc7307aa5ae07cc36b681b7b782c443b5aed4f9305",'
    '"id":"ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"}'
)
EXAMPLE_PROOF = """\
c2sp.org/tlog-proof@v1
extra FQtbWF2kwUwxlfKSGsOiUwxTdr0eVd79EdSxa+f7WME=
index 1
6PILFambhWtXWZ0uSxr/p16uUVdXZyvRk8MEvDMidKg=

ledger.example.com
2
Ap/9Abzc7Y8WOnF9+NQQ+JgquXTzWQ8EtPa44EaGsx0=

— ledger.example.com ooG4VSJjyG3tjDTthEn9DtbfGYdcwwTQcJDPAcFdLYpP9d5z4hsSU+88aaf9h4wU20On6s/DmpcFci5BzkKmcHXsfw4=
"""
"""Of a ledger with two entries, and true: it proves the example's commitment."""
EXAMPLE = Entry(
    entry=EXAMPLE_ID,
    body=msgspec.json.decode(EXAMPLE_TEXT),
    body_text=EXAMPLE_TEXT,
    opening="FQtbWF2kwUwxlfKSGsOiUwxTdr0eVd79EdSxa+f7WME=",
    commitment="q32WAeVJDUobmPnGcvBvRtR0/LDf/VlNi4qK7GfitgM=",
    proof=EXAMPLE_PROOF,
)


@get(
    "/v1/me/entries/{entry:str}",
    opt=described(caller="customer", answer=Entry, example=EXAMPLE, waits=True, refusals=(UnknownEntryError,)),
)
async def my_entry(
    request: Request[Any, Any, Any],
    entry: FromPath[str],
    actions: NamedDependency[Actions],
    me: NamedDependency[CustomerCaller],
) -> Response[Entry]:
    """Return one entry about her, exactly as it was committed to, with the proof that it is in the ledger."""
    if not re.fullmatch(ENTRY, entry):
        raise UnknownEntryError
    wait = wait_of(request)
    return Response(_entry(await actions.shown(me, EntryId(entry), wait)), headers=applied(wait))


def _entry(shown: Shown) -> Entry:
    return Entry(
        entry=shown.entry,
        body=msgspec.json.decode(shown.body),
        body_text=shown.body.decode(),
        opening=base64_of(shown.opening),
        commitment=base64_of(shown.commitment),
        proof=shown.proof,
    )
