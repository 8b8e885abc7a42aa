"""What is known about customers' answers when another system says what they answered."""

from collections import defaultdict
from collections.abc import Collection

from service.database import Connection
from service.model.consent import Spot
from service.model.hearsay import Mark, Stood
from service.model.words import Channel, CustomerId, PurposeId, Status
from service.storage.consents import standing_of_many
from service.storage.statements import statements

SQL = statements(__file__)


async def stood(connection: Connection, customers: Collection[CustomerId], origin: str) -> Stood:
    """Return what stands for these customers, and what this system said of them before."""
    wanted = list(customers)
    marks: defaultdict[CustomerId, set[Mark]] = defaultdict(set)
    last: dict[tuple[CustomerId, Spot], Mark] = {}
    for row in await connection.fetch(SQL["marks"], wanted, origin):
        spot = Spot(PurposeId(row["purpose"]), Channel(row["channel"]))
        mark = spot, Status(row["status"]), row["notice"], row["given_at"]
        marks[row["customer"]].add(mark)
        if row["heard"]:
            last[row["customer"], spot] = mark
    undated = {
        (row["customer"], Spot(PurposeId(row["purpose"]), Channel(row["channel"])))
        for row in await connection.fetch(SQL["undated"], wanted)
    }
    return Stood(await standing_of_many(connection, wanted), marks, last, undated)
