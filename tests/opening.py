"""Everything that is stored about everybody, opened: what two ways to the same end are compared by."""

from typing import Any

from msgspec import Struct

from service.crypto.envelope import unseal
from service.crypto.keyring import Keyring, Mac, OpenKey, fact_labels, restriction_parts
from service.database import Connection, Database
from service.model.facts import Restrictions, Sealed, SealedFact, restrictions_from
from service.model.identifiers import NORMALISATION
from service.model.words import CustomerId, Provenance
from service.storage import customers


class Person(Struct, frozen=True):
    """A customer with everything opened, without what is different in each database."""

    identifiers: frozenset[tuple[str, str]]
    facts: frozenset[tuple[str, str, str, bytes]]
    age_band: str
    rows: int
    entries: int


async def people(database: Database, keyring: Keyring) -> list[Person]:
    """Open everything that is stored."""
    async with database.connection() as connection:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM customer ORDER BY enrolled_at, id")]
        return [await person(connection, keyring, id_) for id_ in ids]


async def person(connection: Connection, keyring: Keyring, id_: CustomerId) -> Person:
    key = await customers.open_key(connection, keyring, id_)
    limits = await connection.fetchrow("SELECT * FROM restrictions WHERE customer = $1", id_)
    assert limits is not None, "nobody is without restrictions"
    restrictions = restrictions_from(*(limits[name] for name in Restrictions.__struct_fields__))
    assert keyring.authentic(Mac(limits["mac_version"], limits["mac"]), restriction_parts(id_, restrictions))
    return Person(
        frozenset([each async for each in opened_identifiers(connection, key, id_)]),
        frozenset([each async for each in opened_facts(connection, key, id_)]),
        limits["age_band"],
        await connection.fetchval("SELECT count(*) FROM source_record WHERE customer = $1", id_),
        await connection.fetchval("SELECT count(*) FROM queue WHERE customer = $1", id_),
    )


async def opened_identifiers(connection: Connection, key: OpenKey, id_: CustomerId) -> Any:
    for row in await connection.fetch("SELECT * FROM identifier WHERE customer = $1 AND disowned_at IS NULL", id_):
        labels = ["identifier", id_, row["kind"], row["digest"], NORMALISATION, key.id]
        yield row["kind"], unseal(key.key, Sealed(row["sealed"]), labels).decode()


async def opened_facts(connection: Connection, key: OpenKey, id_: CustomerId) -> Any:
    for row in await connection.fetch("SELECT * FROM fact WHERE customer = $1", id_):
        columns = (
            row["attribute"],
            Provenance(row["provenance"]),
            row["source"],
            row["as_of"],
            row["revision"],
            row["key"],
        )
        fact = SealedFact(*columns, Sealed(row["sealed"]))
        yield fact.attribute, fact.provenance, fact.source, unseal(key.key, fact.sealed, fact_labels(id_, fact))
