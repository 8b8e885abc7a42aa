"""``/receipts``: proof of each thing she said, to read and to keep."""

import base64
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from service.actions import Actions
from service.errors import UnknownReceiptError
from service.model.choices import Choice, choice_from
from service.model.receipt import ChoiceEvent, alike_but_for_channel
from service.model.words import EntryId
from service.portal.pages import page as shown
from service.portal.visit import ENTRY, Visit
from service.usecases.entries import Shown
from service.usecases.receipts import Receipt, Wanted

PAGE = "/receipts"
MOST = 25


class File(Struct, frozen=True, omit_defaults=True):
    """A receipt with all that proves it, as ``byleave receipts verify`` reads it."""

    entry: str
    receipt: str
    record: msgspec.Raw
    text: str
    body_text: str | None = None
    opening: str | None = None
    proof: str | None = None

    def __repr__(self) -> str:  # what she said is hers
        return f"File({self.entry!r})"


class Chosen(Struct, frozen=True):
    """A choice of hers as it reached us, and what it means; None where we do not know it."""

    event: ChoiceEvent
    choice: Choice | None


@get(PAGE)
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return of which acts she has receipts, newest first."""
    after = request.query_params.get("cursor")
    found = await actions.receipts(visit.her, after or None, MOST)
    return shown(visit, "receipts.html", found=found, catalogue=visit.told, later=after is not None)


@get(f"{PAGE}/{{entry:str}}")
async def one(entry: FromPath[str], actions: NamedDependency[Actions], visit: NamedDependency[Visit]) -> Response[str]:
    """Return a receipt to read, and what it proves."""
    made, entered = await _receipt(actions, visit, entry)
    return shown(
        visit,
        "receipt.html",
        receipt=made,
        answers=alike_but_for_channel(made.act.answers),
        choices=[Chosen(each, _choice(each)) for each in made.act.choices],
        catalogue=made.catalogue.told_in(visit.language),
        entered=entered.proof is not None,
    )


@get(f"{PAGE}/{{entry:str}}/receipt.json")
async def as_json(
    entry: FromPath[str], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[bytes]:
    """Return a receipt as a file for programs: signed, decoded, and with the proof that the ledger has its entry."""
    made, entered = await _receipt(actions, visit, entry)
    file = File(made.entry, made.signed, msgspec.Raw(made.document), made.text)
    if entered.proof is not None:
        opening = base64.b64encode(entered.opening).decode("ascii")
        file = msgspec.structs.replace(file, body_text=entered.body.decode(), opening=opening, proof=entered.proof)
    return _file(msgspec.json.encode(file), "application/json", f"{made.entry}.json")


@get(f"{PAGE}/{{entry:str}}/receipt.jws")
async def as_signed(
    entry: FromPath[str], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[bytes]:
    """Return a receipt exactly as it was signed."""
    made, _ = await _receipt(actions, visit, entry)
    return _file(f"{made.signed}\n".encode(), "application/jose", f"{made.entry}.jws")


def _choice(event: ChoiceEvent) -> Choice | None:
    with suppress(ValueError):
        return choice_from(event.choice, event.value)
    return None


async def _receipt(actions: Actions, visit: Visit, entry: str) -> tuple[Receipt, Shown]:
    """Return a receipt of hers, in the language of the page, and its entry; anything else has none."""
    if not ENTRY.fullmatch(entry):
        raise UnknownReceiptError
    id_ = EntryId(entry)
    made = await actions.receipt(visit.her, Wanted(entry=id_, page=visit.language))
    return made, await actions.shown(visit.her, id_, 0)


def _file(content: bytes, media: str, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media, headers=headers)
