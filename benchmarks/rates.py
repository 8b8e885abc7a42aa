"""Releases beside the yardsticks, one by one and many at once; and what the worker holds in memory after that."""

import json

from msgspec import structs
from rich.table import Table

from benchmarks import company
from benchmarks.found import Found
from benchmarks.load import Call, Load, in_turn
from benchmarks.scene import BARE, FASTAPI, LITESTAR, PERMIT, Scene, hello, yardstick

MANY, OF_MANY = 500, list(company.VALUES)[:5]


def measure(scene: Scene, rounds: int, seconds: int) -> Found:
    """Measure every contender in turn."""
    with (
        yardstick(LITESTAR, scene.home) as litestar,
        yardstick(FASTAPI, scene.home) as fastapi,
        yardstick(BARE, scene.home) as bare,
    ):
        release = scene.release(scene.company.known)
        calls = [
            hello(litestar),
            Call("litestar + one select", f"{litestar}/select", "GET", [""], "world"),
            Call("fastapi + sqlalchemy", _check(scene, fastapi), "GET", [""], '"allowed":true'),
            release,
            _batch(scene),
            structs.replace(release, name="its two statements alone", url=f"{bare}/v1/releases"),
        ]
        loads = in_turn(calls, rounds, seconds, scene.home)
    least, select, hand_rolled, whole, batch, _ = loads
    values = {
        "release_vs_hello": whole.per_second_against(least),
        "release_vs_select": whole.per_second_against(select),
        "release_vs_fastapi_sqlalchemy": whole.per_second_against(hand_rolled),
        "p99_vs_select_p99": whole.p99_against(select),
        "batch_vs_single": whole.per_second_against(batch) / MANY,
        "worker_rss_mib": scene.worker_rss_mib,
    }
    middles = [each.middle for each in loads]
    return Found(values, (_table(calls, middles), f"Medians of {rounds} rounds of {seconds} s."))


def _check(scene: Scene, fastapi: str) -> str:
    return f"{fastapi}/consents/{scene.company.known[0].customer}/{company.PURPOSE}/web"


def _batch(scene: Scene) -> Call:
    """Return the question about 500 customers; two at a time keep the service busy, and more would have to wait."""
    known = [each.recommender for each in scene.company.known]
    asked = [
        json.dumps(company.question_about_many(known[start : start + MANY], OF_MANY))
        for start in range(0, len(known) - MANY + 1, MANY)
    ]
    name, url = f"release to {MANY} customers, 5 attributes", f"{scene.service}/v1/releases/batch"
    return Call(name, url, "POST", asked, PERMIT, scene.company.recommender, times=MANY, connections=2)


def _table(calls: list[Call], middles: list[Load]) -> Table:
    table = Table("", "connections", "requests/s", "p50 ms", "p99 ms", box=None, padding=(0, 2))
    for call, middle in zip(calls, middles, strict=True):
        speeds = f"{middle.per_second:.0f}", f"{middle.p50:.1f}", f"{middle.p99:.1f}"
        table.add_row(call.name, str(call.connections), *speeds)
    return table
