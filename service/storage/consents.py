"""Consents: every answer ever given, and what stands now."""

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec
from asyncpg import Record
from msgspec import Struct, structs

from service.crypto.cursors import LAST
from service.crypto.keyring import Keyring, standing_parts
from service.database import Connection
from service.model.catalogue import Catalogue
from service.model.consent import Answer, Evidence, Shown, Spot, latest, standing_after
from service.model.facts import Sealed, Standing
from service.model.suppression import Recording, Suppression, refusal, refusals
from service.model.words import Channel, CustomerId, PurposeId, Status
from service.storage import links
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
OPEN = [status for status in Status if status.open]


class Event(Struct, frozen=True):
    """An answer, and its position among all of them."""

    sequence: int
    answer: Answer


async def record(connection: Connection, customer: CustomerId, answer: Answer) -> None:
    """Append an answer to the history, whatever stands."""
    await execute_for_all(connection, SQL["record"], [_event_row(customer, answer, imported=False)])


async def take_in(
    connection: Connection,
    keyring: Keyring | None,
    said: Iterable[tuple[CustomerId, Answer]],
    *,
    imported: bool = False,
) -> list[Standing]:
    """Keep answers of customers who were lined up, in this order, and let those stand that count.

    Returns what stands after each. What is no yes needs no keyring. ``imported``: they came in from a file.
    """
    answers = list(said)
    if not answers:
        return []
    hers = await standing_of_many(connection, {customer for customer, _ in answers})
    before = {(customer, spot): stands for customer, spots in hers.items() for spot, stands in spots.items()}
    after, standing = dict(before), list[Standing]()
    for customer, answer in answers:
        place = customer, Spot(answer.purpose, answer.channel)
        after[place] = standing_after(after.get(place), answer)
        standing.append(after[place])
    changed = [(place[0], stands) for place, stands in after.items() if stands != before.get(place)]
    await execute_for_all(connection, SQL["record"], [_event_row(*each, imported=imported) for each in answers])
    await put(connection, keyring, changed)
    noes = [(customer, answer.purpose, answer.channel) for customer, answer in answers if answer.status.no]
    await links.forget_yeses(connection, noes)
    return standing


async def put(connection: Connection, keyring: Keyring | None, stands: Iterable[tuple[CustomerId, Standing]]) -> None:
    """Let these stand, each on a place of its own: a yes under our MAC, anything else without a key."""
    await execute_for_all(connection, SQL["put"], [_standing_row(keyring, *each) for each in stands])


async def refuse_left_alone(
    connection: Connection,
    keyring: Keyring,
    catalogue: Catalogue,
    customer: CustomerId,
    left_alone: Collection[Suppression],
    recording: Recording,
) -> list[Answer]:
    """Record what a customer refused before she was anybody here, and return it."""
    if not left_alone:
        return []
    stands = (await standing_of_many(connection, [customer])).get(customer, {})
    wanted = refusals(left_alone, stands, catalogue)
    answers = [refusal(spot, since, recording) for spot, since in wanted.items()]
    await take_in(connection, keyring, [(customer, each) for each in answers])
    return answers


async def standing(
    connection: Connection, customer: CustomerId, purpose: PurposeId, channel: Channel
) -> Standing | None:
    """Return what stands, without asking for proof: to be replaced by a new answer, never to permit."""
    row = await connection.fetchrow(SQL["standing"], customer, purpose, channel)
    return None if row is None else standing_from(row)


async def spots_of(connection: Connection, customer: CustomerId) -> list[Spot]:
    """Return for which purposes and channels a customer ever answered."""
    return [
        Spot(PurposeId(r["purpose"]), Channel(r["channel"])) for r in await connection.fetch(SQL["spots_of"], customer)
    ]


async def standing_of_many(
    connection: Connection, customers: Iterable[CustomerId]
) -> dict[CustomerId, dict[Spot, Standing]]:
    """Return what stands for these customers, without asking for proof: never to permit."""
    found: defaultdict[CustomerId, dict[Spot, Standing]] = defaultdict(dict)
    for row in await connection.fetch(SQL["standing_of_many"], list(customers)):
        stands = standing_from(row)
        found[row["customer"]][Spot(stands.purpose, stands.channel)] = stands
    return found


async def all_standing(
    connection: Connection, customer: CustomerId, purposes: Iterable[PurposeId]
) -> list[tuple[Standing, Status]]:
    """Return what stands for each purpose and channel, with its status at this moment.

    A yes that came by a link counts where it is later than her own answer.
    """
    found: dict[tuple[PurposeId, Channel], Standing] = {}
    rows = await connection.fetch(SQL["all_standing"], customer, list(purposes))
    for each in map(standing_from, rows):
        found[each.purpose, each.channel] = latest(found.get((each.purpose, each.channel)), [each]) or each
    return [(found[spot], found[spot].status_at(rows[0]["now"])) for spot in sorted(found)]


async def given_to(connection: Connection, purpose: PurposeId, notice: int, most: int) -> list[CustomerId]:
    """Return customers whose consent to a purpose rests on one version of its notice."""
    return [row["customer"] for row in await connection.fetch(SQL["given_to"], purpose, notice, most)]


async def channels_given_to(
    connection: Connection, customer: CustomerId, purpose: PurposeId, notice: int
) -> list[Channel]:
    """Return on which channels a customer's consent rests on one version of the notice."""
    rows = await connection.fetch(SQL["channels_given_to"], customer, purpose, notice)
    return [Channel(row["channel"]) for row in rows]


async def expired(connection: Connection, most: int) -> list[CustomerId]:
    """Return customers of whom a consent has run its time."""
    return [row["customer"] for row in await connection.fetch(SQL["expired"], most)]


async def expired_of(connection: Connection, customer: CustomerId) -> list[Standing]:
    """Return a customer's consents that have run their time."""
    return [standing_from(row) for row in await connection.fetch(SQL["expired_of"], customer)]


async def history(
    connection: Connection, customer: CustomerId, purposes: Iterable[PurposeId], before: int, most: int
) -> list[Event]:
    """Return the answers before a position, newest first, and that she was asked among them."""
    rows = await connection.fetch(SQL["history"], customer, list(purposes), before, most, [])
    return [Event(row["sequence"], answer_from(row)) for row in rows]


async def answered(
    connection: Connection, customer: CustomerId, purposes: Iterable[PurposeId], most: int
) -> list[Answer]:
    """Return what she answered last, newest first, however often she was asked since."""
    rows = await connection.fetch(SQL["history"], customer, list(purposes), LAST, most, OPEN)
    return [answer_from(row) for row in rows]


def answer_from(row: Record) -> Answer:
    """Return an answer from its row."""
    shown = Shown(row["language"], row["layout"], row["digest"], row["shown_at"]) if row["digest"] else None
    evidence = Evidence(row["evidence_key"], Sealed(row["evidence"])) if row["evidence"] else None
    said = {name: row[name] for name in Answer.__struct_fields__ if name not in {"shown", "evidence"}}
    return structs.replace(msgspec.convert(said, Answer), shown=shown, evidence=evidence)


def _shown_values(shown: Shown | None) -> tuple[object, ...]:
    return ("", "", "", None) if shown is None else (shown.language, shown.layout, shown.digest, shown.at)


def standing_from(row: Record) -> Standing:
    """Return what stands from its row."""
    return Standing(
        PurposeId(row["purpose"]),
        Channel(row["channel"]),
        Status(row["status"]),
        row["notice"],
        row["explicit"],
        row["decided_at"],
        row["expires_at"],
    )


def _event_row(customer: CustomerId, answer: Answer, *, imported: bool) -> list[object]:
    return [
        customer,
        answer.purpose,
        answer.channel,
        answer.status,
        answer.notice,
        answer.explicit,
        answer.method,
        answer.recorder,
        answer.actor,
        answer.given_at,
        answer.recorded_at,
        answer.policy_version,
        answer.entry,
        answer.acting,
        answer.expires_at,
        *_shown_values(answer.shown),
        *((None, None) if answer.evidence is None else (answer.evidence.key, answer.evidence.sealed.data)),
        answer.link,
        imported,
    ]


def _standing_row(keyring: Keyring | None, customer: CustomerId, stands: Standing) -> list[object]:
    if not stands.status.valid:
        return [customer, *_values(stands), None, None]
    if keyring is None:
        raise ValueError("a yes needs a MAC")
    mac = keyring.mac(standing_parts(customer, stands))
    return [customer, *_values(stands), mac.version, mac.digest]


def _values(standing: Standing) -> list[object]:
    return [getattr(standing, name) for name in standing.__struct_fields__]
