"""The maps in docs/imports over small exports as the tools write them, with their quirks."""

from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from service.crypto.keyring import Keyring
from service.database import Database
from service.importing import Delivery, import_file
from service.policy.engine import Policies
from service.usecases.imports import Means, Summary
from tests.conftest import OPERATOR

MAPS = Path(__file__).parents[1] / "docs/imports"
EXPORTS = Path(__file__).parent / "vectors/exports"
SUBSCRIBED, UNSUBSCRIBED, LISTMONK = (
    (EXPORTS / f"{name}.csv").read_text(encoding="utf-8")
    for name in ("mailchimp-subscribed", "mailchimp-unsubscribed", "listmonk")
)


@pytest.fixture
def means(database: Database, keyring: Keyring, policies: Policies) -> Means:
    return Means(database, keyring, policies, OPERATOR)


def uncommented(name: str) -> str:
    """Return a map once its operator has said what it asks her to say."""
    text = (MAPS / name).read_text(encoding="utf-8")
    for line in ('at = "created_at"', "notice = 1", 'language = "en"'):
        text = text.replace(f"# {line}", line)
    return text


async def bring(means: Means, folder: Path, export: str, column_map: Path | str) -> Summary:
    (folder / "export.csv").write_text(export, encoding="utf-8")
    if isinstance(column_map, str):
        (folder / "map.toml").write_text(column_map, encoding="utf-8")
        column_map = folder / "map.toml"
    return (await import_file(means, Delivery(folder / "export.csv", column_map), Console())).summary


async def standing(means: Means) -> Counter[tuple[str, str, int]]:
    async with means.database.connection() as connection:
        rows = await connection.fetch("SELECT purpose, status, notice FROM consent")
    return Counter((row["purpose"], row["status"], row["notice"]) for row in rows)


def found(status: str, notice: int, so_many: int = 1) -> Counter[tuple[str, str, int]]:
    return Counter({("market.newsletter", status, notice): so_many})


async def test_as_it_is_shipped_mailchimps_map_gives_nobodys_yes(means: Means, tmp_path: Path) -> None:
    summary = await bring(means, tmp_path, SUBSCRIBED, MAPS / "mailchimp-subscribed.toml")
    assert summary == Summary(read=3, created=3, unknown=3)
    assert await standing(means) == found("unknown", 0, 3)


async def test_once_the_notice_is_said_who_signed_up_herself_said_yes(means: Means, tmp_path: Path) -> None:
    summary = await bring(means, tmp_path, SUBSCRIBED, uncommented("mailchimp-subscribed.toml"))
    assert summary == Summary(read=3, created=3, given=2, unknown=1)
    assert await standing(means) == found("given", 1, 2) + found("unknown", 1)


@pytest.mark.parametrize("first", ["subscribed", "unsubscribed"])
async def test_who_left_mailchimp_is_out_in_either_order(means: Means, tmp_path: Path, first: str) -> None:
    subscribed = SUBSCRIBED, uncommented("mailchimp-subscribed.toml")
    unsubscribed = UNSUBSCRIBED, (MAPS / "mailchimp-unsubscribed.toml").read_text(encoding="utf-8")
    files = [subscribed, unsubscribed]
    for export, column_map in files if first == "subscribed" else files[::-1]:
        await bring(means, tmp_path, export, column_map)
    left = "withdrawn" if first == "subscribed" else "refused"
    assert await standing(means) == found("given", 1) + found("unknown", 1) + found(left, 0)
    async with means.database.connection() as connection:
        # Cy left before she was anybody here, or after; Di was nobody in either case.
        assert await connection.fetchval("SELECT count(*) FROM suppression") == (1 if first == "subscribed" else 2)
        assert await connection.fetchval("SELECT count(*) FROM customer") == 3


async def test_of_listmonks_subscribers_who_is_blocklisted_said_no_and_of_others_nobody_knows(
    means: Means, tmp_path: Path
) -> None:
    summary = await bring(means, tmp_path, LISTMONK, MAPS / "listmonk.toml")
    assert summary == Summary(read=3, created=2, suppressed=1, unknown=2)
    summary = await bring(means, tmp_path, LISTMONK, MAPS / "listmonk-unsubscribed.toml")
    assert summary == Summary(read=3, updated=2, unchanged=1, refused=2)


async def test_listmonks_dates_are_read_as_go_prints_them(means: Means, tmp_path: Path) -> None:
    summary = await bring(means, tmp_path, LISTMONK, MAPS / "listmonk-confirmed.toml")
    assert summary == Summary(read=3, created=2, suppressed=1, unknown=2)
    summary = await bring(means, tmp_path, LISTMONK, uncommented("listmonk-confirmed.toml"))
    assert summary == Summary(read=3, updated=2, unchanged=1, given=1, unknown=1)
    async with means.database.connection() as connection:
        given = await connection.fetch("SELECT given_at FROM consent_event WHERE status = 'given'")
    assert [row["given_at"].isoformat() for row in given] == ["2023-05-11T08:15:02.123456+00:00"]


def test_every_map_is_explained_and_every_explained_map_is_there() -> None:
    page = (MAPS.parent / "import.md").read_text(encoding="utf-8")
    assert all(f"(imports/{each.name})" in page for each in MAPS.iterdir())
    assert page.count("](imports/") == len(list(MAPS.iterdir()))


async def test_customers_come_in_by_the_map_that_is_an_example(means: Means, tmp_path: Path) -> None:
    export = tmp_path / "customers.csv"
    export.write_bytes(
        "Customer no;E-Mail;Mobile;Changed;Adult;First name;Last name;Genres\r\n"
        "17;jo@example.com;0151 23456789;2026-05-01;yes;J\u00f6rg;Gro\u00df;crime,travel\r\n".encode("cp1252")
    )
    summary = (await import_file(means, Delivery(export, MAPS / "customers.toml"), Console())).summary
    assert summary == Summary(read=1, created=1)
    async with means.database.connection() as connection:
        rows = await connection.fetch("SELECT attribute FROM fact ORDER BY attribute")
    assert [row["attribute"] for row in rows] == ["favourite_genres", "first_name", "last_name"]
