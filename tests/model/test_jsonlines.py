"""Reading JSON Lines: every row arrives or is refused by its line, whatever the file holds."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.importing import byte_lines
from service.model.columns import read_columns
from service.model.jsonlines import rows
from service.model.sheet import LONGEST_LINE, TOO_LONG, Reject, Row

COLUMNS = read_columns(b'service = "shop"\nsource_id = "id"\n[identifiers]\nemail = "contact.email"')


def read(data: bytes) -> list[tuple[int, Any]]:
    return [
        (each.line, dict(each.cells) if isinstance(each, Row) else each.reason)
        for each in rows(byte_lines(io.BytesIO(data)), COLUMNS, set())
    ]


def test_a_column_is_a_path_and_what_is_null_or_missing_says_nothing() -> None:
    lines = [
        '\ufeff{"id": 1, "contact": {"email": "a", "phone": "b"}}',
        "",
        '{"id": "2", "contact": null}',
        ' {"id": null}\r',
        '{"contact.email": "no path", "id": [3]}',
    ]
    assert read("\n".join(lines).encode()) == [
        (1, {"id": 1, "contact.email": "a"}),
        (3, {"id": "2"}),
        (4, {}),
        (5, {"id": [3]}),
    ]


def test_behind_what_is_no_object_stands_nothing_that_a_column_can_use() -> None:
    assert read(b'{"id": 1, "contact": "a@example.com"}') == [(1, {"id": 1, "contact.email": {}})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": 1, "id": 2}', "a key stands twice in one object"),
        (b'{"id": 1, "x": [{"a": 1, "\\u0061": 2}]}', "a key stands twice in one object"),
        (b'{"id": NaN}', "not JSON"),
        (b'{"id": -Infinity}', "not JSON"),
        (b'{"id": 1', "not JSON"),
        (b'{"id": 1} {"id": 2}', "not JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"\0", "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b'{"id": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"id": 1}'.decode().encode("utf-16"), "not UTF-8"),
        (b"[1, 2]", "a JSON object expected"),
        (b"7", "a JSON object expected"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id":' * 100_000, "nested too deeply"),
        (b'{"id": "' + b"x" * LONGEST_LINE * 2 + b'"}', TOO_LONG),
        (b" " * LONGEST_LINE + b'{"id": 1}', TOO_LONG),
    ],
)
def test_a_line_that_is_no_object_costs_itself_only(line: bytes, reason: str) -> None:
    assert read(b'{"id": 1}\n' + line + b'\n{"id": 3}\n') == [(1, {"id": 1}), (2, reason), (3, {"id": 3})]


def test_a_column_that_no_row_has_is_told() -> None:
    unseen = set(COLUMNS.headings())
    lines = [b'{"id": 1, "contact": {"mail": "a"}}\n', b'{"id": 2, "contact": {"email": null}}\n']
    assert len(list(rows(lines, COLUMNS, unseen))) == 2
    assert unseen == {"contact.email"}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "contact", "email"]) | st.text(), inner),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda each: json.dumps(each).encode()))
def test_whatever_stands_in_a_file_arrives_or_is_refused_by_its_line(data: bytes) -> None:
    arrived = list(rows(byte_lines(io.BytesIO(data)), COLUMNS, set()))
    numbers = [each.line for each in arrived]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= data.count(b"\n") + 1 for number in numbers)
    for each in arrived:
        assert isinstance(each, Reject) or each.cells.keys() <= set(COLUMNS.headings())
