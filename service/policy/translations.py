"""Reading ``words/<language>.toml``: the catalogue's texts in another language, and names for its words.

A text that is missing is said in the catalogue's own language instead, so it is only pointed out. A word that the
catalogue does not have is a fault: whoever misspells an id would wait for his text for ever.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from service.model.catalogue import SAID, Catalogue, Purpose
from service.model.translation import PurposeWords, ServiceWords, Translation
from service.policy.bundle import Bundle
from service.policy.faults import fault

FILE = re.compile(r"words/(?P<language>[a-z]{2}(?:-[A-Z]{2})?)\.toml")
Fault = tuple[str, str]
"""The item, and what is wrong with it."""


def translations_in(bundle: Bundle, faults: list[str]) -> dict[str, Translation]:
    """Read the words of every language; what cannot be read comes out as a fault."""
    found: dict[str, Translation] = {}
    for path in sorted(each for each in bundle.files if each.startswith("words/")):
        name = FILE.fullmatch(path)
        if name is None:
            faults.append(f"{path}: words are named <language>.toml")
            continue
        try:
            found[name["language"]] = msgspec.convert(tomllib.loads(bundle.files[path]), Translation, strict=True)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            faults.append(f"{path}: {error}")
    return found


def file_of(language: str) -> str:
    """Return the file with the words of a language."""
    return f"words/{language}.toml"


# --- words that have no place ----------------------------------------------------------------------------


def misplaced_words(catalogue: Catalogue, language: str, said: Translation) -> Iterator[Fault]:
    """Yield what is said of something that the catalogue does not have, or has said itself."""
    if language == catalogue.language:
        yield from _said_twice(said)
    known: dict[str, Collection[str]] = {
        "purposes": catalogue.purposes,
        "attributes": catalogue.attributes,
        "services": catalogue.services,
        **names_of(catalogue),
    }
    for kind, items in known.items():
        yield from ((kind, f"no {id_}") for id_ in getattr(said, kind) if id_ not in items)
    purposes = {str(id_): purpose for id_, purpose in catalogue.purposes.items()}
    for id_, words in said.purposes.items():
        if id_ in purposes:
            yield from ((id_, f"does not use {a}") for a in words.attributes if a not in purposes[id_].attributes)


def _said_twice(said: Translation) -> Iterator[Fault]:
    for kind in ("purposes", "attributes", "services"):
        if getattr(said, kind):
            yield kind, f"the catalogue is in this language, so {kind}.toml says it"


def names_of(catalogue: Catalogue) -> dict[str, list[str]]:
    """Return the words of the catalogue that are called by a name only in the files of words, by their kind."""
    attributes = catalogue.attributes.values()
    return {
        "categories": sorted({each.category for each in attributes}),
        "choices": sorted({choice for each in attributes for choice in each.choices}),
        "teams": sorted({service.team for service in catalogue.services.values()}),
    }


# --- words that are missing ------------------------------------------------------------------------------


def missing_words(catalogue: Catalogue) -> list[str]:
    """Point out every text that a language lacks in which customers are asked."""
    return [
        fault(file_of(language), item, what)
        for language in catalogue.languages
        for item, what in _missing(catalogue, language, catalogue.translations.get(language, Translation()))
    ]


def _missing(catalogue: Catalogue, language: str, said: Translation) -> Iterator[Fault]:
    for kind, names in names_of(catalogue).items():
        yield from _absent(kind, names, getattr(said, kind))
    if language == catalogue.language:
        return
    yield from _absent("attributes", sorted(catalogue.attributes), said.attributes)
    for id_, purpose in sorted(catalogue.purposes.items()):
        yield from ((id_, f"has no {name}") for name in _unsaid(purpose, said.purposes.get(id_, PurposeWords())))
    for service in sorted(catalogue.services):
        words = said.services.get(service, ServiceWords())
        yield from ((service, f"has no {name}") for name in ("title", "recipient") if getattr(words, name) is None)


def _absent(kind: str, ids: Iterable[str], said: Mapping[str, str]) -> Iterator[Fault]:
    return ((kind, f"nothing for {id_}") for id_ in ids if id_ not in said)


def _unsaid(purpose: Purpose, words: PurposeWords) -> Iterator[str]:
    yield from (name for name in SAID if getattr(words, name) is None)
    yield from (f"attributes.{id_}" for id_ in purpose.attributes if id_ not in words.attributes)
