"""The contract as it is served: cached by its digest, and a page that needs nobody else."""

import hashlib
import re

import pytest

from service.api.contract import FILES, ONLY_OURS, STATIC
from service.api.document import document
from tests.conftest import Api

FOREIGN = re.compile(r"(src|href|url)\s*[=:]\s*[\"']?(https?:)?//", re.IGNORECASE)


async def test_the_document_is_served_as_it_is_committed(api: Api) -> None:
    response = await api.call("GET", "/openapi.json", None)
    assert (response.status_code, response.content) == (200, document())
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "max-age=300"


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_who_has_it_is_told_so(api: Api, path: str) -> None:
    tag = (await api.call("GET", path, None)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = await api.call("GET", path, None, headers={"if-none-match": known})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    for known in ("", '"other"', tag.strip('"')):
        assert (await api.call("GET", path, None, headers={"if-none-match": known})).status_code == 200


async def test_the_page_loads_only_what_is_kept_here_under_names_with_a_digest(api: Api) -> None:
    response = await api.call("GET", "/docs", None)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == ONLY_OURS
    assert "unsafe" not in ONLY_OURS
    loaded = re.findall(r'(?:src|href)="/docs/([^"]+)"', response.text)
    assert sorted(loaded) == sorted(FILES)
    assert not re.search(r"<script>|style=|onload", response.text)
    assert not FOREIGN.search(response.text + (STATIC / "start.js").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
async def test_a_part_of_the_page_may_be_kept_for_ever(api: Api, name: str) -> None:
    response = await api.call("GET", f"/docs/{name}", None)
    assert response.headers["cache-control"] == "max-age=31536000, immutable"
    assert response.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert hashlib.sha256(response.content).hexdigest().startswith(name.split(".")[-2])


@pytest.mark.parametrize("name", ["start.js", "SOURCE.md", "..%2fcontract.py", "%2e%2e/contract.py", "docs.html", ""])
async def test_nothing_else_of_the_folder_is_served(api: Api, name: str) -> None:
    response = await api.call("GET", f"/docs/{name}", None)
    assert response.status_code == 404 if name else response.status_code == 200


def test_swagger_ui_is_as_its_makers_published_it() -> None:
    folder = STATIC / "swagger-ui"
    kept = re.findall(r"^\| `([\w.-]+)` \| `([0-9a-f]{64})` \|$", (folder / "SOURCE.md").read_text(), re.MULTILINE)
    assert [name for name, _ in kept] == ["swagger-ui-bundle.js", "swagger-ui.css"]
    for name, digest in kept:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
