"""JSON Lines as another system exports it: from lines of bytes to numbered rows, or to what is wrong with them.

Pure, as ``sheet`` is for CSV. A column is a path: ``contact.email`` is the ``email`` of the object at ``contact``.
Source: jsonlines.org; RFC 8259, with I-JSON's (RFC 7493) rule that no key stands twice.
"""

import json
from collections.abc import Iterable, Iterator

from service.errors import DuplicateKeyError
from service.model.columns import Columns
from service.model.sheet import LONGEST_LINE, TOO_LONG, Reject, Row

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def rows(lines: Iterable[bytes], columns: Columns, unseen: set[str]) -> Iterator[Row | Reject]:
    """Read one object per line, strictly, and take from ``unseen`` each column that a row has something for.

    CSV names its columns once and for all; here a wrong path would say nothing in every row, and nobody would know.
    """
    paths = {heading: heading.split(".") for heading in columns.headings()}
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        too_long = len(line) >= LONGEST_LINE
        if not (too_long or text.strip()):
            continue
        said = TOO_LONG if too_long else _object(text)
        if isinstance(said, str):
            yield Reject(number, "", said)
            continue
        cells = {heading: cell for heading, path in paths.items() if (cell := _at(said, path)) is not None}
        unseen.difference_update(cells)
        yield Row(number, cells)


def _object(line: bytes) -> dict[str, object] | str:
    """Return the object that a line holds, or what is wrong with it."""
    try:
        said = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        return "not UTF-8"
    except DuplicateKeyError:
        return "a key stands twice in one object"
    except RecursionError:
        return "nested too deeply"
    except ValueError:
        return "not JSON"
    return said if isinstance(said, dict) else "a JSON object expected"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise DuplicateKeyError
    return made


def _no_number(_: str) -> None:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError


def _at(said: object, path: list[str]) -> object:
    """Return what stands at a path, None for nothing; behind what is no object stands one, which no column can use."""
    for key in path:
        if said is None:
            return None
        if not isinstance(said, dict):
            return {}
        said = said.get(key)
    return said
