"""``/v1/me/permissions``: what is allowed of her now, or was at any instant, and why."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import instant, read_query
from service.api.described import described
from service.api.wire import Instant, PurposeWord
from service.model.callers import CustomerCaller
from service.model.decision import Withheld
from service.model.words import AttributeId, Channel, PurposeId, Status
from service.usecases.past import Allowed, Question, Then

At = Annotated[
    datetime,
    Meta(tz=True, description="Of which instant; without it, of now.", examples=["2026-03-03T10:00:00Z"]),
]


class PermissionQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of which instant and which purpose."""

    at: At | None = None
    purpose: PurposeWord | None = None


class Ground(Struct, frozen=True, omit_defaults=True):
    """Her answer that stood then: its status, its notice, and its entry."""

    status: Status
    notice: int | None = None
    entry: str | None = None


class Permission(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one service was allowed for one purpose on one channel, of what is known and not out of date.

    ``consent`` is absent where the purpose does not rest on consent.
    """

    service: str
    purpose: str
    channel: Channel
    permitted: list[str]
    withheld: list[Withheld]
    consent: Ground | None = None


class Permissions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that was allowed at an instant, by the policies in force then; nothing before she was known."""

    at: Instant
    permissions: list[Permission]
    policy_version: str | None = None


EXAMPLE = Permissions(
    at=datetime(2026, 3, 3, 10, tzinfo=UTC),
    policy_version="sha256:" + "0" * 64,
    permissions=[
        Permission(
            service="recommender",
            purpose="personalise.recommendations",
            channel=Channel.WEB,
            permitted=["first_name", "favourite_genres"],
            withheld=[Withheld(AttributeId("birth_year"), "demographic", "forbid.demographic")],
            consent=Ground(Status.GIVEN, 1, "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"),
        )
    ],
)


@get(
    "/v1/me/permissions",
    opt=described(caller="customer", answer=Permissions, example=EXAMPLE, query=PermissionQuery),
)
async def permissions(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Permissions:
    """Return what each service was allowed of her at an instant, and why not more."""
    query = read_query(request, PermissionQuery)
    question = Question(
        at=None if query.at is None else instant(query.at, "/at"),
        purpose=None if query.purpose is None else PurposeId(query.purpose),
    )
    return _permissions(await actions.allowed(me, question))


def _permissions(then: Then) -> Permissions:
    return Permissions(
        at=then.at, policy_version=then.policies, permissions=[_permission(each) for each in then.allowed]
    )


def _permission(allowed: Allowed) -> Permission:
    answered, asked = allowed.answered, allowed.asked
    return Permission(
        service=asked.service,
        purpose=asked.purpose,
        channel=asked.channel,
        permitted=[permit.fact.attribute for permit in allowed.decision.permits],
        withheld=list(allowed.decision.withheld),
        consent=None if answered is None else Ground(answered.status, answered.notice, answered.entry),
    )
