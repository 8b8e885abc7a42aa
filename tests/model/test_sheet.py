"""Reading CSV: every row arrives or is refused by its line, whatever the file holds."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImportFileError
from service.importing import lines
from service.model.columns import read_columns
from service.model.sheet import LONGEST_LINE, TOO_LONG, Reject, Row, rows

COLUMNS = read_columns(b'service = "shop"\nsource_id = "No"\n[identifiers]\nemail = "E-Mail"')


def read(text: str) -> list[tuple[int, list[object]] | tuple[int, str]]:
    lines = io.StringIO(text, newline="")
    return [
        (each.line, list(each.cells.values())) if isinstance(each, Row) else (each.line, each.reason)
        for each in rows(lines, COLUMNS)
    ]


def test_rows_carry_the_line_on_which_they_begin() -> None:
    text = 'No , E-Mail,Address\r\n1,a,"two\r\nlines"\r\n\r\n2,b,"one, ""quoted"""\r\n'
    assert read(text) == [(2, ["1", "a", "two\r\nlines"]), (5, ["2", "b", 'one, "quoted"'])]


def test_a_row_with_another_number_of_columns_is_refused_and_the_others_arrive() -> None:
    assert read("No,E-Mail\n1\n2,b\n3,c,d\n4,d\n") == [
        (2, "2 columns expected, 1 found"),
        (3, ["2", "b"]),
        (4, "2 columns expected, 3 found"),
        (5, ["4", "d"]),
    ]


def test_a_quote_that_is_not_closed_costs_one_row_only() -> None:
    assert read('No,E-Mail\n1,"a\n2,b\n3,"c"\n4,d\n') == [
        (2, "broken quoting"),
        (3, ["2", "b"]),
        (4, ["3", "c"]),
        (5, ["4", "d"]),
    ]


def test_a_quote_that_is_not_closed_before_the_end_costs_one_row_only() -> None:
    assert read('No,E-Mail\n1,"a\n2,b') == [(2, "broken quoting"), (3, ["2", "b"])]


def test_a_quote_that_swallows_more_than_a_cell_may_hold_costs_one_row_only() -> None:
    many = "".join(f"{number},b\n" for number in range(40_000))
    arrived = read(f'No,E-Mail\nx,"a\n{many}')
    assert arrived[0] == (2, "broken quoting")
    assert len(arrived) == 40_001
    assert arrived[-1] == (40_002, ["39999", "b"])


def test_a_line_that_is_too_long_costs_itself_only_and_is_never_cut_in_two() -> None:
    data = b"No,E-Mail\n" + b"x" * LONGEST_LINE + b"\n2,b\n3," + b"y" * LONGEST_LINE + b"\n4,d@example.com\n\n5,e\n"
    arrived = rows(lines(io.BytesIO(data), "utf-8"), COLUMNS)
    assert [each if isinstance(each, Reject) else each.line for each in arrived] == [
        Reject(2, "", TOO_LONG),
        3,
        Reject(4, "", TOO_LONG),
        5,
        7,
    ]


def test_the_delimiter_is_that_of_the_map() -> None:
    columns = read_columns(b'service = "shop"\nsource_id = "No"\ndelimiter = ";"')
    assert list(rows(["No;E-Mail\n", "1;a,b\n"], columns)) == [Row(2, {"No": "1", "E-Mail": "a,b"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line of column names"),
        ("\n1,a\n", "no line of column names"),
        ('No,"E-Mail\n', "no line of column names"),
        ("No,Mail\n1,a\n", "has no column 'E-Mail'"),
        ("No,E-Mail,No\n", "has more than one column 'No'"),
        ("77,secret@example.com\n", "has no column 'No'"),
    ],
)
def test_a_file_without_the_columns_of_the_map_is_refused(text: str, said: str) -> None:
    with pytest.raises(ImportFileError) as refusal:
        read(text)
    assert said in refusal.value.detail
    assert "secret" not in refusal.value.detail


@given(st.text() | st.text(alphabet='",\r\n1a\0', max_size=200))
def test_whatever_follows_the_headings_arrives_or_is_refused_by_its_line(text: str) -> None:
    lines = io.StringIO(text, newline="").readlines()
    arrived = list(rows(["No,E-Mail\n", *lines], COLUMNS))
    numbers = [each.line for each in arrived]
    assert numbers == sorted(set(numbers))
    assert all(2 <= number <= len(lines) + 1 for number in numbers)
    for each in arrived:
        assert isinstance(each, Reject) or each.cells.keys() == {"No", "E-Mail"}
