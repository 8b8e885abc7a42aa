"""``/v1/me/entries/{entry}``: one entry of the ledger, opened for the customer whom it is about, with its proof."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.api.actions import Actions
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
    f'"at":"2026-11-02T10:20:00Z","customer":"{"5e" * 32}","id":"{EXAMPLE_ID}"}}'
)
EXAMPLE_PROOF = (
    "c2sp.org/tlog-proof@v1\n"
    "extra R2l2ZXMgYXdheSB3aGF0IHRoZSBlbnRyeSBzYXlzISE=\n"
    "index 0\n\n"
    "ledger.example.com\n1\nqVbWvKPQlPbFgtJCc5Ea0nqhCL6hLGrJMC3Nc6X4JGY=\n\n"
    "— ledger.example.com xxxxxQ==\n"
)
EXAMPLE = Entry(
    entry=EXAMPLE_ID,
    body=msgspec.json.decode(EXAMPLE_TEXT),
    body_text=EXAMPLE_TEXT,
    opening="R2l2ZXMgYXdheSB3aGF0IHRoZSBlbnRyeSBzYXlzISE=",
    commitment="qVbWvKPQlPbFgtJCc5Ea0nqhCL6hLGrJMC3Nc6X4JGY=",
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
