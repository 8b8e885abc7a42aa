"""What the catalogue says in one language: its texts in another than its own, and what its words are called."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

ENGLISH = "en"
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Language = Annotated[
    str, Meta(pattern=r"^[a-z]{2}(-[A-Z]{2})?(?!\n)$", description="As ISO 639-1 writes it.", examples=["en"])
]


class PurposeWords(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The texts of a purpose; ``attributes``: why each is needed."""

    title: Text | None = None
    text: Text | None = None
    benefit: Text | None = None
    consequence: Text | None = None
    owner: Text | None = None
    attributes: Mapping[str, Text] = {}


class ServiceWords(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The texts of a service."""

    title: Text | None = None
    recipient: Text | None = None


class Translation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One language: by id the texts of purposes, attributes and services, and what else a page calls by name."""

    purposes: Mapping[str, PurposeWords] = {}
    attributes: Mapping[str, Text] = {}
    services: Mapping[str, ServiceWords] = {}
    categories: Mapping[str, Text] = {}
    choices: Mapping[str, Text] = {}
    """What the values are called of attributes that offer a choice."""
    teams: Mapping[str, Text] = {}


def nearest(wanted: str, offered: Mapping[str, object]) -> str | None:
    """Return which of the languages offered speaks to who wants one: itself, else it without its country."""
    plain = wanted.partition("-")[0]
    return next((each for each in (wanted, plain) if each in offered), None)
