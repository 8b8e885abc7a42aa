"""Hands out connections and transactions, and nothing else.

Whatever goes wrong with the database becomes one refusal: without it there is no decision and no data.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import gaierror
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import Pool, PoolConnectionProxy

from service.embedded import running
from service.errors import DatabaseUnavailableError, OutcomeUnknownError
from service.settings import Settings, Urls

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[Record]"

PATIENCE = 1.2
"""Seconds that the server works at one statement before it gives up itself."""
SILENCE = 1.5
"""Seconds that a request waits for a connection, and for an answer of a server that says nothing at all."""

WAITING = "SyncRepWaitForLSN"
"""Where in PostgreSQL a commit waits for a standby: its warnings are known by that, for their words are translated."""
log = structlog.get_logger()

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
WORDS: dict[type[BaseException], str] = {
    asyncpg.InvalidCatalogNameError: "there is no such database",
    asyncpg.InvalidAuthorizationSpecificationError: "it refuses this login",
    asyncpg.InsufficientPrivilegeError: "this login lacks a right (docs/roles.md)",
    asyncpg.UndefinedTableError: "it has no schema, or not that of this release; run: byleave migrate",
    asyncpg.UndefinedColumnError: "it has not the schema of this release; run: byleave migrate",
    gaierror: "its host is not known",
    TimeoutError: "it does not answer in time",
    OSError: "it does not answer",
}
"""What an operator can do something about; the first that fits counts."""


def in_words(fault: BaseException) -> str:
    """Say what a database has, without a value that somebody could have sent it."""
    words = next((words for kind, words in WORDS.items() if isinstance(fault, kind)), type(fault).__name__)
    return f"the database cannot be used: {words}"


class Database:
    """Connections to one PostgreSQL primary. Opening it does not connect: a database that is down may come back."""

    def __init__(self, url: str, connections: int, patience: float = PATIENCE) -> None:
        """``patience``: the seconds that one statement may take."""
        self._url = url
        self._connections = connections
        self._patience = patience
        self._pool: Pool[Record] | None = None
        self._beside: list[Database] = []

    def __repr__(self) -> str:  # the URL holds a password
        return "Database()"

    def beside(self, connections: int) -> "Database":
        """Return the same database over connections of its own, so that what uses these waits for nobody else's.

        It opens when it is first used, and closes with this one.
        """
        other = Database(self._url, connections, self._patience)
        self._beside.append(other)
        return other

    async def open(self) -> None:
        """Make ready to connect; raises DatabaseUnavailableError for a URL that is none."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._connections,
                timeout=SILENCE,
                reset=_leave,
                command_timeout=self._patience + SILENCE - PATIENCE,
                server_settings={
                    "application_name": "byleave",
                    "timezone": "UTC",
                    # Durability is asked of nobody: an acknowledged no survives (P4).
                    "synchronous_commit": "on",
                    # A process that froze in a transaction must not hold a customer's no back for long.
                    "idle_in_transaction_session_timeout": "3000",
                    # A host that is gone must not hold the sequencer's lock for the two hours that TCP would wait.
                    "tcp_keepalives_idle": "2",
                    "tcp_keepalives_interval": "1",
                    "tcp_keepalives_count": "3",
                    "statement_timeout": str(round(self._patience * 1000)),
                    # To compile a statement of some microseconds takes some hundred milliseconds.
                    "jit": "off",
                },
            )
        except (*FAULTS, ValueError) as fault:
            raise DatabaseUnavailableError("BYLEAVE_DATABASE_URL cannot be used") from fault

    async def close(self) -> None:
        """Close every connection; those in use are cut after a while."""
        for other in self._beside:
            await other.close()
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(SILENCE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection outside any transaction."""
        if self._pool is None:
            await self.open()
        assert self._pool is not None  # noqa: S101  open() leaves one
        try:
            async with self._pool.acquire(timeout=SILENCE) as connection:
                with _cut_when_silent(connection), _confirmed(connection):
                    yield connection
        except FAULTS as fault:
            raise DatabaseUnavailableError(in_words(fault)) from fault

    def within(self, connection: Connection) -> "Database":
        """Return this database as seen from inside a transaction that is open on a connection."""
        return _Within(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction that commits when the block ends without an exception."""
        async with self.connection() as connection, connection.transaction():
            with _cut_when_silent(connection):
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Lend a connection on which everything that is read is of one instant, and nothing can be written."""
        async with (
            self.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            with _cut_when_silent(connection):
                yield connection


async def _leave(_: object) -> None:
    """Spare a round trip after each use: what is open is rolled back, and nothing else is left on a connection.

    Whoever wants something to last with a connection cuts it afterwards.
    """


@contextmanager
def _confirmed(connection: Connection) -> Iterator[None]:
    """Raise OutcomeUnknownError if a commit gave up waiting for a standby, which PostgreSQL calls a success."""
    given_up = False

    def listen(_: object, message: asyncpg.PostgresLogMessage) -> None:
        nonlocal given_up
        if getattr(message, "server_source_function", None) == WAITING:
            given_up = True
            log.error("alarm: a commit is not confirmed by a standby")

    connection.add_log_listener(listen)
    try:
        yield
    finally:
        with suppress(asyncpg.InterfaceError):  # it was cut
            connection.remove_log_listener(listen)
    if given_up:
        raise OutcomeUnknownError


@contextmanager
def _cut_when_silent(connection: Connection) -> Iterator[None]:
    """Cut the connection to a server that no longer answers: to roll back or to cancel would only wait once more."""
    try:
        yield
    except TimeoutError:
        connection.terminate()
        raise


class _Within(Database):
    """A database in the middle of a transaction: what is begun here is part of that one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__("", 0)
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend the connection of the transaction."""
        yield self._connection


@asynccontextmanager
async def opened(url: str, connections: int = 5, patience: float = PATIENCE) -> AsyncIterator[Database]:
    """Lend an open database for the length of a block; ``patience``: the seconds that one statement may take."""
    database = Database(url, connections, patience)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def reachable(settings: Settings) -> Iterator[Urls]:
    """Lend the URLs of the database of the settings, else of the embedded one of the home folder."""
    if settings.urls is not None:
        yield settings.urls
    else:
        with running(settings.home) as urls:
            yield urls
