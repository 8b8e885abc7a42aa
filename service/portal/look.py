"""How the company shows itself on every page: its name, its logo, one accent colour."""

import re
from pathlib import Path

from msgspec import Struct

from service.errors import SettingsError
from service.kept import Kept

MEDIA = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
LARGEST_LOGO = 12 * 1024
"""Bytes; a page shall stay light."""
READABLE = 4.5
"""The contrast of white words on the accent (WCAG 2.2, 1.4.3)."""
ACCENT = "#17595c"
SHORT = re.compile(r"#([0-9a-f])([0-9a-f])([0-9a-f])")


class Look(Struct, frozen=True):
    """The company's name, if not the catalogue's; its accent colour; its logo."""

    name: str = ""
    accent: str = ACCENT
    logo: Kept | None = None


def look(name: str | None, accent: str | None, logo: Path | None) -> Look:
    """Return how the company looks; raises SettingsError for what would not be readable."""
    colour = SHORT.sub(r"#\1\1\2\2\3\3", accent.lower()) if accent and len(accent) == 4 else (accent or ACCENT).lower()  # noqa: PLR2004  #rgb
    if contrast_with_white(colour) < READABLE:
        raise SettingsError(f"BYLEAVE_ACCENT: white words on it are hard to read; a contrast of {READABLE} is needed")
    return Look(name or "", colour, None if logo is None else _logo(logo))


def contrast_with_white(colour: str) -> float:
    """Return the contrast of white on a colour, from 1 to 21 (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  sRGB's own


def _logo(path: Path) -> Kept:
    media = MEDIA.get(path.suffix.lower())
    if media is None:
        raise SettingsError(f"BYLEAVE_LOGO: expected one of {', '.join(MEDIA)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"BYLEAVE_LOGO: {error.strerror}") from None
    if len(content) > LARGEST_LOGO:
        raise SettingsError(f"BYLEAVE_LOGO: larger than {LARGEST_LOGO} bytes")
    return Kept(content, media)
