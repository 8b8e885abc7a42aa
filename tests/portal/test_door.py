"""What holds for every page: a question without content, odd headers, and where forms lead."""

import pytest

from service.portal.pages import see
from tests.portal.conftest import Browser


@pytest.mark.parametrize("path", ["/help", "/signin", "/nowhere", "/"])
async def test_head_is_answered_as_get_is_without_the_content(stranger: Browser, path: str) -> None:
    get, head = await stranger.client.get(path), await stranger.client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/signin", "GET, OPTIONS, POST"), ("/verify", "GET, OPTIONS, POST"), ("/data", "GET, OPTIONS")],
)
async def test_options_names_every_method_of_the_address(stranger: Browser, path: str, methods: str) -> None:
    response = await stranger.client.options(path)
    assert (response.status_code, response.headers["allow"]) == (204, methods)


async def test_at_a_page_that_there_is_not_options_is_answered_as_get_is(stranger: Browser) -> None:
    assert (await stranger.client.options("/nowhere")).status_code == 404


@pytest.mark.parametrize("origin", ["http://[", "null", "", "https://", "https://portal.test.evil", "portal.test"])
async def test_whatever_origin_is_not_ours_is_foreign_and_no_fault_of_ours(stranger: Browser, origin: str) -> None:
    response = await stranger.post("/signin", [("email", "x@example.com")], origin=origin)
    assert response.status_code == 403


async def test_an_odd_referer_leads_to_the_first_page(her: Browser) -> None:
    await her.client.post("/nowhere")
    response = await her.post("/me/passkeys", [("waiting", "x")], referer="http://[")
    assert response.status_code < 500


def test_where_a_form_leads_is_an_address_whatever_it_is_about() -> None:
    assert see("/choices", "chosen", at="c-\r\nX:y\U0001f4a9").headers["Location"] == (
        "/choices?done=chosen#c-%0D%0AX%3Ay%F0%9F%92%A9"
    )
