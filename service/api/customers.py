"""``/v1/customers``: enrolling customers and contributing facts about them."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import instant, read_body
from service.api.described import described
from service.api.wire import (
    HER,
    AttributeWord,
    CustomerWord,
    Identifiers,
    Instant,
    SomeIdentifiers,
    SourceWord,
    customer_in_path,
)
from service.errors import (
    IdentifierTakenError,
    NotGrantedError,
    SuppressedError,
    UnknownAttributeError,
    UnknownCustomerError,
    UnknownFactError,
    WrongKindError,
)
from service.model.callers import ServiceCaller
from service.model.facts import CERTAIN
from service.model.words import AgeBand, AttributeId, IdentifierKind, Provenance
from service.usecases import customers as usecases
from service.usecases.customers import Changed, Claim, Newcomer

Source = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}(?!\n)$")]


class Enrolment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer by one or more identifiers.

    ``age_band``: of a customer who is known, ``minor`` holds at once and for good, and ``adult`` only fills what was
    unknown, where the service is trusted to record a yes. ``verified``: the kinds of identifiers of which this service
    has verified that they are hers, which takes the right to; it is recorded and shown, and nothing is decided by it
    yet. To a customer who is known a service without the right adds no identifier.
    """

    identifiers: SomeIdentifiers
    age_band: AgeBand = AgeBand.UNKNOWN
    verified: Annotated[list[IdentifierKind], Meta(max_length=3, extra_json_schema={"uniqueItems": True})] = []


class Parent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fact of the same customer, as a release names it."""

    attribute: AttributeWord
    provenance: Provenance
    source: SourceWord


class Fact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of an attribute, with how it came to be known.

    ``source``: this service's own word for where it comes from, such as an order; no personal data. ``confidence``
    in percent. ``derived_from``: for what is inferred, the facts it rests on, so that it goes when they go.
    """

    attribute: AttributeWord
    value: msgspec.Raw
    provenance: Provenance
    as_of: Instant | None = None
    source: Source | None = None
    confidence: Annotated[int, Meta(ge=0, le=100)] = CERTAIN
    derived_from: Annotated[list[Parent], Meta(max_length=20)] = []

    def __repr__(self) -> str:  # the value is hers
        return f"Fact({self.attribute!r})"


ONLY_GUESSES_ARE_DERIVED = {
    "if": {"properties": {"provenance": {"const": Provenance.INFERRED.value}}},
    "else": {"properties": {"derived_from": {"maxItems": 0}}},
}


class Contribution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Facts about one customer; all of them are taken in, or none. What she said was not her is not kept."""

    facts: Annotated[
        list[Annotated[Fact, Meta(extra_json_schema=ONLY_GUESSES_ARE_DERIVED)]], Meta(min_length=1, max_length=100)
    ]


class Written(Struct, frozen=True):
    """What every write answers."""

    customer: CustomerWord
    version: int
    entry: str


class Taken(Struct, frozen=True, omit_defaults=True):
    """What a contribution answers. ``not_kept``: places in ``facts`` of those not kept.

    She wants them kept by nobody, or a newer one is there.
    """

    customer: CustomerWord
    version: int
    entry: str
    not_kept: list[int] = []


EXAMPLE = Written(HER, 43, "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6")


@post(
    "/v1/customers",
    status_code=200,
    opt=described(
        caller="service",
        body=Enrolment,
        writes=True,
        body_example=Enrolment(identifiers=Identifiers(email="abbie@example.com"), age_band=AgeBand.ADULT),
        answer=Written,
        example=EXAMPLE,
        refusals=(IdentifierTakenError, SuppressedError, NotGrantedError),
    ),
)
async def enrol(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Written:
    """Enrol a customer, or recognise her; answers this service's own id of her in both cases."""
    body = await read_body(request, Enrolment)
    found_by = body.identifiers.normalised("/identifiers")
    if not found_by:
        raise WrongKindError("name at least one identifier", pointer="/identifiers")
    who = Newcomer(found_by, body.age_band, body.verified)
    return _written(await actions.enrol(caller, who, await attempt_of(request, caller)))


@post(
    "/v1/customers/{customer:str}/attributes",
    status_code=200,
    opt=described(
        caller="service",
        body=Contribution,
        writes=True,
        body_example=Contribution(
            facts=[
                Fact(
                    attribute="favourite_genres",
                    value=msgspec.Raw(b'["crime","travel"]'),
                    provenance=Provenance.VOLUNTEERED,
                )
            ]
        ),
        answer=Taken,
        example=Taken(EXAMPLE.customer, EXAMPLE.version, EXAMPLE.entry),
        refusals=(UnknownCustomerError, UnknownAttributeError, UnknownFactError, NotGrantedError),
    ),
)
async def contribute(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> Taken:
    """Contribute facts about a customer, as far as this service may say them."""
    body = await read_body(request, Contribution)
    claims = [_claim(index, fact) for index, fact in enumerate(body.facts)]
    attempt = await attempt_of(request, caller)
    done = await actions.contribute(caller, customer_in_path(customer), claims, attempt)
    return Taken(done.customer, done.version, done.entry, done.not_kept)


def _claim(index: int, fact: Fact) -> Claim:
    as_of = None if fact.as_of is None else instant(fact.as_of, f"/facts/{index}/as_of")
    return Claim(
        AttributeId(fact.attribute),
        fact.provenance,
        bytes(fact.value),
        as_of,
        fact.source or "",
        fact.confidence,
        tuple(usecases.Parent(each.attribute, each.provenance, each.source) for each in fact.derived_from),
    )


def _written(changed: Changed) -> Written:
    return Written(changed.customer, changed.version, changed.entry)
