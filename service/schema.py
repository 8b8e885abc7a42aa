"""Brings a database to the schema of this release, and says whether it is there."""

import time
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from service.database import Database
from service.errors import OperatorError

REVISION = "SELECT version_num FROM alembic_version"
EXISTS = "SELECT to_regclass('alembic_version') IS NOT NULL"
TRIES = 60
PAUSE = 1.0
"""Seconds from one try to the next, in which those who waited behind it go on."""
PACKAGE = Path(__file__).parent


class Refused(StrEnum):
    """Why PostgreSQL refused a migration."""

    NO_RIGHT = "42501"
    NO_LOCK = "55P03"


def shipped(name: str) -> Path:
    """Return a folder that ships with the product: beside the package in a checkout, inside it in a wheel."""
    beside = PACKAGE.parent / name
    return beside if beside.is_dir() else PACKAGE / "_bundled" / name


def migrate(url: str, revision: str = "head") -> None:
    """Apply every migration that is missing, up to a revision. Starts its own event loop, so call it outside of one.

    A migration that does not get a lock soon lets those behind it pass, and is tried again. Raises OperatorError where
    the login lacks a right, or somebody holds a lock for long; what it had applied before stays.
    """
    for _ in range(TRIES):
        try:
            command.upgrade(_config(url), revision)
        except DBAPIError as error:
            match getattr(error.orig, "sqlstate", ""):
                case Refused.NO_RIGHT:
                    raise OperatorError(f"the migrating login lacks a right (docs/roles.md): {error.orig}") from None
                case Refused.NO_LOCK:
                    time.sleep(PAUSE)
                case _:
                    raise
        else:
            return
    raise OperatorError("somebody holds a lock that the migration needs; see pg_locks, and run it again")


async def refuse_other_schema(database: Database) -> None:
    """Raise OperatorError unless the database has exactly this release's schema, or a later one."""
    ours = ScriptDirectory.from_config(_config("")).get_current_head() or ""
    async with database.connection() as connection:
        theirs = await connection.fetchval(REVISION) if await connection.fetchval(EXISTS) else ""
    if theirs < ours:
        raise OperatorError("the database has no schema, or an older one; run: byleave migrate")


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["url"] = url
    return config
