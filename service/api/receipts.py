"""``/v1/me/receipts``, ``/v1/customers/{id}/receipts``, ``/.well-known/jwks.json``: proof of what a customer said."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import LIMIT, read_body, read_query
from service.api.described import described
from service.api.entries import EXAMPLE as EXAMPLE_SHOWN
from service.api.waiting import applied, wait_of
from service.api.wire import ENTRY, BodyText, Instant, Opening, PageQuery, Proof, base64_of, customer_in_path
from service.crypto.signing import PublicKey
from service.errors import BadCursorError, UnknownCustomerError, UnknownReceiptError
from service.kept import FOR_MINUTES
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.receipt import Flaw
from service.model.translation import Language
from service.model.words import EntryId
from service.usecases.entries import Shown
from service.usecases.receipts import Receipt as Made
from service.usecases.receipts import Wanted

LONGEST = 4 * LIMIT
"""Of a body with a receipt: one act may be about every purpose there is."""

Compact = Annotated[
    str,
    Meta(
        min_length=1,
        description="A JSON Web Signature in compact serialisation (RFC 7515): header, receipt, signature.",
        examples=["eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiIsInR5cCI6ImJ5bGVhdmUtcmVjZWlwdCtqd3MifQ.e30.AAAA"],
    ),
]
Told = Annotated[
    Language,
    Meta(description="In which language the text is, where it is not known in which she was asked.", examples=["de"]),
]
Record = Annotated[
    dict[str, Any], Meta(description="What was signed, decoded: JSON-LD, a `dpv:ConsentReceipt` of the W3C DPV.")
]


class ReceiptQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """How to tell it."""

    language: Told | None = None


class Receipt(Struct, frozen=True):
    """The proof of one act: signed, decoded, and as a text to read."""

    entry: str
    receipt: Compact
    record: Record
    text: str

    def __repr__(self) -> str:  # what she said is hers
        return f"Receipt({self.entry!r})"


class HerReceipt(Receipt, frozen=True, kw_only=True, omit_defaults=True):
    """The proof of one act and, once the ledger has its entry, the proof of that."""

    body_text: BodyText | None = None
    opening: Opening | None = None
    proof: Proof | None = None

    def __repr__(self) -> str:  # what she said is hers
        return f"HerReceipt({self.entry!r})"


class Listed(Struct, frozen=True):
    """One act of which there is a receipt."""

    entry: str
    recorded_at: Instant
    purposes: list[str]
    choices: list[str]


class Receipts(Struct, frozen=True, omit_defaults=True):
    """A page, newest first. ``next`` is the cursor of the page after it."""

    receipts: list[Listed]
    next: str | None = None


class Jwk(Struct, frozen=True):
    """A public key (RFC 8037); ``kid`` is its thumbprint (RFC 7638)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA"] = "EdDSA"


class KeySet(Struct, frozen=True):
    """Every key that proves a receipt, newest first (RFC 7517)."""

    keys: list[Jwk]


class Presented(Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt, as somebody has it."""

    receipt: Compact

    def __repr__(self) -> str:  # what it says may be somebody's
        return "Presented()"


class Verdict(Struct, frozen=True, omit_defaults=True):
    """Whether we signed it: if not, for which ``reason``; if so, which ``record``, and by which key."""

    valid: bool
    reason: Flaw | None = None
    kid: str | None = None
    record: Record | None = None

    def __repr__(self) -> str:
        return f"Verdict({self.valid!r})"


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
EXAMPLE_ENTRY = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
EXAMPLE_COMPACT = "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiIsInR5cCI6ImJ5bGVhdmUtcmVjZWlwdCtqd3MifQ.e30.AAAA"
EXAMPLE_RECORD = {
    "@type": ["dpv:ConsentReceipt"],
    "dpv:hasIdentifier": EXAMPLE_ENTRY,
    "dpv:hasRecordOfActivity": [{"@type": ["dpv:ConsentRecord"]}],
}
EXAMPLE_RECEIPT = Receipt(
    EXAMPLE_ENTRY, EXAMPLE_COMPACT, EXAMPLE_RECORD, f"Receipt {EXAMPLE_ENTRY}\nOur newsletter, by e-mail: no longer\n"
)
EXAMPLE_HERS = HerReceipt(
    EXAMPLE_ENTRY,
    EXAMPLE_COMPACT,
    EXAMPLE_RECORD,
    EXAMPLE_RECEIPT.text,
    body_text=EXAMPLE_SHOWN.body_text,
    opening=EXAMPLE_SHOWN.opening,
    proof=EXAMPLE_SHOWN.proof,
)
EXAMPLE_RECEIPTS = Receipts([Listed(EXAMPLE_ENTRY, AT, ["market.newsletter"], [])])
EXAMPLE_KEYS = KeySet([Jwk("OKP", "Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", THUMBPRINT)])
EXAMPLE_VERDICT = Verdict(valid=True, kid=THUMBPRINT, record=EXAMPLE_RECORD)


@get(
    "/v1/me/receipts",
    opt=described(
        caller="customer", answer=Receipts, example=EXAMPLE_RECEIPTS, query=PageQuery, refusals=(BadCursorError,)
    ),
)
async def my_receipts(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Receipts:
    """Return of which acts she has receipts, newest first."""
    query = read_query(request, PageQuery)
    page = await actions.receipts(me, query.cursor, query.limit)
    return Receipts([Listed(e.entry, e.recorded_at, [*e.purposes], e.choices) for e in page.lines], page.next)


@get(
    "/v1/me/receipts/{entry:str}",
    opt=described(
        caller="customer",
        answer=HerReceipt,
        example=EXAMPLE_HERS,
        query=ReceiptQuery,
        waits=True,
        refusals=(UnknownReceiptError,),
    ),
)
async def my_receipt(
    request: Request[Any, Any, Any],
    entry: FromPath[str],
    actions: NamedDependency[Actions],
    me: NamedDependency[CustomerCaller],
) -> Response[HerReceipt]:
    """Return the receipt of one act of hers, and the proof that it is in the ledger. It never changes.

    The text also says what holds now. While the entry waits for the ledger, there is no proof yet.
    """
    wanted = Wanted(entry=_entry_in_path(entry), language=read_query(request, ReceiptQuery).language)
    wait = wait_of(request)
    made, shown = await actions.receipt(me, wanted), await actions.shown(me, wanted.entry, wait)
    return Response(_hers(made, shown), headers=applied(wait))


@get(
    "/v1/customers/{customer:str}/receipts/{entry:str}",
    opt=described(
        caller="service",
        answer=Receipt,
        example=EXAMPLE_RECEIPT,
        query=ReceiptQuery,
        refusals=(UnknownCustomerError, UnknownReceiptError),
    ),
)
async def receipt(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    entry: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> Receipt:
    """Return the receipt of one act, as far as this service's purposes go, and of choices that it recorded itself."""
    wanted = Wanted(
        entry=_entry_in_path(entry),
        customer=customer_in_path(customer),
        language=read_query(request, ReceiptQuery).language,
    )
    return _receipt(await actions.receipt(caller, wanted))


@get("/.well-known/jwks.json", opt=described(caller="anyone", answer=KeySet, example=EXAMPLE_KEYS))
async def key_set(actions: NamedDependency[Actions]) -> Response[KeySet]:
    """Return the public keys with which anybody can check receipts, those of earlier receipts included."""
    return Response(key_set_of(await actions.receipt_keys()), headers={"Cache-Control": FOR_MINUTES})


@post(
    "/v1/receipts/verify",
    status_code=200,
    request_max_body_size=LONGEST,
    opt=described(
        caller="anyone",
        body=Presented,
        body_example=Presented(EXAMPLE_COMPACT),
        answer=Verdict,
        example=EXAMPLE_VERDICT,
    ),
)
async def verify_receipt(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> Verdict:
    """Say whether a receipt is one that we signed, unchanged. Nothing is kept of it."""
    found = await actions.verify_receipt((await read_body(request, Presented)).receipt)
    if found.document is None:
        return Verdict(valid=False, reason=found.flaw)
    return Verdict(valid=True, kid=found.key, record=msgspec.json.decode(found.document))


def key_set_of(keys: Iterable[PublicKey]) -> KeySet:
    """Return public keys as they are served."""
    return KeySet([Jwk("OKP", "Ed25519", key.written, key.id) for key in keys])


def _entry_in_path(text: str) -> EntryId:
    """Return the entry in an address; anything else has no receipt."""
    if not re.fullmatch(ENTRY, text):
        raise UnknownReceiptError
    return EntryId(text)


def _receipt(made: Made) -> Receipt:
    return Receipt(made.entry, made.signed, msgspec.json.decode(made.document), made.text)


def _hers(made: Made, shown: Shown) -> HerReceipt:
    receipt = _receipt(made)
    if shown.proof is None:
        return HerReceipt(receipt.entry, receipt.receipt, receipt.record, receipt.text)
    return HerReceipt(
        receipt.entry,
        receipt.receipt,
        receipt.record,
        receipt.text,
        body_text=shown.body.decode(),
        opening=base64_of(shown.opening),
        proof=shown.proof,
    )
