"""Brings a database to the schema of this release. Alembic lives here and nowhere else: few processes need it."""

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from service.errors import OperatorError
from service.schema import shipped

NO_RIGHT = "42501"  # insufficient_privilege


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


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["url"] = url
    return config
