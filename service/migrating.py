"""Brings a database to the schema of this release. Alembic lives here and nowhere else: few processes need it."""

import time
from enum import StrEnum

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from service.database import FAULTS, in_words
from service.errors import OperatorError
from service.schema import shipped

TRIES = 60
PAUSE = 1.0
"""Seconds from one try to the next, in which those who waited behind it go on."""


class Refused(StrEnum):
    """Why PostgreSQL refused a migration."""

    NO_RIGHT = "42501"
    NO_LOCK = "55P03"


def migrate(url: str, revision: str = "head") -> None:
    """Apply every migration that is missing, up to a revision. Starts its own event loop, so call it outside of one.

    A migration that does not get a lock soon lets those behind it pass, and is tried again. Raises OperatorError where
    nothing answers, the login lacks a right, or somebody holds a lock for long; what it had applied before stays.
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
        except FAULTS as fault:
            raise OperatorError(in_words(fault)) from None
        else:
            return
    raise OperatorError("somebody holds a lock that the migration needs; see pg_locks, and run it again")


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["url"] = url
    return config
