"""The sequencer's round: one of all that run leads, and takes what waits into the log, again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import ServiceError
from service.usecases import sequencing
from service.usecases.sequencing import Desk

MOST = 10_000
"""Entries in one batch."""
PAUSE = 0.1
"""Seconds from one batch to the next, unless there is more than fits in one."""
STANDING_BY = 1.0
"""Seconds from one attempt to lead to the next."""
PATIENCE = 20.0
"""Seconds that one statement of a sequencer may take: a batch is more work than a request."""
LATE = 2.0
"""Seconds that an entry may wait before somebody should know."""
QUIET = 10.0
"""Seconds from one such alarm to the next."""
log = structlog.get_logger()

Keys = Callable[[], Awaitable[Keyring | None]]


async def sequence(database: Database, desk: Desk, keys: Keys, *, once: bool = False) -> bool:
    """Lead if nobody does, else stand by; whatever goes wrong is said, and tried again. Returns whether all went well.

    Once: take what waits now, unless another sequencer does.
    """
    while True:
        well = await _well(database, desk, keys, once=once)
        if once:
            return well
        await asyncio.sleep(STANDING_BY)


async def _well(database: Database, desk: Desk, keys: Keys, *, once: bool) -> bool:
    try:
        async with database.connection() as connection:
            if await sequencing.lead(connection):
                try:
                    await _lead(connection, desk, keys, once=once)
                finally:
                    connection.terminate()  # and with it the lock goes
            else:
                await sequencing.watch(connection, desk)
    except ServiceError as error:
        log.error("alarm: nothing is taken into the ledger", code=error.code, detail=error.detail)  # noqa: TRY400  no traceback
        return False
    except Exception as error:  # noqa: BLE001  a mistake of ours must not end the sequencer for good
        log.error("alarm: nothing is taken into the ledger", fault=type(error).__name__)  # noqa: TRY400  no traceback
        return False
    return True


async def _lead(connection: Connection, desk: Desk, keys: Keys, *, once: bool) -> None:
    """Take batch after batch, for as long as the connection lasts; once: until nothing waits."""
    place = await sequencing.begin(connection, desk)
    sequencing.remember(desk, place)
    log.info("this sequencer leads", ledger=place.signer.name, size=place.frontier.size)
    clock = asyncio.get_running_loop().time
    alarmed = looked = clock() - QUIET
    further: int | None = None
    while True:
        began = clock()
        if further is not None or began - looked >= STANDING_BY:
            looked, further = began, await _seal_waiting(connection, keys, further or 0)
            # After an upgrade all that was ever entered waits, and each batch below passes over what still does.
            while further is not None and clock() - began < STANDING_BY:
                further = await _seal_waiting(connection, keys, further)
        sealed = await sequencing.seal(connection, place, MOST)
        if sealed.count:
            place = sealed.place
            sequencing.remember(desk, place)
        if sealed.lag > LATE and began - alarmed >= QUIET:
            alarmed = began
            log.error("alarm: the ledger is late", seconds=round(sealed.lag, 1), size=place.frontier.size)
        if once and not sealed.count and further is None:
            return
        if sealed.count < MOST:
            await asyncio.sleep(max(0.0, PAUSE - (clock() - began)))


async def _seal_waiting(connection: Connection, keys: Keys, after: int) -> int | None:
    """Seal what waits for keys beyond a number, if they are back; returns beyond which number more waits.

    If that goes wrong, what is sealed is taken into the log all the same.
    """
    try:
        if not await sequencing.waits(connection):
            return None
        keyring = await keys()
        if keyring is None:
            log.error("alarm: entries wait for keys")
            return None
        looked = await sequencing.seal_waiting(connection, keyring, after)
    except Exception as error:  # noqa: BLE001  what waits must not hold up what does not
        log.error("alarm: entries wait for keys", fault=type(error).__name__)  # noqa: TRY400  no traceback
        return None
    if looked.left:
        log.error("alarm: entries wait for keys", left=looked.left)
    return looked.further
