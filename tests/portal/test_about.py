"""The public pages: whom to ask, what this website keeps, and for whom it works."""

import pytest

from service.policy.engine import Policies
from tests.portal.conftest import Browser

PAGES = ["/help", "/privacy", "/accessibility", "/verify"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_public_page_is_there_for_anybody_and_names_no_cookie(stranger: Browser, path: str) -> None:
    page = await stranger.get(path)
    assert page.response.status_code == 200
    assert "set-cookie" not in page.response.headers


@pytest.mark.parametrize("path", ["/help", "/privacy", "/accessibility"])
async def test_it_says_how_the_company_is_reached(stranger: Browser, policies: Policies, path: str) -> None:
    company = policies.catalogue.company
    assert company is not None
    page = await stranger.get(path)
    assert company.address in page.text
    assert f"mailto:{company.contact}" in page.links


async def test_every_link_of_the_public_pages_leads_somewhere(stranger: Browser) -> None:
    links = {link for path in PAGES for link in (await stranger.get(path)).links if link.startswith("/")}
    assert links
    for link in sorted(links):
        assert (await stranger.client.get(link)).status_code in {200, 303}, link
