"""A customer's affairs at a glance: how much is known, allowed and used; and what the top of every page says of her."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.crypto.cursors import LAST
from service.crypto.keyring import Keyring, open_own_identifier
from service.database import Connection, Database
from service.errors import IntegrityError, UnknownCustomerError
from service.model.callers import CustomerCaller
from service.model.catalogue import Catalogue, Purpose
from service.model.choices import Chosen, Kind
from service.model.consent import RENEWAL_DUE, Answer
from service.model.facts import Restrictions
from service.model.identifiers import STRENGTH, Identifier, masked
from service.model.quiet_hours import quiet_hours
from service.model.situation import Yes, by_anybody, not_paused, paused_by_another, yes_of
from service.model.words import Basis, CustomerId, Provenance, PurposeId
from service.policy.engine import Policies
from service.storage import choices, consents, customers, facts, uses

LATELY = timedelta(days=7)
SHOWN = 5
"""Things that she did last."""


class Due(Struct, frozen=True):
    """A purpose that wants a look: its yes does not cover what a newer notice asks for, or ends soon, at ``ends``."""

    purpose: Purpose
    ends: datetime | None = None


class Overview(Struct, frozen=True, kw_only=True):
    """``known``: facts by how they came to be known. ``allowed`` of ``asked`` purposes by consent, on some channel.

    ``used``: of the last seven days. ``lately``: what she answered and chose last, newest first.
    """

    known: Mapping[Provenance, int]
    allowed: int
    asked: int
    used: uses.Summary
    due: list[Due]
    lately: list[Answer | Chosen]
    limits: Restrictions
    now: datetime


async def overview(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> Overview:
    """Return a customer's affairs at a glance; writes nothing.

    Raises IntegrityError when what holds beside her consents is not proven.
    """
    async with database.snapshot() as connection:
        profile = await facts.read_profile(connection, keyring, caller.customer)
        used = await uses.summary(connection, caller.customer, profile.now - LATELY)
        lately = await _lately(connection, policies.catalogue, caller.customer)
    if profile.restrictions is None:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    everything = [fact for each in profile.facts.values() for fact in each]
    asked = [each for each in policies.catalogue.purposes.values() if each.basis is Basis.CONSENT]
    allowed = [(each, yeses) for each in asked if (yeses := _yeses(profile, each))]
    return Overview(
        known={each: sum(fact.provenance is each for fact in everything) for each in Provenance},
        allowed=len(allowed),
        asked=len(asked),
        used=used,
        due=[due for each in allowed if (due := _due(policies.catalogue, *each, profile.now)) is not None],
        lately=lately,
        limits=profile.restrictions,
        now=profile.now,
    )


def _yeses(profile: facts.Profile, purpose: Purpose) -> list[Yes]:
    spots = [by_anybody(PurposeId(purpose.id), channel) for channel in purpose.channels]
    return [yes for each in spots if (yes := yes_of(profile.facts_for(each))) is not None]


def _due(catalogue: Catalogue, purpose: Purpose, yeses: Sequence[Yes], now: datetime) -> Due | None:
    """Return what wants a look of her yeses to one purpose, once for however many channels."""
    if any(yes.notice < catalogue.newest_material(PurposeId(purpose.id)) for yes in yeses):
        return Due(purpose)
    soon = [yes.ends for yes in yeses if yes.ends is not None and yes.ends <= now + RENEWAL_DUE]
    return Due(purpose, min(soon)) if soon else None


async def _lately(connection: Connection, catalogue: Catalogue, customer: CustomerId) -> list[Answer | Chosen]:
    """Return what she answered and chose last; that she was asked is nothing that she did."""
    acts: list[Answer | Chosen] = [*await consents.answered(connection, customer, catalogue.consents_of(None), SHOWN)]
    chosen = [each for _, each in await choices.history(connection, customer, LAST, 2 * SHOWN)]
    acts += [each for each in chosen if each.choice.kind is not Kind.AGE_BAND]  # others said it
    return sorted(acts, key=lambda each: each.recorded_at, reverse=True)[:SHOWN]


class Header(Struct, frozen=True, kw_only=True):
    """What the top of every page says of her; its repr hides it.

    ``paused_elsewhere``: until when another side of a merged person pauses, where that is longer. ``zone``: by which
    clock she has quiet hours. ``known_by``: by what we find her, masked, so that she sees whose page this is.
    """

    paused_until: datetime | None = None
    paused_elsewhere: datetime | None = None
    zone: ZoneInfo | None = None
    known_by: str = ""

    def __repr__(self) -> str:
        return "Header()"


async def header(database: Database, keyring: Keyring, caller: CustomerCaller) -> Header:
    """Return what the top of a page says; what is not proven is not said."""
    async with database.connection() as connection:
        limits = (await customers.restrictions_of(connection, keyring, [caller.customer])).get(caller.customer)
        linked = () if limits is None else limits.linked
        others = await customers.restrictions_of(connection, keyring, linked) if linked else {}
        known_by = await _known_by(connection, keyring, caller)
        now = await customers.clock(connection)
    if limits is None:
        return Header(known_by=known_by)
    return Header(
        paused_until=None if not_paused(limits, now) else limits.paused_until,
        paused_elsewhere=paused_by_another(limits, others.values(), now),
        zone=_zone(limits.quiet_hours),
        known_by=known_by,
    )


async def _known_by(connection: Connection, keyring: Keyring, caller: CustomerCaller) -> str:
    """Return by what she is found, masked: a checked address before others; nothing where none can be opened."""
    claims = await customers.proven_identifiers(connection, keyring, caller.customer)
    claim = min(claims, key=lambda each: (STRENGTH[each.kind], each.verified_at is None), default=None)
    if claim is None:
        return ""
    try:
        key = await customers.open_key(connection, keyring, caller.customer)
        return masked(Identifier(claim.kind, open_own_identifier(key, caller, *claim.found, claim.sealed)))
    except (IntegrityError, UnknownCustomerError):
        return ""


def _zone(hours: str) -> ZoneInfo | None:
    try:
        return quiet_hours(hours).zone if hours else None
    except ValueError:
        return None
