"""Every page of the portal, for a customer whose data was used very often: the server's time, database included."""

import asyncio
import time
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks.company import Known
from benchmarks.found import Found
from benchmarks.history import fill
from benchmarks.load import WrongAnswerError
from benchmarks.scene import Scene
from service.database import opened
from service.model.words import CustomerId
from service.portal.visit import COOKIE
from service.rootkey import read_root_key
from service.usecases import sessions
from service.usecases.keys import open_keys

PAGES = (
    "/",
    "/choices",
    "/data",
    "/use",
    "/use?refused=yes",
    "/use?attribute=first_name",
    "/use?attribute=last_name",
    "/receipts",
    "/simulate",
    "/me",
)
WARM = 3


def measure(scene: Scene, entries: int, times: int) -> Found:
    """Look at each page in turn, so many times; what counts is the slowest page."""
    known = scene.company.known[2]
    asyncio.run(fill(scene.superuser_url, {known: entries}))
    cookie = asyncio.run(_signed_in(scene, known))
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    with httpx.Client(base_url=scene.service, headers={"Cookie": f"{COOKIE}={cookie}"}) as client:
        for number in range(WARM + times):
            for page, its in took.items():
                spent = _looked(client, page)
                if number >= WARM:
                    its.append(spent)
    late = {page: quantiles(its, n=20)[-1] for page, its in took.items()}
    said = ", ".join(f"{page} {median(its):.0f} ms (p95 {late[page]:.0f})" for page, its in took.items())
    return Found({"portal_page_p95_ms": max(late.values())}, (f"Pages of a customer with {entries} reads: {said}.",))


async def _signed_in(scene: Scene, known: Known) -> str:
    async with opened(scene.urls.app) as database:
        keyring = await open_keys(database, read_root_key(Path(scene.home) / "root.key"))
        return await sessions.begin_for_show(database, keyring, CustomerId(known.customer), "Firefox/Linux")


def _looked(client: httpx.Client, page: str) -> float:
    """Return the milliseconds that a page took, from the request to its last byte."""
    began = time.perf_counter()
    response = client.get(page)
    spent = (time.perf_counter() - began) * 1000
    if response.status_code != httpx.codes.OK or "</html>" not in response.text:
        raise WrongAnswerError(f"{page}: {response.status_code}")
    return spent
