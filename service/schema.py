"""What ships with this release, and whether a database has its schema."""

from pathlib import Path

from service.database import Database
from service.errors import OperatorError

REVISION = "SELECT version_num FROM alembic_version"
EXISTS = "SELECT to_regclass('alembic_version') IS NOT NULL"
PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return a folder that ships with the product: beside the package in a checkout, inside it in a wheel."""
    beside = PACKAGE.parent / name
    return beside if beside.is_dir() else PACKAGE / "_bundled" / name


def head() -> str:
    """Return the revision of this release: the number of its last migration."""
    return max(file.name.partition("_")[0] for file in shipped("migrations").glob("versions/[0-9]*.py"))


async def refuse_other_schema(database: Database) -> None:
    """Raise OperatorError unless the database has exactly this release's schema, or a later one."""
    async with database.connection() as connection:
        theirs = await connection.fetchval(REVISION) if await connection.fetchval(EXISTS) else ""
    if theirs < head():
        raise OperatorError("the database has no schema, or an older one; run: byleave migrate")
