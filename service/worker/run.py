"""The worker's round: one job after the other, again and again, whatever goes wrong with one."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import ServiceError
from service.policy.engine import Policies
from service.usecases.access import forget_old_tokens
from service.usecases.announcements import announce_renewals
from service.usecases.codes import forget_old
from service.usecases.message_links import forget_ended
from service.usecases.once import forget_old_keys
from service.usecases.retention import end_expired_consents, end_outlived_facts, forget_struck_facts

PAUSE = 60.0
"""Seconds between two rounds."""
log = structlog.get_logger()


async def work(
    database: Database,
    keyring: Callable[[], Awaitable[Keyring | None]],
    policies: Callable[[], Awaitable[Policies]],
    *,
    once: bool,
) -> bool:
    """Do every job, once or until cancelled; returns whether all went well the last time."""
    while True:
        well = await _round(database, keyring, policies)
        if once:
            return well
        await asyncio.sleep(PAUSE)


async def _round(
    database: Database,
    keyring: Callable[[], Awaitable[Keyring | None]],
    policies: Callable[[], Awaitable[Policies]],
) -> bool:
    async def outlived() -> int:
        # Only the catalogue says how long a fact is kept; nothing else here needs policies that can be used.
        return await end_outlived_facts(database, await keyring(), await policies())

    async def expired() -> int:
        return await end_expired_consents(database, await keyring())

    async def announced() -> int:
        return await announce_renewals(database, await keyring())

    jobs: dict[str, Callable[[], Awaitable[int]]] = {
        "outlived": outlived,
        "expired": expired,
        "announced": announced,
        "struck out": lambda: forget_struck_facts(database),
        "old keys": lambda: forget_old_keys(database),
        "old tokens": lambda: forget_old_tokens(database),
        "old links": lambda: forget_ended(database),
        "old sign-ins": lambda: forget_old(database),
    }
    done = [await _well(name, job) for name, job in jobs.items()]
    return all(done)


async def _well(name: str, job: Callable[[], Awaitable[int]]) -> bool:
    """Do a job; returns whether it went well. If not, the next round tries again: nothing is released meanwhile."""
    try:
        count = await job()
    except ServiceError as error:
        log.error("alarm: retention could not be enforced", job=name, code=error.code, detail=error.detail)  # noqa: TRY400  no traceback
        return False
    except Exception as error:  # noqa: BLE001  a mistake of ours in one job must not keep the others from what is due
        log.error("alarm: retention could not be enforced", job=name, fault=type(error).__name__)  # noqa: TRY400  no traceback
        return False
    log.info("retention enforced", job=name, count=count)
    return True
