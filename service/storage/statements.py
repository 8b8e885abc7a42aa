"""Named SQL statements, kept in a ``.sql`` file beside the module that runs them."""

import re
from pathlib import Path

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def statements(module_file: str) -> dict[str, str]:
    """Return the named statements of ``consents.sql`` when given ``consents.py``."""
    text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
    _, *parts = NAME.split(text)
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
