"""Notices as pages: public, for ever at one address, safe whatever is written in them, and compared word by word."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from service.policy.engine import Policies
from service.portal.markdown import as_html, differences
from tests.portal.conftest import Browser, Page

NEWSLETTER = "/notices/market.newsletter"
SAFE = re.compile(
    r"</?(?:p|strong|em|ul|ol|li|blockquote|h[3-6]|br)(?: /)?>|</a>|<ol start=\"\d+\">"
    r"|<a href=\"(?:https://|mailto:)[^\"]*\"(?: title=\"[^\"]*\")?>"
)


async def test_every_version_of_every_notice_has_its_page_for_anybody(stranger: Browser, policies: Policies) -> None:
    for notice in policies.catalogue.notices.values():
        page = await stranger.get(f"/notices/{notice.purpose}/{notice.version}?language={notice.language}")
        assert page.response.status_code == 200
        assert notice.title in page.text
        assert notice.digest in page.text
        assert f'<html lang="{notice.language}"' in page.response.text


async def test_a_page_shows_what_changed_since_another_version(stranger: Browser) -> None:
    page = (await stranger.get(f"{NEWSLETTER}/2?from=1")).response.text
    assert '<del><span class="hidden">removed: </span>write to</del>' in page
    assert '<ins><span class="hidden">added: </span>send</ins>' in page
    assert "<ins" not in (await stranger.get(f"{NEWSLETTER}/2")).response.text


async def test_links_of_a_page_keep_the_language_that_its_address_asks_for(stranger: Browser) -> None:
    page: Page = await stranger.get(f"{NEWSLETTER}/2?language=de")
    assert f"{NEWSLETTER}/1?language=de" in page.links
    assert f"{NEWSLETTER}/2?from=1&language=de" in page.links
    assert f"{NEWSLETTER}/2?language=en" in page.links
    assert all("language=" in link for link in page.links if link.startswith("/"))


@pytest.mark.parametrize(
    "address",
    [
        f"{NEWSLETTER}/3",
        f"{NEWSLETTER}/0",
        f"{NEWSLETTER}/02",
        f"{NEWSLETTER}/two",
        f"{NEWSLETTER}/2?from=9",
        f"{NEWSLETTER}/2?from=x",
        f"{NEWSLETTER}/99999999999999999999",
        "/notices/nothing.known/1",
        "/notices/%00/1",
    ],
)
async def test_what_was_never_published_has_no_page(stranger: Browser, address: str) -> None:
    page = await stranger.get(address)
    assert page.response.status_code == 404
    assert "There is no such page" in page.text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**Heading.** Words.", "<p><strong>Heading.</strong> Words.</p>\n"),
        ("One.\n\nTwo.", "<p>One.</p>\n<p>Two.</p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("# Title", "<h3>Title</h3>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("[us](https://harbour.example/)", '<p><a href="https://harbour.example/">us</a></p>\n'),
        ("[us](javascript:alert(1))", "<p>[us](javascript:alert(1))</p>\n"),
        ("[us](http://harbour.example)", "<p>[us](http://harbour.example)</p>\n"),
        ("[us](/signout)", "<p>[us](/signout)</p>\n"),
    ],
)
def test_a_notice_is_a_text_and_nothing_more(text: str, html: str) -> None:
    assert as_html(text) == html


marked_up = st.text(alphabet="ab <>\"'&;[]()!*_#`-\n\t:/", max_size=80) | st.sampled_from(
    ["<script>alert(1)</script>", "![x](https://a/b)", "[a](data:text/html,x)", '[a](https://x "t<b>")', "<!-- x -->"]
)


@given(text=marked_up)
def test_no_notice_is_more_than_a_text_however_it_is_written(text: str) -> None:
    assert "<" not in SAFE.sub("", as_html(text))


MARKS = re.compile(r'</?(?:p|strong|ins|del)>|<span class="hidden">(?:added|removed)! </span>')


@given(before=marked_up, after=marked_up)
def test_what_changed_is_only_words_and_marks(before: str, after: str) -> None:
    assert "<" not in MARKS.sub("", differences(before, after, "added!", "removed!"))


words = st.lists(st.sampled_from(["we", "you", "send", "offers", "never", "**Now.**", "\n\n"]), max_size=14)


@given(before=words, after=words)
def test_without_what_was_added_it_is_the_old_text_and_without_what_was_removed_the_new_one(
    before: list[str], after: list[str]
) -> None:
    old, new = " ".join(before), " ".join(after)
    told = differences(old, new, "+", "-")
    for gone, text in (("ins", old), ("del", new)):
        left = re.sub(rf"<{gone}>.*?</{gone}>", "", re.sub(r'<span class="hidden">.*?</span>', "", told))
        assert words_in(left) == words_in(as_html(text))


def words_in(html: str) -> list[str]:
    return Markup(html.replace("</p>", " ")).striptags().split()  # noqa: S704  read, not shown


async def test_a_notice_that_is_not_in_her_language_is_shown_in_the_one_there_is(stranger: Browser) -> None:
    page = await stranger.get(f"{NEWSLETTER}/2", **{"accept-language": "fr"})
    assert page.response.status_code == 200
    assert page.response.headers["content-language"] == "en"
