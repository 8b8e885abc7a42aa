"""``make bench-verify``: entries a second, and memory, of a real ``byleave verify`` on an export of so many entries.

The export is made up here: a real tree and real signatures, a checkpoint after each thousand, three of four entries a
release and one a consent. By processor time, so that whoever else is on the machine does not count.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import msgspec
from msgspec import structs
from rich.console import Console
from rich.table import Table

from benchmarks.measured import Run, measured
from service.crypto.entries import Content, new_content
from service.crypto.merkle import Frontier, leaf_hash
from service.crypto.notes import checkpoint_text, signed_note
from service.crypto.random import sortable_id
from service.model.consent import standing_after
from service.model.export import FORMAT, Consent, End, Entry, Head, Limits, Line, Signed, standing_line
from service.model.facts import restrictions_at_enrolment
from service.model.ledger import Answered, Recorded, Released
from service.model.ledger import Entry as Written
from service.model.words import AgeBand, Channel, CustomerId, EntryId, PurposeId, Status
from service.usecases.sequencing import Signer

ENTRIES = 200_000
SIGNER = Signer("byleave.example/ledger", bytes(range(32)))
EVERY = 1000
"""Entries under one checkpoint."""
OF_EACH = 20
"""Entries of each customer."""
DAY = datetime(2026, 3, 1, tzinfo=UTC)
PURPOSE, WEB = PurposeId("personalise.recommendations"), Channel.WEB
console = Console(highlight=False)


def main(count: int) -> None:
    """Measure and print."""
    table = Table("", "entries", "MiB", "entries/s", "entries/s of processor", "peak MiB", box=None, padding=(0, 2))
    with TemporaryDirectory() as folder:
        for kind, opened in (("sealed", False), ("opened", True)):
            file = Path(folder, f"{kind}.jsonl")
            with file.open("wb") as stream:
                stream.writelines(map(in_bytes, export(count, opened=opened)))
            run = verified(file)
            console.print(run.said, soft_wrap=True)
            speeds = f"{count / run.seconds:.0f}", f"{count / run.processor:.0f}"
            table.add_row(kind, str(count), f"{file.stat().st_size / 2**20:.0f}", *speeds, f"{run.peak:.0f}")
            file.unlink()
    console.print(table)


def export(count: int, *, opened: bool, every: int = EVERY) -> Iterator[Line]:
    """Make up an export of a ledger with so many entries."""
    name, key = SIGNER.name, SIGNER.verifier.text
    yield Head(format=FORMAT, opened=opened, names=[name], keys=[key], at=DAY)
    frontier, customers, checkpoints = Frontier(), list[CustomerId](), 0
    for start in range(0, count, every):
        leaves: list[bytes] = []
        for position in range(start, min(start + every, count)):
            if position % OF_EACH == 0:
                customers.append(CustomerId(UUID(int=len(customers))))
            line = entry(position, customers[position // OF_EACH], opened=opened)
            leaves.append(leaf_hash(line.commitment))
            yield line
        frontier, _ = frontier.extended(leaves)
        checkpoints += 1
        yield Signed(signed_note(checkpoint_text(name, frontier.size, frontier.root()), name, SIGNER.seed))
    stands = list(standing(customers, count)) if opened else []
    yield from stands
    yield End(count, checkpoints, 0, len(stands) // 2, len(stands) // 2)


def entry(position: int, customer: CustomerId, *, opened: bool) -> Entry:
    """Make up an entry: the first of each four is a consent."""
    at, id_ = DAY + timedelta(seconds=position), EntryId(sortable_id("ent", DAY))
    content: Content = new_content(_consent(id_, customer, at) if position % 4 == 0 else _release(id_, customer, at))
    if not opened:
        return Entry(content.commitment, position=position)
    body = content.body.decode()
    return Entry(content.commitment, id_, customer, content.seed, body, position=position)


def _consent(id_: EntryId, customer: CustomerId, at: datetime) -> Written:
    said = Answered(PURPOSE, [WEB], Status.GIVEN, 2, explicit=False, method="counter", given_at=at.isoformat())
    return Written(id_, customer, "service:shop", at, said, (_yes(at),))


def _yes(at: datetime) -> Recorded:
    return Recorded(PURPOSE, WEB, Status.GIVEN, 2, explicit=False, given_at=at, expires_at=at + timedelta(days=730))


def _release(id_: EntryId, customer: CustomerId, at: datetime) -> Written:
    released, withheld = ["favourite_genres", "first_name"], {"birth_year": "demographic"}
    version = f"sha256:{bytes(32).hex()}"
    said = Released(f"dec_{id_}", PURPOSE, WEB, "partial", released, withheld, version, 1)
    return Written(id_, customer, "service:recommender", at, said)


def standing(customers: Iterable[CustomerId], count: int) -> Iterator[Consent | Limits]:
    """Say what stands of each customer once all of it was entered."""
    limits = structs.asdict(restrictions_at_enrolment(AgeBand.UNKNOWN))
    lists: dict[str, list[str]] = {"objections": [], "linked": [], "said_no": []}
    for number, customer in enumerate(customers):
        last = (min((number + 1) * OF_EACH, count) - 1) // 4 * 4
        at = DAY + timedelta(seconds=last)
        yield standing_line(customer, standing_after(None, _yes(at).answer(at, EntryId(""))))
        yield Limits(customer=customer, **limits | lists)


def in_bytes(line: Line) -> bytes:
    """Return a line as it stands in the file."""
    return msgspec.json.encode(line) + b"\n"


def verified(file: Path) -> Run:
    """Verify an export in a process of its own; raises CalledProcessError if anything is found."""
    return measured(["verify", str(file), "--key", SIGNER.verifier.text], file.with_suffix(".said"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
