"""The portal's own words, in each language there is. What the catalogue says is in the catalogue's words."""

from gettext import NullTranslations

LANGUAGES: dict[str, NullTranslations] = {"en": NullTranslations()}
NAMES = {"en": "English"}
"""Each in itself."""


RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}


def direction(language: str) -> str:
    """Return in which direction a language is written, as HTML says it."""
    return "rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def chosen(accept_language: str) -> str:
    """Return the language to speak, given what a browser prefers (RFC 9110, 12.5.4)."""
    del accept_language
    return "en"
