"""Brings a database to the schema of this release, and says whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from service.database import Database
from service.errors import OperatorError

REVISION = "SELECT version_num FROM alembic_version"
EXISTS = "SELECT to_regclass('alembic_version') IS NOT NULL"
NO_RIGHT = "42501"  # insufficient_privilege
PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return a folder that ships with the product: beside the package in a checkout, inside it in a wheel."""
    beside = PACKAGE.parent / name
    return beside if beside.is_dir() else PACKAGE / "_bundled" / name


def migrate(url: str, revision: str = "head") -> None:
    """Apply every migration that is missing, up to a revision. Starts its own event loop, so call it outside of one.

    Raises OperatorError where the login lacks a right; what it had applied before stays.
    """
    try:
        command.upgrade(_config(url), revision)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != NO_RIGHT:
            raise
        raise OperatorError(f"the migrating login lacks a right (docs/roles.md): {error.orig}") from None


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
