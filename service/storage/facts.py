"""Facts about customers: read together with all that a decision rests on, and written sealed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from asyncpg import Record
from msgspec import Struct, structs

from service.crypto.envelope import seal
from service.crypto.framing import Part
from service.crypto.keyring import (
    Keyring,
    Mac,
    OpenKey,
    claim_parts,
    fact_labels,
    link_parts,
    linked_standing_parts,
    pairwise_parts,
    restriction_parts,
    standing_parts,
)
from service.database import Connection
from service.errors import IntegrityError, UnknownCustomerError
from service.model.choices import less
from service.model.consent import latest
from service.model.facts import (
    CERTAIN,
    CustomerKey,
    Facts,
    Publication,
    Restrictions,
    Sealed,
    SealedFact,
    Side,
    Standing,
    fact_name,
    sides_of,
)
from service.model.links import Link
from service.model.situation import Asked
from service.model.strikes import Label
from service.model.words import (
    AttributeId,
    Channel,
    CustomerId,
    IdentifierKind,
    PairwiseId,
    PolicyVersion,
    Provenance,
    PurposeId,
    ServiceId,
)
from service.storage.access import StoredKey
from service.storage.customers import own_id
from service.storage.publications import authentic_publication
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
log = structlog.get_logger()


class Inquiry(Struct, frozen=True, kw_only=True):
    """A question as it is put to the database: who asks, about whom, and what a decision on it needs.

    ``key``: the id of the API key that asks, or else ``service``. ``found_by``: kind and blind index.
    """

    key: str | None = None
    service: ServiceId | None = None
    customer: CustomerId | None = None
    pairwise: PairwiseId | None = None
    found_by: tuple[IdentifierKind | None, bytes | None] = (None, None)
    purpose: PurposeId
    channel: Channel
    attributes: tuple[AttributeId, ...]

    def __repr__(self) -> str:
        return f"Inquiry({self.purpose!r})"


class Snapshot(Struct, frozen=True):
    """What one read brings: the verified facts, and what is needed to act on a decision."""

    facts: Facts
    publication: Publication
    pairwise: PairwiseId | None
    keys: Mapping[CustomerId, CustomerKey]
    """Hers, and those of the other sides of a merged person, whose facts they open."""
    evidence: CustomerKey | None
    """The key that seals what her ledger says; None where there is none yet."""


class Told(Struct, frozen=True, array_like=True):
    """The answer to an inquiry as the statement lists it: nothing in it is proven yet."""

    now: datetime
    credential: StoredKey | None
    customer: CustomerId | None
    version: int
    claim: tuple[datetime | None, int | None, bytes | None] | None
    """When the identifier that finds her was verified, and the MAC of that."""
    pairwise: tuple[PairwiseId, int, bytes] | None
    publication: tuple[int, PolicyVersion, int, bytes] | None
    keys: list[tuple[CustomerId, str, int, bytes]] | None
    evidence: tuple[CustomerId, str, int, bytes] | None
    limits: list[tuple[CustomerId, int | None, bytes | None, list[str], Restrictions]] | None
    standing: list[tuple[CustomerId, int | None, bytes | None, Standing]] | None
    linked: list["_Linked"] | None
    facts: list[SealedFact] | None

    def __repr__(self) -> str:  # it is about somebody
        return "Told()"


class _Linked(Struct, frozen=True, array_like=True):
    """A yes that came by a link, and that link."""

    customer: CustomerId
    link: UUID
    origin: CustomerId
    version: int | None
    digest: bytes | None
    standing: Standing
    one: CustomerId
    other: CustomerId
    said: bool
    made_at: datetime
    link_version: int | None
    link_digest: bytes | None


TOLD = msgspec.json.Decoder(Told)
ABOUT_HER = ("claim", "pairwise", "keys", "evidence", "limits", "standing", "linked", "facts")
"""What was told of a customer, besides who she is."""


class Profile(Struct, frozen=True):
    """All that is stored about one customer."""

    customer: CustomerId
    version: int
    now: datetime
    publication: Publication
    key: CustomerKey | None
    sides: tuple["ProfileSide", ...]
    """What she answered and forbade, then each other side of a merged person."""
    facts: Mapping[AttributeId, tuple[SealedFact, ...]]
    """Hers alone: what the other sides know is shown to whoever speaks for them."""

    @property
    def restrictions(self) -> Restrictions | None:
        """What she herself forbade."""
        return self.sides[0].restrictions

    def facts_for(self, asked: Asked) -> Facts:
        """Return what a decision on this question rests on."""
        mine, *others = (
            Side(each.standing.get((asked.purpose, asked.channel)), each.restrictions) for each in self.sides
        )
        return Facts(self.customer, self.version, self.now, mine.standing, mine.restrictions, self.facts, tuple(others))


class ProfileSide(Struct, frozen=True):
    """All that one side of a person answered, and what it forbade."""

    standing: Mapping[tuple[PurposeId, Channel], Standing]
    restrictions: Restrictions | None


class NewFact(Struct, frozen=True):
    """A fact to be sealed; its repr hides the value."""

    attribute: AttributeId
    provenance: Provenance
    source: str
    as_of: datetime
    value: bytes
    confidence: int = CERTAIN
    derived_from: tuple[str, ...] = ()

    @property
    def label(self) -> Label:
        """What is known of it without its value."""
        return Label(self.attribute, self.provenance, self.source, self.as_of, self.derived_from)

    def __repr__(self) -> str:
        return f"NewFact({self.attribute!r}, {self.provenance!r})"


async def ask(connection: Connection, inquiries: Sequence[Inquiry]) -> list[str]:
    """Put several questions to the database at once; returns what it says to each, in their order."""
    rows = [
        (
            *(each.key, each.service, each.customer, each.pairwise),
            *each.found_by,
            *(each.purpose, each.channel, ",".join(each.attributes)),
        )
        for each in inquiries
    ]
    return [row["told"] for row in await connection.fetch(SQL["snapshots"], *zip(*rows, strict=True))]


def told_by(text: str) -> Told:
    """Return what the database told; raises IntegrityError where a row says what none of ours says."""
    try:
        return TOLD.decode(text)
    except msgspec.ValidationError:
        raise IntegrityError("a row says what no row of ours says") from None


def snapshot_of(keyring: Keyring, inquiry: Inquiry, told: Told) -> Snapshot:
    """Return what was told, as far as it is proven: what carries no MAC of ours is left out, and so refuses."""
    if told.customer is not None and not _found(keyring, inquiry, told, told.customer):
        told = structs.replace(told, customer=None, version=0, **dict.fromkeys(ABOUT_HER))
    found, spot = told.customer, (inquiry.purpose, inquiry.channel)
    mine, *others = _sides(keyring, found, told)
    facts = Facts(
        customer=found,
        version=told.version,
        now=told.now,
        standing=mine.standing.get(spot),
        restrictions=mine.restrictions,
        facts=_by_attribute(told.facts or ()),
        others=tuple(Side(each.standing.get(spot), each.restrictions) for each in others),
    )
    return Snapshot(
        facts=facts,
        publication=authentic_publication(keyring, told.publication),
        pairwise=_pairwise(keyring, inquiry, told),
        keys=_keys(told.keys or ()),
        evidence=None if told.evidence is None else _keys([told.evidence])[told.evidence[0]],
    )


def _found(keyring: Keyring, inquiry: Inquiry, told: Told, customer: CustomerId) -> bool:
    """Whether whom an id or an identifier leads to is not the database's word alone."""
    (kind, index), proof = inquiry.found_by, told.claim
    if kind is not None and index is not None:
        return proof is not None and _proven(keyring, proof[1], proof[2], claim_parts(customer, kind, index, proof[0]))
    if inquiry.pairwise is None or told.credential is None:
        return True
    id_, version, digest = told.pairwise or (None, None, None)
    parts = pairwise_parts(customer, told.credential[0], inquiry.pairwise)
    return id_ == inquiry.pairwise and _proven(keyring, version, digest, parts)


def _pairwise(keyring: Keyring, inquiry: Inquiry, told: Told) -> PairwiseId | None:
    """Return how the service that asks knows her; asked by that very id, this is proven already."""
    service = inquiry.service if told.credential is None else told.credential[0]
    if told.customer is None or service is None:
        return None
    return inquiry.pairwise or own_id(keyring, told.customer, service, told.pairwise)


async def read(
    connection: Connection,
    keyring: Keyring,
    customer: CustomerId | None,
    asked: Asked,
    attributes: Iterable[AttributeId],
) -> Snapshot:
    """Read the facts of a customer who is known already, for a service that has not asked itself."""
    inquiry = Inquiry(
        service=asked.service,
        customer=customer,
        purpose=asked.purpose,
        channel=asked.channel,
        attributes=tuple(attributes),
    )
    [text] = await ask(connection, [inquiry])
    return snapshot_of(keyring, inquiry, told_by(text))


async def read_profile(connection: Connection, keyring: Keyring, customer: CustomerId) -> Profile:
    """Read all that is stored about a customer; raises UnknownCustomerError."""
    text = await connection.fetchval(SQL["profile"], customer)
    if text is None:
        raise UnknownCustomerError
    told = told_by(text)
    return Profile(
        customer=customer,
        version=told.version,
        now=told.now,
        publication=authentic_publication(keyring, told.publication),
        key=_keys(told.keys or ()).get(customer),
        sides=_sides(keyring, customer, told),
        facts=_by_attribute(told.facts or ()),
    )


async def dated(
    connection: Connection, person: Iterable[CustomerId], attributes: Iterable[AttributeId]
) -> dict[tuple[CustomerId, str], datetime]:
    """Return of when each fact of these attributes is that is known of these customers, by its name."""
    rows = await connection.fetch(SQL["dated"], list(person), list(attributes))
    return {
        (row["customer"], fact_name(row["attribute"], row["provenance"], row["source"])): row["as_of"] for row in rows
    }


async def of_customer(connection: Connection, customer: CustomerId) -> list[SealedFact]:
    """Return all that is known about a customer herself, sealed."""
    return [sealed_fact(row) for row in await connection.fetch(SQL["of_customer"], customer)]


def sealed_fact(row: Record) -> SealedFact:
    """Return the fact that a row has, wherever it is kept."""
    return SealedFact(
        AttributeId(row["attribute"]),
        Provenance(row["provenance"]),
        row["source"],
        row["as_of"],
        row["revision"],
        row["key"],
        Sealed(row["sealed"]),
        row["confidence"],
        tuple(row["derived_from"]),
    )


async def outlived(connection: Connection, kept: Mapping[AttributeId, int], most: int) -> list[CustomerId]:
    """Return customers of whom something has run its time; ``kept``: attribute to days."""
    rows = await connection.fetch(SQL["outlived"], list(kept), list(kept.values()), most)
    return [row["customer"] for row in rows]


async def delete_outlived(
    connection: Connection, customer: CustomerId, kept: Mapping[AttributeId, int]
) -> list[tuple[AttributeId, Provenance]]:
    """Delete what has run its time; returns what went, without values."""
    rows = await connection.fetch(SQL["delete_outlived"], customer, list(kept), list(kept.values()))
    return [(AttributeId(row["attribute"]), Provenance(row["provenance"])) for row in rows]


async def put(connection: Connection, customer: CustomerId, key: OpenKey, fact: NewFact, revision: int) -> bool:
    """Seal and store a fact; returns False when a newer one of the same source is there."""
    return await execute_for_all(connection, SQL["put"], [_row(customer, key, fact, revision)]) == 1


async def put_all(connection: Connection, new: Iterable[tuple[CustomerId, OpenKey, NewFact, int]]) -> None:
    """Seal and store facts of several customers: customer, key, fact, revision; of one said twice the newest counts."""
    newest: dict[tuple[CustomerId, AttributeId, Provenance, str], tuple[CustomerId, OpenKey, NewFact, int]] = {}
    for each in new:
        customer, _, fact, _ = each
        place = customer, fact.attribute, fact.provenance, fact.source
        if place not in newest or newest[place][2].as_of <= fact.as_of:
            newest[place] = each
    await execute_for_all(connection, SQL["put"], [_row(*each) for each in newest.values()])


async def forget_volunteered(connection: Connection, customer: CustomerId, attributes: Iterable[AttributeId]) -> None:
    """Delete what she or somebody for her said of these attributes."""
    await connection.execute(SQL["forget_volunteered"], customer, list(attributes))


async def dates(
    connection: Connection, customers: Iterable[CustomerId], source: str
) -> dict[tuple[CustomerId, AttributeId, Provenance], datetime]:
    """Return of when each fact is that a source said about these customers."""
    rows = await connection.fetch(SQL["dates"], list(customers), source)
    return {
        (row["customer"], AttributeId(row["attribute"]), Provenance(row["provenance"])): row["as_of"] for row in rows
    }


def _row(customer: CustomerId, key: OpenKey, fact: NewFact, revision: int) -> list[object]:
    """Return a fact as it is stored, sealed."""
    labels = SealedFact(
        fact.attribute,
        fact.provenance,
        fact.source,
        fact.as_of,
        revision,
        key.id,
        Sealed(b""),
        fact.confidence,
        fact.derived_from,
    )
    return [
        customer,
        fact.attribute,
        fact.provenance,
        fact.source,
        fact.as_of,
        revision,
        key.id,
        seal(key.key, fact.value, fact_labels(customer, labels)).data,
        fact.confidence,
        msgspec.json.encode(fact.derived_from).decode(),
    ]


def _keys(rows: Iterable[tuple[CustomerId, str, int, bytes]]) -> dict[CustomerId, CustomerKey]:
    return {customer: CustomerKey(id_, epoch, Sealed(wrapped)) for customer, id_, epoch, wrapped in rows}


def _sides(keyring: Keyring, customer: CustomerId | None, told: Told) -> tuple[ProfileSide, ...]:
    """Return what she answered and forbade, then each other side of the same person.

    Who that is, her own restrictions say. If the row of any of them is missing, is not ours or does not say the same,
    then what she forbids is not known, and that refuses.
    """
    if customer is None:
        return (ProfileSide({}, None),)
    limits = _restrictions(keyring, told)
    person = sides_of(customer, limits)
    if not person:
        if customer in limits:
            log.error("alarm: two customers are not both said to be one person", customer=str(customer))
        return (ProfileSide(_standing(keyring, {customer}, told)[customer], None),)
    stands = _standing(keyring, set(person), told)
    return tuple(ProfileSide(stands[each], limits[each]) for each in person)


def _standing(
    keyring: Keyring, person: set[CustomerId], told: Told
) -> dict[CustomerId, dict[tuple[PurposeId, Channel], Standing]]:
    """Return what stands on each side of a person, as far as it is proven."""
    stands: dict[CustomerId, dict[tuple[PurposeId, Channel], Standing]] = {each: {} for each in person}
    for customer, version, digest, own in told.standing or ():
        # Only a yes needs proof: whoever writes a no into the database takes nothing from her.
        if customer in person and _holds(keyring, version, digest, own, standing_parts(customer, own)):
            stands[customer][own.purpose, own.channel] = own
    for each in told.linked or ():
        yes, ends = each.standing, {each.customer, each.origin}
        parts = linked_standing_parts(each.customer, each.link, each.origin, yes)
        # Every yes that came by a link needs proof, and the very link by which it came.
        holds = yes.status.valid and _holds(keyring, each.version, each.digest, yes, parts)
        if holds and ends <= person and _live(keyring, each, ends):
            spot = yes.purpose, yes.channel
            stands[each.customer][spot] = latest(stands[each.customer].get(spot), [yes]) or yes
    return stands


def _live(keyring: Keyring, linked: _Linked, ends: set[CustomerId]) -> bool:
    """Whether a link that the database says has not ended is ours, and between these two."""
    live = Link(id=linked.link, one=linked.one, other=linked.other, said=linked.said, made_at=linked.made_at)
    if live.pair != ends or not _proven(keyring, linked.link_version, linked.link_digest, link_parts(live)):
        log.error("alarm: a link by which a yes came does not carry our MAC", link=str(linked.link))
        return False
    return True


def _holds(keyring: Keyring, version: int | None, digest: bytes | None, standing: Standing, parts: list[Part]) -> bool:
    """Whether what stands is to be believed: any no, and a yes under our MAC."""
    if standing.status.valid and not _proven(keyring, version, digest, parts):
        log.error("alarm: a standing yes does not carry our MAC", purpose=standing.purpose, channel=standing.channel)
        return False
    return True


def _restrictions(keyring: Keyring, told: Told) -> dict[CustomerId, Restrictions]:
    """Return what customers forbid, as far as it carries our MAC."""
    found: dict[CustomerId, Restrictions] = {}
    for customer, version, digest, said_no, limits in told.limits or ():
        if not _proven(keyring, version, digest, restriction_parts(customer, limits)):
            log.error("alarm: a restrictions row does not carry our MAC")
            continue
        left = less(limits, said_no)
        if left is None:
            log.error("alarm: a restrictions row says no to something that there is not")
        else:
            found[customer] = left
    return found


def _proven(keyring: Keyring, version: int | None, digest: bytes | None, parts: list[Part]) -> bool:
    """Whether a row carries our MAC for what it says."""
    mac = None if version is None or digest is None else Mac(version, digest)
    return keyring.authentic(mac, parts)


def _by_attribute(facts: Iterable[SealedFact]) -> dict[AttributeId, tuple[SealedFact, ...]]:
    found: dict[AttributeId, tuple[SealedFact, ...]] = {}
    for fact in facts:
        found[fact.attribute] = (*found.get(fact.attribute, ()), fact)
    return found
