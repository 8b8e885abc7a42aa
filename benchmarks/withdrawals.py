"""Withdrawals one after the other, beside releases asked in the same way; after each nothing may leave."""

import time
from statistics import median, quantiles
from typing import Any

import httpx

from benchmarks import company
from benchmarks.company import Known
from benchmarks.found import Found
from benchmarks.load import WrongAnswerError
from benchmarks.scene import Scene

WARM = 20


def measure(scene: Scene, times: int) -> Found:
    """Take back and give again, so many times."""
    withdrawals, releases = list[float](), list[float]()
    with httpx.Client(base_url=scene.service) as client:
        for number in range(WARM + times):
            known = scene.company.known[number % len(scene.company.known)]
            withdrawal = _say(client, scene, known, "withdrawals", {"purpose": company.PURPOSE})
            _release(client, scene, known, permitted=False)
            _say(client, scene, known, "consents", _yes(scene.company.notice))
            release = _release(client, scene, known, permitted=True)
            if number >= WARM:
                withdrawals.append(withdrawal)
                releases.append(release)
    late, middle = quantiles(withdrawals, n=100)[-1], median(releases)
    took = f"{times} withdrawals, each refused at once: p50 {median(withdrawals):.1f} ms, p99 {late:.1f} ms"
    return Found({"withdrawal_p99_vs_release_p50": late / middle}, (f"{took}; release p50 {middle:.1f} ms.",))


def _yes(notice: int) -> dict[str, Any]:
    said = {"purpose": company.PURPOSE, "answer": "given", "channel": "web", "notice": notice, "explicit": True}
    return {**said, "method": "counter", "actor": "till-4", "evidence": "scans/4711"}


def _say(client: httpx.Client, scene: Scene, known: Known, what: str, body: dict[str, Any]) -> float:
    took, answer = _asked(client, f"/v1/customers/{known.shop}/{what}", scene.company.shop, body)
    if not answer["entry"].startswith("ent_"):
        raise WrongAnswerError(f"{what} are not entered: {answer}")
    return took


def _release(client: httpx.Client, scene: Scene, known: Known, *, permitted: bool) -> float:
    question = company.question(known.recommender, list(company.VALUES))
    took, answer = _asked(client, "/v1/releases", scene.company.recommender, question)
    if len(answer["released"]) != (len(company.VALUES) if permitted else 0):
        raise WrongAnswerError(f"released although permitted is {permitted}: {len(answer['released'])} values")
    return took


def _asked(client: httpx.Client, path: str, key: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return the milliseconds that an answer took, and the answer."""
    began = time.perf_counter()
    response = client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})
    took = (time.perf_counter() - began) * 1000
    if response.status_code != httpx.codes.OK:
        raise WrongAnswerError(f"{path}: {response.status_code} {response.text}")
    return took, response.json()
