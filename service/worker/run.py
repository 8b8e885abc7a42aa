"""The worker's round: one job after the other, again and again, whatever goes wrong with one."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.database import Database
from service.errors import ServiceError
from service.policy.engine import Policies
from service.usecases.access import forget_old_tokens
from service.usecases.announcements import announce_renewals
from service.usecases.once import forget_old_keys
from service.usecases.retention import end_expired_consents, end_outlived_facts

PAUSE = 60.0
"""Seconds between two rounds."""
log = structlog.get_logger()


async def work(database: Database, policies: Callable[[], Awaitable[Policies]], *, once: bool) -> bool:
    """Do every job, once or until cancelled; returns whether all went well the last time."""
    while True:
        well = await _round(database, policies)
        if once:
            return well
        await asyncio.sleep(PAUSE)


async def _round(database: Database, policies: Callable[[], Awaitable[Policies]]) -> bool:
    try:
        in_force = await policies()
        outlived = await end_outlived_facts(database, in_force)
        expired = await end_expired_consents(database, in_force.version)
        announced = await announce_renewals(database)
        await forget_old_keys(database)
        await forget_old_tokens(database)
    except ServiceError as error:
        # The next round tries again: nothing that has run its time is released meanwhile.
        log.error("alarm: retention could not be enforced", code=error.code, detail=error.detail)  # noqa: TRY400  no traceback
        return False
    log.info("retention enforced", outlived=outlived, expired=expired, announced=announced)
    return True
