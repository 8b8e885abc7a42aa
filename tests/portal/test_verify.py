"""Checking a receipt: anybody may, nothing of it is shown again, and whatever is sent is answered with a page."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.app import House
from service.crypto.signing import sign
from service.portal.verify import receipt_in
from tests.examples import some
from tests.portal.conftest import BASE, Browser, Page

SECRET = "market.newsletter"
KLINGON = b"\r\n".join(
    [
        b"--x",
        b'Content-Disposition: form-data; name="receipt"',
        b"Content-Type: text/plain; charset=klingon",
        b"",
        b"x",
        b"--x--",
        b"",
    ]
)
HEADERS = {"origin": BASE, "sec-fetch-site": "same-origin"}


@pytest.fixture
async def signed(her: Browser) -> str:
    """A receipt of Abbie's."""
    await her.press(await her.get("/choices"), f"n-{SECRET}-email")
    entry = her.entry
    return (await her.get(f"/receipts/{entry}/receipt.jws")).response.text.strip()


async def judged(stranger: Browser, text: str = "", file: bytes = b"") -> str:
    """Return what the page says of a receipt."""
    files: dict[str, tuple[str | None, bytes]] = {"file": ("receipt.jws", file), "receipt": (None, text.encode())}
    page = Page(await stranger.client.post("/verify", files=files, headers=HEADERS))
    assert page.response.status_code == 200, page.response.text
    return re.sub(r"^.*and we keep nothing of it\. |\. .*$", "", page.text)


def changed(receipt: str, at: int) -> str:
    head, body, tail = receipt.split(".")
    other = "A" if body[at] != "A" else "B"
    return f"{head}.{body[:at]}{other}{body[at + 1 :]}.{tail}"


async def test_a_receipt_is_valid_pasted_broken_into_lines_or_as_either_file(stranger: Browser, signed: str) -> None:
    in_lines = "\n  ".join(signed[n : n + 60] for n in range(0, len(signed), 60))
    answer = json.dumps({"entry": "x", "receipt": signed, "record": {}})
    for text in (signed, in_lines, answer):
        assert (await judged(stranger, text)).startswith("Valid We signed this receipt")
        assert (await judged(stranger, "", text.encode())).startswith("Valid We signed this receipt")


async def test_one_letter_changed_is_seen_wherever_it_is(stranger: Browser, signed: str) -> None:
    body = signed.split(".")[1]
    for at in range(4, len(body) - 4, len(body) // 12):
        assert (await judged(stranger, changed(signed, at))).startswith("Changed")


async def test_the_key_of_another_is_not_taken_for_ours(stranger: Browser) -> None:
    assert (await judged(stranger, sign(bytes(32), b"{}"))).startswith("Unknown key")


@pytest.mark.parametrize("text", ["x", "a.b.c", "{}", '{"receipt": 1}', "[" * 4000, "é" * 100])
async def test_what_is_no_receipt_is_called_so(stranger: Browser, text: str) -> None:
    assert (await judged(stranger, text)).startswith("Not a receipt")


async def test_nothing_sent_is_said_kindly(stranger: Browser) -> None:
    assert (await judged(stranger)).startswith("There was nothing to check")


async def test_nothing_of_a_receipt_is_shown_again(stranger: Browser, signed: str) -> None:
    for text in (signed, changed(signed, 40), "<script>alert(1)</script>"):
        files: dict[str, tuple[str | None, bytes]] = {"receipt": (None, text.encode()), "file": ("<b>x</b>.jws", b"")}
        page = (await stranger.client.post("/verify", files=files, headers=HEADERS)).text
        for part in (signed.split(".")[1][:40], SECRET, "ent_", "alert(1)", "<b>x"):
            assert part not in page


async def test_the_page_has_the_key_with_which_openssl_says_the_same(
    stranger: Browser, signed: str, tmp_path: Path
) -> None:
    """The commands of the page, as they stand there."""
    text = (await stranger.client.get("/verify")).text
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code>", text, re.DOTALL)
    commands, key = (html.unescape(block) for block in blocks[:2])
    (tmp_path / "key.pem").write_text(key)
    shell = shutil.which("sh")
    assert shell is not None
    for receipt, said in ((signed, "Signature Verified Successfully"), (changed(signed, 50), "Verification Failure")):
        (tmp_path / "receipt.jws").write_text(receipt + "\n")
        done = subprocess.run([shell, "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said in done.stdout + done.stderr


async def test_another_site_cannot_send_it(stranger: Browser) -> None:
    response = await stranger.client.post(
        "/verify", files={"receipt": (None, "x")}, headers={"origin": "https://x.test"}
    )
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"nothing of the kind", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="receipt"\r\n', 400),
        ("multipart/form-data; boundary=x", KLINGON, 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="receipt"\r\n\r\n\xff\r\n--x--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n\xff\r\n--x--\r\n',
            400,
        ),
        ("application/json", b"{}", 415),
        ("text/plain", b"receipt=x", 415),
        ("application/x-www-form-urlencoded", b"receipt=x", 200),
        ("application/x-www-form-urlencoded", b"receipt=%ff&receipt=x&more=1", 200),
        ("application/x-www-form-urlencoded", b"receipt=" + b"x" * 300_000, 413),
    ],
)
async def test_whatever_is_sent_is_answered_with_a_page_and_no_fault_of_ours(
    stranger: Browser, media: str, body: bytes, status: int
) -> None:
    response = await stranger.client.post("/verify", content=body, headers=HEADERS | {"content-type": media})
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
@some(80)
def test_any_text_can_be_looked_at_for_a_receipt(text: str) -> None:
    assert " " not in receipt_in(text)


async def test_without_keys_it_says_that_it_cannot_tell(stranger: Browser, house: House, tmp_path: Path) -> None:
    house.keys = type(house.keys)(house.reserved, tmp_path / "nothing.key")
    assert (await stranger.client.get("/verify")).status_code == 200
    response = await stranger.client.post("/verify", files={"receipt": (None, "a.b.c")}, headers=HEADERS)
    assert response.status_code == 503
