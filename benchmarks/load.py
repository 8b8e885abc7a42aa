"""Load from ``wrk``, and what it said: requests per second, latencies, and how many answers were wrong."""

import re
import shutil
import subprocess
from pathlib import Path

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
response = function(status, headers, body)
  if status ~= 200 or not string.find(body, [[EXPECTED]], 1, true) then
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
    """What is asked, again and again, and what must stand in each answer."""

    name: str
    url: str
    method: str
    bodies: list[str]
    expected: str
    key: str = ""


class Load(Struct, frozen=True):
    """What came of it: requests per second, and latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float


class WrongAnswerError(Exception):
    """Somebody was fast and wrong."""


def drive(call: Call, seconds: float, folder: Path, connections: int = CONNECTIONS) -> Load:
    """Ask for some seconds over so many connections."""
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmarks need wrk: apt-get install wrk")
    bodies, script = folder / "bodies", folder / "script.lua"
    bodies.write_text("\n".join(call.bodies) + "\n")
    text = SCRIPT.replace("BODIES", str(bodies)).replace("METHOD", call.method).replace("KEY", call.key)
    script.write_text(text.replace("EXPECTED", call.expected))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), call.url]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own words
    said = ran.stdout + ran.stderr
    found = RESULT.search(said)
    if found is None:
        raise WrongAnswerError(said)
    requests, microseconds, wrong, p50, p99 = map(int, found.groups())
    if wrong or not requests:
        raise WrongAnswerError(f"{call.name}: {wrong} of {requests} answers were wrong\n{said}")
    return Load(requests / microseconds * 1e6, p50 / 1000, p99 / 1000)
