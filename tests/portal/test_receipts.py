"""Receipts: each thing she said has one, hers alone, in the language of the page, and a file that proves it."""

import json
from collections.abc import Iterator

import pytest

from service.app import House
from service.usecases.receipts import check
from tests.conftest import Api, Person, enrol
from tests.portal.conftest import Browser, session_of

NEWSLETTER = "market.newsletter"


async def entry_of_a_no(her: Browser) -> str:
    """Let her refuse the newsletter, and return the entry of it."""
    page = await her.press(await her.get("/choices"), f"n-{NEWSLETTER}-email")
    assert "Receipt" in page.text
    return her.entry


async def test_what_she_just_said_leads_to_its_receipt(her: Browser) -> None:
    page = await her.press(await her.get("/choices"), f"n-{NEWSLETTER}-email")
    (receipt,) = [link for link in page.links if link.startswith("/receipts/ent_")]
    shown = await her.get(receipt)
    assert shown.response.status_code == 200
    assert "Our newsletter, by e-mail: no" in shown.text
    assert "said by the customer, on the page for customers" in shown.text


def named(nodes: object, key: str) -> Iterator[str]:
    """Yield what stands under a key, anywhere in a document."""
    if isinstance(nodes, dict):
        yield from [each for name, each in nodes.items() if name == key and isinstance(each, str)]
    if isinstance(nodes, (dict, list)):
        for each in nodes.values() if isinstance(nodes, dict) else nodes:
            yield from named(each, key)


async def test_a_receipt_of_a_yes_says_on_its_page_what_the_signed_document_says(her: Browser) -> None:
    await her.press(await her.get("/choices"), "b-research.panel-phone")
    entry = her.entry
    page = await her.get(f"/receipts/{entry}")
    assert "Our readers' panel, by phone Your answer Yes" in page.text
    assert "How You, on these pages" in page.text
    assert "Which notice Version 1 , which was before you" in page.text
    assert "How to take it back Turn it off under" in page.text
    assert "What holds now On. Change it" in page.text
    record = json.loads((await her.get(f"/receipts/{entry}/receipt.json")).response.text)["record"]
    (consent,) = record["dpv:hasRecordOfActivity"]
    told = [*named(consent["dpv:hasProcess"], "skos:prefLabel"), *named(record["dpv:hasEntity"], "dpv:hasName")]
    assert len(told) > 5
    above, _, below = page.text.partition("The receipt as plain text")
    assert [each for each in told if each not in above] == []
    assert f"Receipt {entry}" in below


async def test_a_receipt_of_a_no_says_that_nobody_receives_anything_and_what_holds_since(her: Browser) -> None:
    entry = await entry_of_a_no(her)
    page = await her.get(f"/receipts/{entry}")
    assert "Our newsletter, by e-mail Your answer No" in page.text
    assert "Who may receive your data Nobody, by this answer." in page.text
    assert "What holds now Off." in page.text
    await her.press(await her.get("/choices"), f"b-{NEWSLETTER}-email")
    assert "What holds now On." in (await her.get(f"/receipts/{entry}")).text


async def test_a_receipt_of_a_choice_says_what_she_chose(her: Browser) -> None:
    await her.press(await her.get("/choices"), "b-sharing")
    entry = her.entry
    page = await her.get(f"/receipts/{entry}")
    assert "Passing your data on Your choice Passing your data on: turned off" in page.text


async def test_answers_of_one_act_that_differ_in_their_channel_only_stand_together(her: Browser) -> None:
    page = await her.get("/choices")
    for each in ("b-research.panel-phone", "b-research.panel-email", "b-research.panel"):
        page = await her.press(page, each)
    entry = her.entry
    page = await her.get(f"/receipts/{entry}")
    assert page.text.count("You took your yes back") == 1
    assert "What holds now By e-mail: Off; By phone: Off." in page.text


async def test_receipts_are_listed_newest_first_in_pages_that_hold_each_once(her: Browser, house: House) -> None:
    entries = [await entry_of_a_no(her)]
    for _ in range(13):
        for _ in range(2):
            await her.press(await her.get("/choices"), "b-pause")
            entries.append(her.entry)
    listed: list[str] = []
    page = await her.get("/receipts")
    while True:
        listed += [link.rpartition("/")[2] for link in page.links if link.startswith("/receipts/ent_")]
        older = [link for link in page.links if "cursor=" in link]
        if not older:
            break
        page = await her.get(older[0])
    assert listed[: len(entries)] == entries[::-1]
    assert (
        len(listed) == len(set(listed)) == len(entries) + 2
    )  # and what was said of Abbie when she came, and her first yes


async def test_the_files_hold_the_receipt_as_it_was_signed(her: Browser, house: House) -> None:
    entry = await entry_of_a_no(her)
    keys = {key.id: key for key in await house.actions.receipt_keys()}
    signed = (await her.get(f"/receipts/{entry}/receipt.jws")).response
    assert signed.headers["content-disposition"] == f'attachment; filename="{entry}.jws"'
    assert check(signed.text.strip(), keys).flaw is None
    file = (await her.get(f"/receipts/{entry}/receipt.json")).response
    assert file.headers["content-disposition"] == f'attachment; filename="{entry}.json"'
    answer = json.loads(file.text)
    assert answer["receipt"] == signed.text.strip()
    assert answer["record"]["dpv:hasIdentifier"] == entry
    assert file.headers["cache-control"] == "no-store"


async def test_the_text_is_in_the_language_of_the_page_and_the_signed_document_in_hers(her: Browser) -> None:
    entry = await entry_of_a_no(her)
    german = await her.get(f"/receipts/{entry}?language=de")
    assert "Unser Newsletter, per E-Mail: Nein" in german.text
    assert "So widerrufen Sie:" in german.text
    assert "Unser Newsletter, per E-Mail Ihre Antwort Nein" in german.text
    one, other = [
        (await her.get(f"/receipts/{entry}/receipt.jws{query}")).response.text for query in ("", "?language=de")
    ]
    assert one == other


@pytest.mark.parametrize("page", ["", "/receipt.json", "/receipt.jws"])
async def test_nobody_sees_the_receipt_of_somebody_else(her: Browser, api: Api, house: House, page: str) -> None:
    entry = await entry_of_a_no(her)
    bo: Person = await enrol(api, "bo@example.com")
    his = Browser(her.client, await session_of(house, bo))
    found = (await his.get(f"/receipts/{entry}{page}")).response
    none = (await his.get(f"/receipts/ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6{page}")).response
    assert (found.status_code, found.text) == (404, none.text)
    assert (await her.client.get(f"/receipts/{entry}{page}")).status_code == 303


@pytest.mark.parametrize("address", ["/receipts/x", "/receipts/ent_x", "/receipts/%00", "/receipts/ent_1/receipt.pdf"])
async def test_an_address_without_a_receipt_is_no_page(her: Browser, address: str) -> None:
    response = (await her.get(address)).response
    assert response.status_code == 404
    assert "There is no such page" in response.text


async def test_a_cursor_that_is_not_hers_is_refused(her: Browser) -> None:
    assert (await her.get("/receipts?cursor=xyz")).response.status_code == 400
