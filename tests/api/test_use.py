"""Who used her data: listed by hour with nothing opened, and each line opened for her, and for nobody else."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.crypto.notes import Verifier
from service.database import Connection, Database, opened
from service.model.identifiers import identifier
from service.model.ledger import Aborted, LookedUp, entry
from service.model.words import CustomerId, EntryId, IdentifierKind
from service.storage import evidence, ledger, uses
from service.usecases.access import make_customer_token
from service.usecases.erasures import destroy_evidence
from tests.conftest import OPERATOR, Api, Owner, Person, Template, allow, enrol, in_role
from tests.passing_time import early_in_a_quarter
from tests.sealing import seal

PURPOSE, NEWSLETTER = "personalise.recommendations", "market.newsletter"
MARGIN = timedelta(seconds=10)
BROKEN = (500, "integrity")
NOBODYS = "A" * 56
Sealing = Callable[[], Awaitable[Verifier]]


async def token_of(house: House, email: str) -> str:
    found_by = identifier(IdentifierKind.EMAIL, email)
    return (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text


class Hers:
    """A customer who looks at the use of her data."""

    def __init__(self, api: Api, owner: Owner, sealing: Sealing, person: Person, token: str) -> None:
        self.api = api
        self.owner = owner
        self.seal = sealing
        self.person = person
        self.token = token

    async def asked(self, *attributes: str, path: str = "/v1/releases", channel: str = "web") -> str | None:
        """Let the recommender ask for her data; returns the entry of a release."""
        who = {"customer": {"id": self.person.at_recommender}, "purpose": PURPOSE, "channel": channel}
        answer = await self.api.post(path, "recommender", {**who, "attributes": list(attributes)})
        found: str | None = answer.get("entry")
        return found

    async def page(self, query: str = "") -> dict[str, Any]:
        """Return a page of the list."""
        return await self.get(f"/v1/me/use{query}")

    async def lines(self, query: str = "") -> list[dict[str, Any]]:
        """Return the lines of a page."""
        found: list[dict[str, Any]] = (await self.page(query))["uses"]
        return found

    async def opened(self, line: str, query: str = "") -> dict[str, Any]:
        """Return the entries of a line."""
        return await self.get(f"/v1/me/use/{line}{query}")

    async def get(self, path: str) -> dict[str, Any]:
        """Get what is there."""
        answer = await self.api.call("GET", path, self.token)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, path: str) -> tuple[int, str]:
        """Return how something is refused."""
        answer = await self.api.call("GET", path, self.token)
        assert not answer.json().keys() & {"uses", "body", "receipt"}
        return answer.status_code, answer.json()["code"]

    async def id(self) -> CustomerId:
        """Return who she is in the database."""
        at_shop = "SELECT customer FROM pairwise WHERE id = $1"
        found: CustomerId = await self.owner.fetchval(at_shop, self.person.at_shop)
        return found


@pytest.fixture
def sealing(database_url: str, template: Template, tmp_path: Path) -> Sealing:
    """Lets the sequencer take in what waits."""
    return lambda: seal(database_url, template, tmp_path)


@pytest.fixture
async def hers(api: Api, owner: Owner, sealing: Sealing, abbie: Person, house: House) -> Hers:
    """Abbie."""
    await early_in_a_quarter(owner)
    return Hers(api, owner, sealing, abbie, await token_of(house, abbie.email))


@pytest.fixture
async def bos(api: Api, owner: Owner, sealing: Sealing, house: House) -> Hers:
    """Bo, who allows the same."""
    person = await enrol(api, "bo@example.com")
    await allow(api, person)
    return Hers(api, owner, sealing, person, await token_of(house, person.email))


async def make_lines(connection: Owner, customer: CustomerId, count: int, **more: Any) -> None:
    """Give her lines of use, one an hour into the past; ``hours``: so many in each hour."""
    await connection.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        SELECT $1, date_trunc('hour', now()) - make_interval(hours => 1 + (n / $3)::int), 'service:made-' || n % $3,
               'release', 'personalise.recommendations', 'web', $4, 3, '{first_name}', '{}'
          FROM generate_series(0, $2 - 1) AS n
        """,
        customer,
        count,
        more.get("in_an_hour", 1),
        more.get("outcome", "permit"),
    )


# --- the list ------------------------------------------------------------------------------------------------


async def test_uses_are_folded_by_hour_newest_first_and_what_was_refused_is_among_them(hers: Hers) -> None:
    for _ in range(3):
        await hers.asked("first_name", "birth_year")
    await hers.asked("favourite_genres", "birth_year")
    await hers.asked("birth_year")
    await hers.asked("first_name", path="/v1/decisions")
    await hers.seal()
    page = await hers.page()
    lines = {(each["kind"], each.get("outcome")): each for each in page["uses"]}
    partial = lines["release", "partial"]
    assert (partial["by"], partial["purpose"], partial["channel"]) == ("service:recommender", PURPOSE, "web")
    assert (partial["times"], partial["released"]) == (4, ["favourite_genres", "first_name"])
    assert partial["refused"] == ["birth_year"]
    assert lines["release", "deny"]["refused"] == ["birth_year"]
    assert "released" not in lines["release", "deny"]
    assert (lines["check", "permit"]["times"], lines["check", "permit"]["released"]) == (1, ["first_name"])
    look = lines["look-up", None]
    assert (look["by"], look["times"], look.keys() & {"purpose", "channel"}) == ("operator:tests", 1, set())
    assert [each["hour"] for each in page["uses"]] == sorted((each["hour"] for each in page["uses"]), reverse=True)
    assert "Abbie" not in str(page)


async def test_an_hour_goes_on_where_it_was_and_a_later_one_is_listed_before_it(hers: Hers) -> None:
    await hers.asked("first_name")
    await hers.seal()
    (before,) = await hers.lines("?service=recommender")
    await hers.asked("favourite_genres")
    await make_lines(hers.owner, await hers.id(), 2)
    await hers.seal()
    newest, *older = [each for each in await hers.lines() if each["kind"] == "release"]
    assert (newest["line"], newest["times"], newest["released"]) == (
        before["line"],
        2,
        ["favourite_genres", "first_name"],
    )
    assert [each["by"] for each in older] == ["service:made-0"] * 2
    assert older[0]["hour"] > older[1]["hour"]


async def test_the_list_opens_nothing_so_it_works_with_her_evidence_key_destroyed(hers: Hers) -> None:
    await hers.asked("first_name")
    await hers.seal()
    before = await hers.lines()
    await hers.owner.execute("DELETE FROM evidence_key")
    assert await hers.lines() == before


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("?refused=true", 2),
        ("?refused=false", 4),
        ("?service=recommender", 3),
        ("?service=shop", 0),
        (f"?purpose={PURPOSE}", 3),
        (f"?purpose={PURPOSE}&refused=true&service=recommender", 2),
        (f"?purpose={NEWSLETTER}", 0),
        ("?attribute=first_name", 2),
        ("?attribute=birth_year", 2),
        ("?attribute=birth_year&refused=true", 2),
        ("?attribute=last_name", 0),
        ("?attribute=first_name&service=shop", 0),
        ("?since=2020-01-01T00:00:00Z", 4),
        ("?until=2020-01-01T00:00:00Z", 0),
    ],
)
async def test_lines_can_be_filtered(query: str, count: int, hers: Hers) -> None:
    for attributes in (["first_name"], ["birth_year"], ["first_name", "birth_year"], ["first_name"]):
        await hers.asked(*attributes)
    await hers.seal()
    assert len(await hers.lines(query)) == count


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [(0, 60, 1), (59, 60, 1), (60, 61, 0), (-1, 0, 0), (-1, 1, 1), (59, None, 1), (60, None, 0), (None, 0, 0)],
)
async def test_a_line_counts_where_any_part_of_its_hour_does(
    since: int | None, until: int | None, count: int, hers: Hers
) -> None:
    await make_lines(hers.owner, await hers.id(), 1)
    hour: datetime = await hers.owner.fetchval("SELECT hour FROM use_line")
    bounds = {"since": since, "until": until}
    written = {name: hour + timedelta(minutes=at) for name, at in bounds.items() if at is not None}
    query = "&".join(f"{name}={at:%Y-%m-%dT%H:%M:%SZ}" for name, at in written.items())
    assert len(await hers.lines(f"?{query}")) == count


async def test_pages_follow_each_other_over_ties_without_gap_or_repetition_while_new_uses_come(hers: Hers) -> None:
    await make_lines(hers.owner, await hers.id(), 23, in_an_hour=8)
    whole = [each["line"] for each in await hers.lines("?limit=100")]
    assert len(set(whole)) == 23
    seen: list[str] = []
    page = await hers.page("?limit=3")
    while True:
        seen += [each["line"] for each in page["uses"]]
        await hers.asked("first_name")
        await hers.seal()
        if "next" not in page:
            break
        page = await hers.page(f"?limit=3&cursor={page['next']}")
    assert seen == whole
    assert len(await hers.lines("?limit=100")) > 23


async def test_what_is_rare_is_found_on_some_page_each_once_and_no_page_looks_through_all(
    hers: Hers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "MOST", 10)
    await make_lines(hers.owner, await hers.id(), 45, in_an_hour=4)
    rare = await hers.owner.fetch(
        """
        UPDATE use_line
           SET refused = '{birth_year}'
         WHERE line IN (SELECT line FROM (SELECT line, row_number() OVER (ORDER BY hour DESC, line DESC) AS place
                                            FROM use_line) AS placed
                         WHERE place IN (1, 2, 3, 45))
        RETURNING line
        """
    )
    found, sizes = [], []
    page = await hers.page("?attribute=birth_year&limit=2")
    while True:
        found += [each["line"] for each in page["uses"]]
        sizes.append(len(page["uses"]))
        if "next" not in page:
            break
        page = await hers.page(f"?attribute=birth_year&limit=2&cursor={page['next']}")
    assert len(set(found)) == len(found) == len(rare) == 4
    # Two at the top, one more behind them, and the oldest of all.
    assert sizes == [2, 1, 0, 0, 0, 1]


async def test_a_cursor_is_good_for_its_own_list_and_customer_only(hers: Hers, bos: Hers) -> None:
    for each in (hers, bos):
        await make_lines(hers.owner, await each.id(), 3)
    first = await hers.page("?limit=1")
    cursor, line = first["next"], first["uses"][0]["line"]
    for caller, query in (
        (bos, f"limit=1&cursor={cursor}"),
        (hers, f"limit=1&refused=true&cursor={cursor}"),
        (hers, f"limit=1&attribute=first_name&cursor={cursor}"),
        (hers, f"limit=1&cursor={cursor[:-2]}"),
        (hers, f"cursor={line}"),
        (hers, "cursor=x"),
        (hers, "cursor=" + "A" * 56),
    ):
        assert await caller.refused(f"/v1/me/use?{query}") == (400, "bad-cursor"), query


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "wrong-kind"),
        ("limit=101", 422, "wrong-kind"),
        ("limit=ten", 422, "wrong-kind"),
        ("refused=maybe", 422, "wrong-kind"),
        ("since=yesterday", 422, "wrong-kind"),
        ("since=0001-01-01T00:00:00%2B14:00", 422, "wrong-kind"),
        ("service=%00", 422, "wrong-kind"),
        ("attribute=%00", 422, "wrong-kind"),
        ("page=2", 422, "unknown-field"),
        ("limit=1&limit=2", 400, "duplicate-key"),
    ],
)
async def test_a_wrong_query_is_a_problem_that_names_it(query: str, status: int, code: str, hers: Hers) -> None:
    assert await hers.refused(f"/v1/me/use?{query}") == (status, code)


# --- of what time it says everything -------------------------------------------------------------------------


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def enter(connection: Connection, keyring: Keyring, customer: CustomerId) -> datetime:
    """Enter a look at her, as any act does in its transaction; returns the time that it bears."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    act = LookedUp(what="test", reason="")
    await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, OPERATOR, now, act))
    return now


async def test_it_covers_her_from_the_day_on_which_she_was_enrolled(hers: Hers) -> None:
    await hers.owner.execute("UPDATE customer SET enrolled_at = now() - interval '3 days'")
    enrolled = await hers.owner.fetchval("SELECT enrolled_at FROM customer")
    assert instant((await hers.page())["covers_since"]) == enrolled


async def test_what_waits_in_the_queue_is_not_covered_and_is_listed_once_it_is(hers: Hers) -> None:
    await hers.owner.execute("UPDATE customer SET enrolled_at = now() - interval '3 days'")
    await hers.seal()
    listed = await hers.lines()
    of = await hers.asked("first_name")
    await hers.owner.execute("UPDATE queue SET at = at - interval '1 hour'")
    waits_since: datetime = await hers.owner.fetchval("SELECT at FROM queue WHERE id = $1", of)
    page = await hers.page()
    assert page["uses"] == listed
    assert instant(page["covered_until"]) == waits_since - MARGIN
    await hers.seal()
    page = await hers.page()
    assert len(page["uses"]) == len(listed) + 1
    now: datetime = await hers.owner.fetchval("SELECT clock_timestamp()")
    assert timedelta() < now - MARGIN - instant(page["covered_until"]) < timedelta(seconds=5)


async def test_what_waits_for_the_key_of_somebody_else_keeps_nothing_of_hers_uncovered(hers: Hers) -> None:
    other = await enrol(hers.api, "other@example.com", {})
    await hers.owner.execute("UPDATE customer SET enrolled_at = now() - interval '30 days'")
    await hers.seal()
    said = {"purpose": "market.newsletter", "method": "phone"}
    await hers.api.post(f"/v1/customers/{other.at_shop}/withdrawals", "shop", said)
    await hers.owner.execute("UPDATE queue SET at = at - interval '3 days', key = NULL")
    covered = instant((await hers.page())["covered_until"])
    now: datetime = await hers.owner.fetchval("SELECT clock_timestamp()")
    assert timedelta() < now - MARGIN - covered < timedelta(seconds=5)


async def test_it_never_says_that_an_act_is_covered_whose_transaction_is_still_open(
    hers: Hers, database: Database, keyring: Keyring
) -> None:
    await hers.owner.execute("UPDATE customer SET enrolled_at = now() - interval '3 days'")
    async with database.transaction() as slow:
        at = await enter(slow, keyring, await hers.id())
        # Its number is drawn. Others commit after it, and the sequencer takes them in before it.
        await hers.asked("first_name")
        await hers.seal()
        page = await hers.page()
        assert not [each for each in page["uses"] if each["kind"] == "look-up" and each["times"] > 1]
        assert instant(page["covered_until"]) < at
    await hers.seal()
    (look,) = [each for each in await hers.lines() if each["kind"] == "look-up"]
    assert look["times"] == 2


async def test_it_never_ends_before_it_begins(hers: Hers) -> None:
    page = await hers.page()
    assert instant(page["covered_until"]) == instant(page["covers_since"])


# --- a line, opened ------------------------------------------------------------------------------------------


async def line_of(hers: Hers, kind: str, outcome: str | None = None) -> dict[str, Any]:
    await hers.seal()
    (found,) = [each for each in await hers.lines() if (each["kind"], each.get("outcome")) == (kind, outcome)]
    return found


async def test_a_line_opens_to_its_entries_newest_first_with_the_reasons(hers: Hers) -> None:
    entries = [await hers.asked("first_name", "birth_year"), await hers.asked("favourite_genres", "birth_year")]
    line = await line_of(hers, "release", "partial")
    found = (await hers.opened(line["line"]))["uses"]
    assert [each["entry"] for each in found] == entries[::-1]
    newest = found[0]
    assert (newest["by"], newest["kind"], newest["outcome"]) == ("service:recommender", "release", "partial")
    assert (newest["purpose"], newest["channel"]) == (PURPOSE, "web")
    assert newest["released"] == ["favourite_genres"]
    assert newest["refused"] == [{"attribute": "birth_year", "reason": "demographic"}]
    assert instant(line["hour"]) <= instant(found[1]["at"]) < instant(newest["at"])


async def test_of_a_check_a_look_and_a_release_that_was_broken_off_she_reads_what_there_is(
    hers: Hers, database: Database, keyring: Keyring
) -> None:
    await hers.asked("first_name", path="/v1/decisions")
    of = EntryId(await hers.asked("first_name") or "")
    async with database.transaction() as connection:
        now = await connection.fetchval("SELECT clock_timestamp()")
        said = entry(ledger.new_entry_id(now), await hers.id(), OPERATOR, now, Aborted(of, "too-late"))
        await ledger.append(connection, keyring, said)
    (check,) = (await hers.opened((await line_of(hers, "check", "permit"))["line"]))["uses"]
    assert (check["kind"], check["released"]) == ("check", ["first_name"])
    (aborted,) = (await hers.opened((await line_of(hers, "aborted"))["line"]))["uses"]
    assert (aborted["kind"], aborted["of_entry"], aborted["reason"]) == ("aborted", of, "too-late")
    (look,) = (await hers.opened((await line_of(hers, "look-up"))["line"]))["uses"]
    assert (look["by"], look["reason"]) == ("operator:tests", "a test")


async def test_the_pages_of_a_line_are_its_entries_each_once(hers: Hers) -> None:
    entries = [await hers.asked("first_name") for _ in range(7)]
    line = (await line_of(hers, "release", "permit"))["line"]
    seen: list[str] = []
    page = await hers.opened(line, "?limit=3")
    while True:
        seen += [each["entry"] for each in page["uses"]]
        await hers.asked("first_name")
        await hers.seal()
        if "next" not in page:
            break
        cursor = page["next"]
        page = await hers.opened(line, f"?limit=3&cursor={cursor}")
    assert seen == entries[::-1]
    other = (await line_of(hers, "look-up"))["line"]
    assert await hers.refused(f"/v1/me/use/{other}?cursor={cursor}") == (400, "bad-cursor")


async def test_somebody_elses_line_is_as_unknown_as_none(hers: Hers, bos: Hers) -> None:
    await hers.asked("first_name")
    line = (await line_of(hers, "release", "permit"))["line"]
    assert await bos.refused(f"/v1/me/use/{line}") == (404, "unknown-use")
    for other in (NOBODYS, line[:-1], line + "A", line[:-1] + ("A" if line[-1] != "A" else "B"), "1", "%00", "é"):
        assert await hers.refused(f"/v1/me/use/{other}") == (404, "unknown-use"), other
    await hers.owner.execute("DELETE FROM use_line")
    assert await hers.refused(f"/v1/me/use/{line}") == (404, "unknown-use")


async def test_after_an_erasure_neither_line_nor_entry_is_there_and_nothing_of_it_can_be_read(
    hers: Hers, bos: Hers, database_url: str
) -> None:
    of = [await each.asked("first_name") for each in (hers, bos)]
    line = (await line_of(hers, "release", "permit"))["line"]
    async with opened(in_role(database_url, "byleave_sequencer")) as database:
        assert (await destroy_evidence(database, OPERATOR, await hers.id())).bodies > 1
    page = await hers.page()
    assert page["uses"] == []
    assert instant(page["covered_until"]) >= instant(page["covers_since"])
    assert await hers.refused(f"/v1/me/use/{line}") == (404, "unknown-use")
    assert await hers.refused(f"/v1/me/entries/{of[0]}") == (404, "unknown-entry")
    assert (await bos.get(f"/v1/me/entries/{of[1]}"))["entry"] == of[1]


async def test_a_line_with_nothing_behind_it_is_a_refusal_and_never_an_empty_page(hers: Hers) -> None:
    await hers.asked("first_name")
    line = (await line_of(hers, "release", "permit"))["line"]
    await hers.owner.execute("DELETE FROM body")
    assert await hers.refused(f"/v1/me/use/{line}") == BROKEN


SPOILT = {
    "gone": ("DELETE FROM evidence_key", (503, "keys-unavailable")),
    "relabelled": ("UPDATE evidence_key SET id = 'another'", BROKEN),
    "damaged": ("UPDATE evidence_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)", BROKEN),
    "body": ("UPDATE body SET content = set_byte(content, 40, get_byte(content, 40) # 1)", BROKEN),
    "commitment": ("UPDATE entry SET commitment = sha256(commitment)", BROKEN),
    "swapped": (
        "UPDATE body b SET content = o.content FROM body o WHERE o.line = b.line AND o.position <> b.position",
        BROKEN,
    ),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_what_does_not_open_as_it_was_entered_is_a_refusal_and_never_an_empty_line(how: str, hers: Hers) -> None:
    of = [await hers.asked("first_name") for _ in range(2)]
    line = (await line_of(hers, "release", "permit"))["line"]
    statement, expected = SPOILT[how]
    await hers.owner.execute(statement)
    assert await hers.refused(f"/v1/me/use/{line}") == expected
    assert await hers.refused(f"/v1/me/entries/{of[0]}") == expected


async def test_what_was_sealed_under_a_key_that_was_replaced_is_a_refusal(
    hers: Hers, database: Database, keyring: Keyring
) -> None:
    of = await hers.asked("first_name")
    line = (await line_of(hers, "release", "permit"))["line"]
    await hers.owner.execute("DELETE FROM evidence_key")
    async with database.connection() as connection:
        assert await evidence.keys_for(connection, keyring, {await hers.id()})
    assert await hers.refused(f"/v1/me/use/{line}") == (503, "keys-unavailable")
    assert await hers.refused(f"/v1/me/entries/{of}") == (503, "keys-unavailable")
