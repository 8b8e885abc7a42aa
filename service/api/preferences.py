"""``/v1/me/preferences``: what she likes, how often, in which language, and when nobody disturbs her."""

import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from msgspec import UNSET, Meta, Struct, UnsetType

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import read_body, read_query
from service.api.described import described
from service.api.wire import AttributeWord
from service.errors import (
    PreconditionFailedError,
    PreconditionRequiredError,
    UnknownAttributeError,
    WrongKindError,
)
from service.model.callers import CustomerCaller
from service.model.catalogue import ValueKind
from service.model.quiet_hours import WRITTEN, quiet_hours
from service.model.translation import Language
from service.model.words import AttributeId
from service.usecases.preferences import Wished

TAG = re.compile(r'"([\x21\x23-\x7e]+)"')
Hours = Annotated[
    str,
    Meta(
        max_length=80,
        pattern=rf"^{WRITTEN.pattern}(?!\n)$",
        description="From when to when, over midnight if need be, and in which time zone (IANA).",
        examples=["22:00-07:00 Europe/Berlin"],
    ),
]


class Offered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A preference that she can set, and what she likes if she said so; without choices any value of its kind."""

    attribute: str
    title: str
    kind: ValueKind
    choices: list[str]
    value: Any | UnsetType = UNSET

    def __repr__(self) -> str:  # the value is hers
        return f"Offered({self.attribute!r})"


class PreferencesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """In which language; what is not translated is in that of the catalogue."""

    language: Language | None = None


class HerPreferences(Struct, frozen=True, kw_only=True):
    """What she likes, and what else she can say that she likes."""

    preferences: list[Offered]
    quiet_hours: str | None


class Liked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that she likes."""

    attribute: AttributeWord
    value: msgspec.Raw

    def __repr__(self) -> str:  # the value is hers
        return f"Liked({self.attribute!r})"


class Wish(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that she likes from now on; what is left out she likes no more."""

    preferences: Annotated[list[Liked], Meta(max_length=50)]
    quiet_hours: Hours | None


class Saved(Struct, frozen=True):
    """Preferences were recorded."""

    version: int
    entry: str


EXAMPLE = HerPreferences(
    preferences=[
        Offered(
            attribute="contact_frequency",
            title="How often you like to hear from us",
            kind=ValueKind.TEXT,
            choices=["weekly", "fortnightly", "monthly", "quarterly"],
            value="monthly",
        )
    ],
    quiet_hours="22:00-07:00 Europe/Berlin",
)


@get(
    "/v1/me/preferences",
    opt=described(caller="customer", answer=HerPreferences, example=EXAMPLE, tagged=True, query=PreferencesQuery),
)
async def read_preferences(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Response[HerPreferences]:
    """Return what she likes, with an ETag that a change of it has to name."""
    language = read_query(request, PreferencesQuery).language or ""
    found, catalogue = await actions.read_preferences(me), (await actions.catalogue()).told_in(language)
    offered = [
        Offered(
            attribute=id_,
            title=each.title,
            kind=each.kind,
            choices=list(each.choices),
            value=found.values.get(id_, UNSET),
        )
        for id_, each in sorted(catalogue.attributes.items())
        if each.preference
    ]
    answer = HerPreferences(preferences=offered, quiet_hours=found.quiet_hours or None)
    return Response(answer, headers={"ETag": f'"{found.tag}"'})


@put(
    "/v1/me/preferences",
    status_code=200,
    opt=described(
        caller="customer",
        body=Wish,
        writes=True,
        body_example=Wish(
            preferences=[Liked(attribute="preferred_language", value=msgspec.Raw(b'"en"'))],
            quiet_hours="22:00-07:00 Europe/Berlin",
        ),
        answer=Saved,
        example=Saved(43, "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"),
        refusals=(UnknownAttributeError, PreconditionFailedError, PreconditionRequiredError),
        tagged=True,
        conditional=True,
    ),
)
async def keep_preferences(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Response[Saved]:
    """Replace what she likes, if nobody changed it since she saw it."""
    body = await read_body(request, Wish)
    named = [AttributeId(each.attribute) for each in body.preferences]
    for index, attribute in enumerate(named):
        if attribute in named[:index]:
            raise WrongKindError("a preference stands twice", pointer=f"/preferences/{index}/attribute")
    values = [(AttributeId(each.attribute), bytes(each.value)) for each in body.preferences]
    wished = Wished(values, _hours(body.quiet_hours))
    kept = await actions.keep_preferences(me, wished, _seen(request), await attempt_of(request, me))
    return Response(Saved(kept.version, kept.entry), headers={"ETag": f'"{kept.tag}"'})


def _hours(written: str | None) -> str:
    if written is None:
        return ""
    try:
        quiet_hours(written)
    except ValueError as error:
        raise WrongKindError(str(error), pointer="/quiet_hours") from None
    return written


def _seen(request: Request[Any, Any, Any]) -> frozenset[str]:
    """Return the tags that the request may meet (RFC 9110, 13.1.1); a weak one never matches."""
    header = request.headers.get("if-match")
    if header is None:
        raise PreconditionRequiredError
    named = [TAG.fullmatch(each.strip()) for each in header.split(",")]
    found = frozenset(each[1] for each in named if each is not None)
    return found | {"*"} if header.strip() == "*" else found - {"*"}
