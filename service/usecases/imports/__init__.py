"""Bringing customers in from another system's export, and what they answered there.

A no always lands: on the customer of the row, on everybody who shares her address, or, where that is nobody, on the
address itself. A yes lands only with proof, and never on a no; ``model/hearsay`` says when.

Rows are checked as they come (``arriving``); what is there already is read under locks (``ground``); by that it is
decided what a row adds (``landing``); and all that a group adds is written at once (``writing``).
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

from service.model.columns import Columns
from service.model.sheet import Reject, Row
from service.storage import customers, sources
from service.usecases.imports.arriving import Arrival, Means, Run, Summary, groups, refuse_ungranted
from service.usecases.imports.ground import read_ground
from service.usecases.imports.landing import Landing, landing_of, resolved
from service.usecases.imports.writing import write

__all__ = ["Means", "Summary", "import_customers"]


async def import_customers(
    means: Means,
    columns: Columns,
    rows: Iterable[Row | Reject],
    *,
    reject: Callable[[Reject], None],
    progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Bring customers in, row by row and as often as one likes: what came in before changes nothing.

    Each reason against a row goes to ``reject``, and the other rows land; ``progress`` hears after each transaction.
    Raises before the first row what the map may not do (NotGrantedError) or does not fit (ImportFileError).
    """
    refuse_ungranted(means.policies.catalogue, columns)
    run = Run(means, columns, reject, Counter())
    async with means.database.connection() as connection:
        now = await customers.clock(connection)
    for group in groups(run.arrivals(rows, now)):
        async for landed in _land(run, group):
            _count(run, landed)
            progress(run.summary)
    progress(run.summary)
    return run.summary


async def _land(run: Run, group: list[Arrival]) -> AsyncIterator[list[Landing]]:
    """Bring a group in: in one transaction, or in several where two of its rows are one customer."""
    unchanged = await _unchanged(run, group)
    yield list(unchanged.values())
    rest = [each for each in group if each.digest not in unchanged]
    while rest:
        landed = await _land_together(run, rest)
        yield landed
        rest = rest[len(landed) :]


async def _unchanged(run: Run, group: list[Arrival]) -> dict[bytes, Landing]:
    """Return the rows that came in before just like this. They need no lock: they change nothing."""
    source, keyring = run.columns.origin, run.means.keyring
    async with run.means.database.connection() as connection:
        known = await sources.known(connection, source, [each.digest for each in group])
    return {
        each.digest: Landing(each, known[each.digest].customer, "unchanged")
        for each in group
        if each.digest in known and known[each.digest].same(keyring, source, each.draft)
    }


async def _land_together(run: Run, group: list[Arrival]) -> list[Landing]:
    """Bring the first rows of a group in, in one transaction: those before a second row of the same customer."""
    async with run.means.database.transaction() as connection:
        ground = await read_ground(connection, run, group)
        landings = [landing_of(run, ground, *each) for each in resolved(ground, group)]
        if adding := [each for each in landings if each.adds]:
            await write(connection, run, ground, adding)
    return landings


def _count(run: Run, landed: Iterable[Landing]) -> None:
    """Count what was committed."""
    for each in landed:
        run.counts[each.outcome] += 1
        run.counts["shared"] += each.shared
        for heard in each.hearing.answers:
            run.counts["given" if heard.status.valid else "refused" if heard.no else "unknown"] += 1
        for spread in (*each.hearing.refusals.values(), *each.hearing.others.values()):
            run.counts["refused"] += len(spread)
        if each.refused:
            run.reject(Reject(each.arrival.line, "", each.refused))
