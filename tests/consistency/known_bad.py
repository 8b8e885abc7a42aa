"""The service with one guard taken out, which the checker of histories must notice.

The places where guards are taken out are named here and nowhere else: ``facts.ask``, and the statements ``snapshots``
of storage/facts.sql, ``append_unchanged`` and ``hold`` of storage/ledger.sql. A variant that no longer finds its guard
fails.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence

from msgspec import structs

from service.database import Connection
from service.process import ending_with, log_as_json
from service.serving import serve
from service.settings import read_settings
from service.storage import facts, ledger

TRUSTED = 1.0
"""Seconds for which the first variant trusts what it read."""


def cache() -> None:
    """Decide on facts that were read up to a second ago, and enter that whatever changed since."""
    really, kept = facts.ask, dict[facts.Inquiry, tuple[float, str]]()

    async def ask(connection: Connection, inquiries: Sequence[facts.Inquiry]) -> list[str]:
        now = time.monotonic()
        missing = [each for each in inquiries if each not in kept or kept[each][0] < now - TRUSTED]
        if missing:
            told = await really(connection, missing)
            kept.update({each: (now, text) for each, text in zip(missing, told, strict=True)})
        return [kept[each][1] for each in inquiries]

    facts.ask = ask
    _replace(ledger.SQL, "append_unchanged", "u.version = e.version", "u.version IS NOT NULL")


def plain_read() -> None:
    """Look whether the facts still hold without holding off who changes them."""
    _replace(ledger.SQL, "append_unchanged", "FOR SHARE SKIP LOCKED", "")
    _replace(ledger.SQL, "hold", "FOR SHARE", "")


def lock_and_read() -> None:
    """Hold the customer's row and read the facts in one statement, which sees what was before it waited."""
    _replace(facts.SQL, "snapshots", "LEFT JOIN customer c", "JOIN customer c")
    facts.SQL["snapshots"] = facts.SQL["snapshots"].rstrip().rstrip(";") + " FOR SHARE OF c"


VARIANTS = {each.__name__: each for each in (cache, plain_read, lock_and_read)}


def _replace(statements: dict[str, str], name: str, guard: str, instead: str) -> None:
    if guard not in statements[name]:
        raise LookupError(f"{name} has no {guard} any more: say here what guards it now")
    statements[name] = statements[name].replace(guard, instead)


def main(*served: str) -> None:
    """Serve each ``VARIANT:PORT`` in a process of its own; when one ends, all of them do."""
    log_as_json()
    multiprocessing.set_start_method("fork")  # workers take over what was taken out
    for variant, _, port in (each.partition(":") for each in served):
        if os.fork() == 0:
            ending_with(os.getppid())()
            VARIANTS[variant]()
            settings = structs.replace(read_settings(), port=int(port))
            serve(settings, settings.database_url or "")
            return
    os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
