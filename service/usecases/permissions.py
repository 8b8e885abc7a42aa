"""What a customer allows, as she is shown it: each purpose on each channel, what holds, and what came of it."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.snapshots import make_snapshot
from service.database import Database
from service.errors import IntegrityError
from service.model.callers import CustomerCaller, actor
from service.model.catalogue import Catalogue, Notice, Purpose, Service
from service.model.choices import FLAG, Allowed, Bar, Choice, Objection, Pause
from service.model.consent import Answer
from service.model.facts import Facts, Restrictions, bar_parts
from service.model.overruling import overruling
from service.model.situation import by_anybody, paused_by_another, told
from service.model.snapshots import Snapshot
from service.model.words import Basis, Channel, PurposeId, Status
from service.policy.engine import Policies
from service.storage import consents, facts, uses

READ, SHOWN = 100, 5
"""Answers that are looked at, and of each purpose shown."""


class Permission(Struct, frozen=True, kw_only=True):
    """One purpose on one channel. ``since``: of her own answer. ``notice``: the one that it was to, if any.

    ``snapshot``: proof that the notice in force is on her screen, to be sent with an answer.
    """

    channel: Channel
    status: Status
    since: datetime | None
    ends: datetime | None
    notice: int | None
    explicit: bool
    snapshot: str
    effect: uses.Effect


class Shown(Struct, frozen=True, kw_only=True):
    """A purpose; ``notice``: the one in force in her language. ``objected``: to what rests on an interest."""

    purpose: Purpose
    notice: Notice | None
    newest: int
    """The newest notice that asks for more: a yes to an older one does not cover all of it."""
    permissions: list[Permission]
    history: list[Answer]
    """What she answered last, newest first."""
    objected: bool = False
    overruled: Mapping[str, bool] = {}
    """By which limits of hers a yes does not count now, by their codes; whether only another side of her says so."""

    def asks_more(self, permission: Permission) -> bool:
        """Whether a newer notice asks for more than the one that she answered to."""
        return (permission.notice or 0) < self.newest

    def used_by(self, catalogue: Catalogue) -> list[Service]:
        """Return the services that use it."""
        return [each for each in catalogue.services.values() if self.purpose.id in each.uses]


class Permissions(Struct, frozen=True):
    """What rests on her consent, then everything else; and what she chose above single purposes."""

    asked: list[Shown]
    unasked: list[Shown]
    limits: Restrictions
    elsewhere: list[Choice]
    """What only another side of a merged person forbids: it counts all the same, and is lifted only there."""
    now: datetime


async def permissions(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, language: str, layout: str
) -> Permissions:
    """Return what she allows, by the facts that decisions rest on; writes nothing.

    ``layout``: the name of the arrangement of the page that shows it. Raises IntegrityError when what holds beside
    her consents is not proven.
    """
    async with database.snapshot() as connection:
        profile = await facts.read_profile(connection, keyring, caller.customer)
        answered = {spot: each.decided_at for spot, each in profile.sides[0].standing.items()}
        effects = await uses.effects(connection, caller.customer, answered)
        past = await consents.answered(connection, caller.customer, policies.catalogue.consents_of(None), READ)
    if profile.restrictions is None:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    told = policies.catalogue.told_in(language)
    screen = _Screen(keyring, told, caller, language, layout, profile.now)
    read = _Read(profile, effects, past)
    shown = [_shown(screen, read, purpose) for purpose in told.purposes.values()]
    asked = [each for each in shown if each.purpose.basis is Basis.CONSENT]
    unasked = [each for each in shown if each.purpose.basis is not Basis.CONSENT]
    return Permissions(asked, unasked, profile.restrictions, _elsewhere(profile), profile.now)


def _elsewhere(profile: facts.Profile) -> list[Choice]:
    mine, *others = (each.restrictions or Restrictions() for each in profile.sides)
    objected = {id_ for each in others for id_ in each.objections}.difference(mine.objections)
    barred = {what for each in others for what in each.barred}.difference(mine.barred)
    until = paused_by_another(mine, others, profile.now)
    return [
        *([] if until is None else [Pause(until)]),
        *(Allowed(kind, False) for kind, flag in FLAG.items() if _only_there(flag, mine, others)),
        *(Objection(id_, True) for id_ in sorted(objected)),
        *(Bar(*bar_parts(what), True) for what in sorted(barred)),
    ]


def _only_there(flag: str, mine: Restrictions, others: list[Restrictions]) -> bool:
    return getattr(mine, flag) and not all(getattr(each, flag) for each in others)


class _Screen(Struct, frozen=True):
    """The page before her."""

    keyring: Keyring
    catalogue: Catalogue
    caller: CustomerCaller
    language: str
    layout: str
    now: datetime

    def snapshot(self, notice: Notice, channel: Channel) -> str:
        """Return the proof that a notice is on it."""
        shown = Snapshot(
            purpose=notice.purpose,
            channel=channel,
            notice=notice.version,
            language=notice.language,
            layout=self.layout,
            digest=notice.digest,
            at=self.now,
            by=actor(self.caller),
        )
        return make_snapshot(self.keyring, shown, self.caller.customer)


class _Read(Struct, frozen=True):
    """What is stored: what decisions rest on, what came of her answers, and the answers themselves."""

    profile: facts.Profile
    effects: Mapping[tuple[PurposeId, Channel], uses.Effect]
    past: list[Answer]


def _shown(screen: _Screen, read: _Read, purpose: Purpose) -> Shown:
    id_ = PurposeId(purpose.id)
    notice = screen.catalogue.notices.get((id_, screen.catalogue.notice_in_force(id_), screen.language))
    limits = read.profile.restrictions
    return Shown(
        purpose=purpose,
        notice=notice,
        newest=screen.catalogue.newest_material(id_),
        permissions=[_permission(screen, read, id_, channel, notice) for channel in purpose.channels],
        history=[each for each in read.past if each.purpose == id_][:SHOWN],
        objected=limits is None or id_ in limits.objections,
        overruled=_overruled(screen.catalogue, read.profile, purpose),
    )


def _overruled(catalogue: Catalogue, profile: facts.Profile, purpose: Purpose) -> dict[str, bool]:
    sides = [each.restrictions or Restrictions() for each in profile.sides]
    here = overruling(catalogue, purpose, sides[:1])
    return {code: code not in here for code in overruling(catalogue, purpose, sides)}


def _permission(
    screen: _Screen, read: _Read, purpose: PurposeId, channel: Channel, notice: Notice | None
) -> Permission:
    bearing: Facts = read.profile.facts_for(by_anybody(purpose, channel))
    status, answered = told(bearing)
    mine = bearing.standing
    return Permission(
        channel=channel,
        status=status,
        since=None if mine is None else mine.decided_at,
        ends=None if mine is None else mine.expires_at,
        notice=answered,
        explicit=all(side.standing is not None and side.standing.explicit for side in bearing.sides),
        snapshot="" if notice is None else screen.snapshot(notice, channel),
        effect=read.effects.get((purpose, channel), uses.Effect()),
    )
