"""A customer's affairs at a glance: how much is known, allowed and used, and whether she has asked for peace."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import IntegrityError
from service.model.callers import CustomerCaller
from service.model.facts import Restrictions
from service.model.situation import Asked, not_paused, told
from service.model.words import Basis, Provenance, PurposeId, ServiceId
from service.policy.engine import Policies
from service.storage import customers, facts, uses

LATELY = timedelta(days=7)
NOBODY = ServiceId("")
"""What a purpose rests on is the same whichever service asks."""


class Overview(Struct, frozen=True, kw_only=True):
    """``known``: facts by how they came to be known. ``allowed`` of ``asked`` purposes by consent, on some channel.

    ``used``: of the last seven days.
    """

    known: Mapping[Provenance, int]
    allowed: int
    asked: int
    used: uses.Summary
    limits: Restrictions
    now: datetime


async def overview(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> Overview:
    """Return a customer's affairs at a glance; writes nothing.

    Raises IntegrityError when what holds beside her consents is not proven.
    """
    async with database.snapshot() as connection:
        profile = await facts.read_profile(connection, keyring, caller.customer)
        used = await uses.summary(connection, caller.customer, profile.now - LATELY)
    if profile.restrictions is None:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    everything = [fact for each in profile.facts.values() for fact in each]
    asked = [each for each in policies.catalogue.purposes.values() if each.basis is Basis.CONSENT]
    allowed = [
        purpose
        for purpose in asked
        if any(
            told(profile.facts_for(Asked(NOBODY, PurposeId(purpose.id), channel)))[0].valid
            for channel in purpose.channels
        )
    ]
    return Overview(
        known={each: sum(fact.provenance is each for fact in everything) for each in Provenance},
        allowed=len(allowed),
        asked=len(asked),
        used=used,
        limits=profile.restrictions,
        now=profile.now,
    )


async def paused_until(database: Database, keyring: Keyring, caller: CustomerCaller) -> datetime | None:
    """Return until when she has asked for peace; None where she has not, or where nothing proves it."""
    async with database.connection() as connection:
        limits = (await customers.restrictions_of(connection, keyring, [caller.customer])).get(caller.customer)
        now = await customers.clock(connection)
    return None if limits is None or not_paused(limits, now) else limits.paused_until
