"""A caller finds the line of its refusal again by the id that it sent, and by nothing that is about anybody."""

import pytest
from structlog.testing import capture_logs

from tests.conftest import Api

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}-01 abbie@example.com", None),
        ("abbie@example.com", None),
        ("", None),
    ],
)
async def test_the_line_of_a_refusal_has_the_trace_that_the_caller_sent(
    traceparent: str, trace: str | None, api: Api
) -> None:
    with capture_logs() as lines:
        for path in ("/v1/notices/cookery", "/nowhere"):
            await api.call("GET", path, "shop", headers={"traceparent": traceparent})
    assert [each["event"] for each in lines] == ["refused", "refused"]
    assert [each.get("trace") for each in lines] == [trace, trace]
    assert "abbie" not in str(lines)
