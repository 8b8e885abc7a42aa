"""Load from ``wrk``, and what it said: requests per second, latencies, and how many answers were wrong."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

CONNECTIONS = 64
SCRIPT = """
local bodies, n = {}, 0
wrong = 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
wrk.method = "METHOD"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer KEY"
request = function()
  n = n % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[n] ~= "" and bodies[n] or nil)
end
local function holds(body)
  local last = 0
  for _ = 1, TIMES do
    _, last = string.find(body, [[EXPECTED]], last + 1, true)
    if not last then return false end
  end
  return true
end
response = function(status, headers, body)
  if status ~= 200 or not holds(body) then
    wrong = wrong + 1
    first = first or body
  end
end
local threads = {}
setup = function(thread) threads[#threads + 1] = thread end
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("wrong")
    if thread:get("first") then io.write("FIRST " .. thread:get("first") .. "\\n") end
  end
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, bad, p50, p99))
end
"""
RESULT = re.compile(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)")


class Call(Struct, frozen=True):
    """What is asked, again and again over so many connections, and what must stand in each answer how many times."""

    name: str
    url: str
    method: str
    bodies: list[str]
    expected: str
    key: str = ""
    times: int = 1
    connections: int = CONNECTIONS

    def __repr__(self) -> str:
        return f"Call({self.name!r})"


class Load(Struct, frozen=True):
    """What came of it: requests per second, and latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float


class WrongAnswerError(Exception):
    """Somebody was fast and wrong."""


class Loads(Struct, frozen=True):
    """What came of each round of one call."""

    rounds: list[Load]

    @property
    def middle(self) -> Load:
        """The medians."""
        each = zip(*((load.per_second, load.p50, load.p99) for load in self.rounds), strict=True)
        return Load(*map(median, each))

    def per_second_against(self, other: "Loads") -> float:
        """Return how many times as many requests this answers: the median over the rounds, each by itself."""
        return median(mine.per_second / its.per_second for mine, its in zip(self.rounds, other.rounds, strict=True))

    def p99_against(self, other: "Loads") -> float:
        """Return how many times as long the slow ones take: the median over the rounds, each by itself."""
        return median(mine.p99 / its.p99 for mine, its in zip(self.rounds, other.rounds, strict=True))


def in_turn(calls: Sequence[Call], rounds: int, seconds: float, folder: Path) -> list[Loads]:
    """Drive every call in turn, round after round, after a second each to warm up; returns what came of each call."""
    for call in calls:
        drive(call, 1, folder)
    driven = [[drive(call, seconds, folder) for call in calls] for _ in range(rounds)]
    return [Loads(list(each)) for each in zip(*driven, strict=True)]


def drive(call: Call, seconds: float, folder: Path) -> Load:
    """Ask for some seconds; raises WrongAnswerError if one answer is not as it must be."""
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmarks need wrk: apt-get install wrk")
    bodies, script = folder / "bodies", folder / "script.lua"
    bodies.write_text("\n".join(call.bodies) + "\n")
    text = SCRIPT.replace("BODIES", str(bodies)).replace("METHOD", call.method).replace("KEY", call.key)
    script.write_text(text.replace("EXPECTED", call.expected).replace("TIMES", str(call.times)))
    # Slow is not wrong: it shows in the latencies.
    command = ["wrk", "-t1", f"-c{call.connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(script), call.url]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own words
    said = ran.stdout + ran.stderr
    found = RESULT.search(said)
    if found is None:
        raise WrongAnswerError(said)
    requests, microseconds, wrong, p50, p99 = map(int, found.groups())
    if wrong or not requests:
        raise WrongAnswerError(f"{call.name}: {wrong} of {requests} answers were wrong\n{said}")
    return Load(requests / microseconds * 1e6, p50 / 1000, p99 / 1000)
