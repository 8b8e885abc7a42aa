r"""What several resources write and read alike.

Python's ``$`` also matches before a last newline, hence ``(?!\n)$`` in every pattern.
"""

import base64
import re
from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from service.errors import UnknownCustomerError, UnknownNoticeError, WrongKindError
from service.model.identifiers import Identifier, identifier
from service.model.words import IdentifierKind, PairwiseId

Instant = Annotated[datetime, Meta(tz=True)]
PAIRWISE = r"^byc_[a-z2-7]{26}(?!\n)$"
HER = "byc_" + "n5xw23lfmfwgk3lbnzqxgzltoq"
ENTRY = r"^ent_[0-9A-HJKMNP-TV-Z]{26}(?!\n)$"
LINE = r"^[A-Za-z0-9_-]{56}(?!\n)$"
Staff = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}(?!\n)$")]
NUMBER = re.compile(r"[1-9][0-9]{0,5}")
LAST_NOTICE = 100_000

CustomerWord = Annotated[
    str, Meta(pattern=PAIRWISE, description="This service's own id of the customer.", examples=[HER])
]
EntryWord = Annotated[
    str,
    Meta(
        pattern=ENTRY,
        description="An entry of the ledger, as its act named it.",
        examples=["ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"],
    ),
]
LineWord = Annotated[
    str,
    Meta(
        pattern=LINE,
        description="A line of the use of her data, as `GET /v1/me/use` named it; good for ever, and for her alone.",
        examples=["AAGWb3JkcyBvZiBsaW5lcyBhcmUgc2lnbmVkIGJ5IHVzAAAAAAAAAAc0"],
    ),
]
PurposeWord = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9.-]+(?!\n)$",
        description="A purpose of the catalogue.",
        examples=["personalise.recommendations"],
    ),
]
AttributeWord = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9_]+(?!\n)$",
        description="An attribute of the catalogue.",
        examples=["favourite_genres"],
    ),
]
SourceWord = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:/-]{1,129}(?!\n)$",
        description="Where a fact comes from, as it is listed: a service and, behind a slash, that one's own word.",
        examples=["shop/order-10482"],
    ),
]
TilePath = Annotated[
    str,
    Meta(
        pattern=r"^(entries|[0-9]|[1-5][0-9]|6[0-3])/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?(?!\n)$",
        description=(
            "Level and index, as C2SP tlog-tiles writes them, and `.p/<width>` for a tile that is not full. "
            "Its slashes may be written as they are, or as `%2F`."
        ),
        examples=["0/000"],
    ),
]
NoticeNumber = Annotated[
    int, Meta(ge=1, le=LAST_NOTICE, description="A version of the purpose's notice.", examples=[1])
]
Receipt = Annotated[
    str,
    Meta(
        max_length=60_000,
        description="A receipt: JSON-LD, signed as a JWS in its compact form (RFC 7515).",
        examples=["eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"],
    ),
]
BodyText = Annotated[
    str,
    Meta(description="What was entered, as the very text (RFC 8785) whose UTF-8 bytes the ledger is committed to."),
]
Opening = Annotated[
    str, Meta(description="32 bytes in base64: with them, and not without, the text shows what it is committed to.")
]
Proof = Annotated[
    str,
    Meta(
        description="That the commitment is in the ledger: a c2sp.org/tlog-proof@v1, always with the same checkpoint. "
        "Its `extra` is the opening."
    ),
]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many, at most.", examples=[20])]
Cursor = Annotated[
    str,
    Meta(
        max_length=400,
        description="Where the page before this one ended, as its `next` says; good for the same list only.",
    ),
]
SNAPSHOT = "iLlwZXJzb25hbGlzZS5yZWNvbW1lbmRhdGlvbnOjd2Vi"
SnapshotWord = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=r"^[A-Za-z0-9_-]+(?!\n)$",
        description="The snapshot that came with the notice when it was served; good for 30 minutes.",
        examples=[SNAPSHOT],
    ),
]
Email = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=254,
        description="An e-mail address (RFC 5321); however it is written, it is brought to one form.",
        examples=["abbie@example.com"],
        extra_json_schema={"format": "email"},
    ),
]
Phone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=254,
        description="A phone number with its country code; it is brought to E.164.",
        examples=["+44 20 7946 0018"],
    ),
]
Loyalty = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=254,
        description="A loyalty number: 4 to 32 letters and digits; spaces and hyphens do not count.",
        examples=["HB-1234567"],
    ),
]
Device = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:-]{16,128}(?!\n)$",
        description="A browser's or an app's own random id. It says of nobody who she is, and stands alone.",
        examples=["0b7c2f5e-3d1a-4c7e-9f60-6a5d2c1b8e9f"],
    ),
]


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which page of a list."""

    cursor: Cursor | None = None
    limit: Limit = 50


class Identifiers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """By what a customer is found."""

    email: Email | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    loyalty: Loyalty | UnsetType = UNSET
    device: Device | UnsetType = UNSET

    def normalised(self, pointer: str) -> list[Identifier]:
        """Return the identifiers given, in their normal form."""
        written = ((kind, getattr(self, kind.value)) for kind in IdentifierKind)
        return [_normal(kind, text, f"{pointer}/{kind}") for kind, text in written if text is not UNSET]

    def __repr__(self) -> str:  # identifiers are hers
        return f"{type(self).__name__}()"


class Who(Identifiers, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One customer: by this service's id of her, or by one identifier."""

    id: CustomerWord | UnsetType = UNSET

    def reference(self, pointer: str) -> PairwiseId | Identifier:
        """Return the one reference given."""
        given: list[PairwiseId | Identifier] = [*self.normalised(pointer)]
        if isinstance(self.id, str):
            given.append(PairwiseId(self.id))
        if len(given) != 1:
            raise WrongKindError("name a customer by exactly one of id, email, phone, loyalty, device", pointer=pointer)
        return given[0]

    def __repr__(self) -> str:
        return "Who()"


OneCustomer = Annotated[Who, Meta(extra_json_schema={"minProperties": 1, "maxProperties": 1})]
A_DEVICE_STANDS_ALONE = {"if": {"required": ["device"]}, "then": {"maxProperties": 1}}
SomeIdentifiers = Annotated[Identifiers, Meta(extra_json_schema={"minProperties": 1, **A_DEVICE_STANDS_ALONE})]


def customer_in_path(text: str) -> PairwiseId:
    """Return the pairwise id in an address; anything else is nobody."""
    if not re.fullmatch(PAIRWISE, text):
        raise UnknownCustomerError
    return PairwiseId(text)


def base64_of(data: bytes) -> str:
    """Return bytes as what is about the ledger has them (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def notice_in_path(text: str) -> int:
    """Return the version of a notice in an address, written in the one way in which we write it."""
    if not NUMBER.fullmatch(text) or int(text) > LAST_NOTICE:
        raise UnknownNoticeError
    return int(text)


def _normal(kind: IdentifierKind, text: str, pointer: str) -> Identifier:
    try:
        return identifier(kind, text)
    except WrongKindError as error:
        raise WrongKindError(error.detail, pointer=pointer) from None
