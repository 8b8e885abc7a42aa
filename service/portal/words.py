"""The portal's own words, in each language there is. What the catalogue says is in the catalogue's words.

A text stands in English where it is used, and is its own key. ``locale/<language>/LC_MESSAGES/portal.po`` has it in
another language; ``make words`` brings these files up to date. They are read once, when the portal starts.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from service.model.catalogue import Catalogue
from service.model.translation import ENGLISH, nearest

LOCALE = Path(__file__).parent / "locale"
PREFERRED = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
LONGEST = 1000
"""Of a header that says what a browser prefers."""


def said(text: str) -> str:
    """Mark a text that a template says later, so that it is translated."""
    return text


def _read() -> dict[str, NullTranslations]:
    found: dict[str, NullTranslations] = {ENGLISH: NullTranslations()}
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/portal.po")):
        compiled = BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, abort_invalid=True))
        compiled.seek(0)
        found[path.parts[-3].replace("_", "-")] = GNUTranslations(compiled)
    return found


LANGUAGES = _read()


def translations(language: str) -> NullTranslations:
    """Return the words of a language; English for what the portal does not speak."""
    return LANGUAGES[nearest(language, LANGUAGES) or ENGLISH]


def offered(catalogue: Catalogue | None) -> list[str]:
    """Return the languages that a page can be in, that of the catalogue first: no page mixes two."""
    if catalogue is None:
        return list(LANGUAGES)
    spoken = [each for each in catalogue.languages if nearest(each, LANGUAGES)] or [ENGLISH]
    return sorted(spoken, key=lambda each: each != catalogue.language)


def name_of(language: str) -> str:
    """Return what a language calls itself."""
    found = _locale(language)
    return language if found is None else found.get_display_name() or language


def direction(language: str) -> str:
    """Return in which direction a language is written, as HTML says it."""
    found = _locale(language)
    return "ltr" if found is None else found.text_direction


def _locale(language: str) -> Locale | None:
    """Return a language as CLDR knows it: a notice may be in one that it does not know."""
    plain, _, country = language.partition("-")
    for territory in (country or None, None):
        with suppress(UnknownLocaleError):
            return Locale(plain, territory)
    return None


def chosen(languages: Sequence[str], wished: Sequence[str], accept_language: str) -> str:
    """Return the language to speak: the first that she wished, else as a browser prefers, else the first there is.

    ``accept_language``: as RFC 9110, 12.5.4 writes it; what cannot be read is not preferred.
    """
    for wish in (*wished, *_preferred(accept_language)):
        if (found := _match(wish, languages)) is not None:
            return found
    return languages[0]


def _match(wish: str, languages: Sequence[str]) -> str | None:
    plain = wish.lower()
    by_name = {each.lower(): each for each in languages}
    without_country = {each.partition("-")[0]: each for each in reversed(languages)}
    return by_name.get(plain) or without_country.get(plain.partition("-")[0])


def _preferred(header: str) -> list[str]:
    """Return the languages of a header, the dearest first; those with the weight 0 are not wanted."""
    read = [PREFERRED.fullmatch(part) for part in header[:LONGEST].split(",")]
    weighed = [(float(part[2] or 1), part[1]) for part in read if part is not None]
    return [name for weight, name in sorted(weighed, key=lambda each: -each[0]) if weight and name != "*"]
