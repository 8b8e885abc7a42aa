"""``/v1/me/identifiers``: by what a customer is found, and her word that something is not hers."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import read_body
from service.api.described import described
from service.api.wire import Instant
from service.errors import UnknownIdentifierError
from service.model.callers import CustomerCaller
from service.model.words import IdentifierKind

A_REFERENCE = "idn_" + "c2vqx3lfmfwgk3lbnzqxgzlton"
Reference = Annotated[
    str,
    Meta(
        pattern=r"^idn_[a-z2-7]{26}(?!\n)$",
        description="Names one of her identifiers without saying it.",
        examples=[A_REFERENCE],
    ),
]


class HerIdentifier(Struct, frozen=True, kw_only=True):
    """One identifier by which she is found."""

    reference: Reference
    kind: IdentifierKind
    value: str
    since: Instant
    verified: bool
    """Whether a service that may say so has verified that it is hers."""

    def __repr__(self) -> str:  # the value is hers
        return f"HerIdentifier({self.kind!r})"


class HerIdentifiers(Struct, frozen=True):
    """Everything by which she is found."""

    identifiers: list[HerIdentifier]


class NotMine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which identifier is not hers."""

    reference: Reference


class Disowned(Struct, frozen=True):
    """That it is out of use, for good."""

    version: int
    entry: str


EXAMPLE = HerIdentifiers(
    [
        HerIdentifier(
            reference=A_REFERENCE,
            kind=IdentifierKind.EMAIL,
            value="abbie@example.com",
            since=datetime(2026, 11, 2, 10, tzinfo=UTC),
            verified=True,
        )
    ]
)


@get("/v1/me/identifiers", opt=described(caller="customer", answer=HerIdentifiers, example=EXAMPLE))
async def identifiers(actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]) -> HerIdentifiers:
    """Return by what she is found, since when, and whether it was verified."""
    return HerIdentifiers(
        [
            HerIdentifier(
                reference=each.reference, kind=each.kind, value=each.value, since=each.since, verified=each.verified
            )
            for each in await actions.identifiers(me)
        ]
    )


@post(
    "/v1/me/identifiers/disown",
    status_code=200,
    opt=described(
        caller="customer",
        body=NotMine,
        writes=True,
        body_example=NotMine(reference=A_REFERENCE),
        answer=Disowned,
        example=Disowned(43, "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"),
        refusals=(UnknownIdentifierError,),
    ),
)
async def disown(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Disowned:
    """Say that an identifier is not hers: at once it finds nobody as her, and no service can say it of her again."""
    body = await read_body(request, NotMine)
    done = await actions.disown(me, body.reference, await attempt_of(request, me))
    return Disowned(done.version, done.entry)
