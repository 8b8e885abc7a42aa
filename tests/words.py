"""The portal's texts, as its pages have them, and the files that translate them. ``make words`` writes these."""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from service.portal.words import LOCALE

PORTAL = LOCALE.parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "said": None}
WAYS = [("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2"), ("**.py", "python")]
TEMPLATES = {
    "extensions": "jinja2.ext.i18n",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "newstyle_gettext": "true",
    "silent": "false",
    "encoding": "utf-8",
}
WIDTH = 118
HEADER = (
    "# What the portal says in another language. `make words` keeps it up to date; only msgstr is for people to write."
)


def extracted() -> Catalog:
    """Return every text of the portal."""
    found = Catalog(charset="utf-8", fuzzy=False)
    options = {pattern: TEMPLATES for pattern, way in WAYS if way == "jinja2"}
    for file, _, text, _, context in extract_from_dir(PORTAL, WAYS, options, KEYWORDS, strip_comment_tags=True):
        found.add(text, locations=[(file, None)], context=context)  # type: ignore[list-item]  # a file alone stays the same when lines move
    return found


def files() -> Iterator[Path]:
    """Yield the file of each language."""
    yield from sorted(LOCALE.glob("*/LC_MESSAGES/portal.po"))


def read(path: Path) -> Catalog:
    """Return the translations of a file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], abort_invalid=True)


def messages(catalogue: Catalog) -> dict[object, Message]:
    """Return its texts by their English."""
    return {message.id: message for message in catalogue if message.id}


def current(path: Path) -> bytes:
    """Return what a file should hold: every text of now, with the translation that there is, and no other."""
    made = extracted()
    made.locale = path.parts[-3]
    made.project, made.header_comment = "byleave", HEADER
    there = messages(read(path)) if path.exists() else {}
    for id_, message in messages(made).items():
        if id_ in there:
            message.string = there[id_].string
    written = BytesIO()
    write_po(written, made, width=WIDTH, sort_by_file=True, omit_header=True)
    return head(made) + written.getvalue()


def head(made: Catalog) -> bytes:
    """Return how a file begins: without dates, which would change with every run."""
    said = f'msgid ""\nmsgstr ""\n"Language: {made.locale_identifier}\\n"\n'
    said += f'"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {made.plural_forms}\\n"\n\n'
    return f"{HEADER}\n\n{said}".encode()


def main(words: list[str]) -> None:
    """Write the files of every language anew, and begin those that are named."""
    new = [LOCALE / word.replace("-", "_") / "LC_MESSAGES/portal.po" for word in words]
    for path in {*files(), *new}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(current(path))
        missing = [id_ for id_, message in messages(read(path)).items() if not all(strings_of(message))]
        sys.stdout.write(f"{path.parts[-3]}: {len(missing)} without a translation\n")


def strings_of(message: Message) -> list[str]:
    """Return its translation, each form of it."""
    return [message.string] if isinstance(message.string, str) else list(message.string or [""])


if __name__ == "__main__":
    main(sys.argv[1:])
