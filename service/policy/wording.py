"""Whether a person understands what she is asked: plain words, short sentences, in every language that is offered."""

from collections.abc import Iterator

from service.model.catalogue import Catalogue, Purpose
from service.model.words import PurposeId
from service.policy.faults import fault
from service.policy.notices import path_of
from service.policy.readability import HARDEST, average_sentence, faults_of_words, found_in, grade, words_of
from service.policy.translations import file_of, missing_words

LONGEST = 20
"""Words in a sentence, on average."""


def wording_faults(catalogue: Catalogue) -> list[str]:
    """Return every text that is missing, vague or too long to follow."""
    faults: list[str] = []
    for file, language in _files(catalogue):
        told = catalogue.told_in(language)
        for purpose in told.purposes.values():
            faults += [fault(file, purpose.id, what) for what in _of_purpose(purpose, language)]
    for id_ in catalogue.purposes:
        faults += [fault("purposes.toml", id_, what) for what in _without_notice(catalogue, id_)]
    for notice in catalogue.notices.values():
        faults += [f"{path_of(notice)}: {what}" for what in _long(notice.text)]
    return faults + [f"company.toml: {what}" for what in _of_company(catalogue)]


def wording_warnings(catalogue: Catalogue) -> list[str]:
    """Return what a person should look at before it is published: what is not translated, hard to read, or presses."""
    warnings = missing_words(catalogue)
    for file, language in _files(catalogue):
        told = catalogue.told_in(language)
        for purpose in told.purposes.values():
            warnings += [fault(file, purpose.id, what) for what in _hard(_said(purpose), language)]
        titles = {each.id: each.title for each in told.attributes.values()}
        titles |= {each.id: each.title for each in told.services.values()}
        for item, title in titles.items():
            warnings += [fault(file, item, what) for what in faults_of_words(title, language)]
    for notice in catalogue.notices.values():
        warnings += [f"{path_of(notice)}: {what}" for what in _hard(notice.text, notice.language)]
    return warnings


def _files(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return each language that texts are in, and the file that has those of purposes."""
    others = [language for language in sorted(catalogue.translations) if language != catalogue.language]
    return [("purposes.toml", catalogue.language), *((file_of(language), language) for language in others)]


def _said(purpose: Purpose) -> str:
    needs = [needed.why for needed in purpose.attributes.values()]
    return "\n\n".join((purpose.title, purpose.text, purpose.benefit, purpose.consequence, *needs))


def _of_purpose(purpose: Purpose, language: str) -> Iterator[str]:
    for word in words_of(language).vague:
        if next(found_in(_said(purpose), (word,)), None) is not None:
            yield f'says "{word}"; say what is done'
    yield from _long(f"{purpose.text}\n\n{purpose.benefit}\n\n{purpose.consequence}")


def _without_notice(catalogue: Catalogue, id_: PurposeId) -> Iterator[str]:
    newest = catalogue.notice_in_force(id_)
    if not newest:
        yield "needs a notice"
        return
    written = {notice.language for notice in catalogue.notices_of(id_) if notice.version == newest}
    missing = [language for language in catalogue.languages if language not in written]
    yield from (f"its notice {newest} is missing in {language}" for language in missing)


def _of_company(catalogue: Catalogue) -> Iterator[str]:
    """A receipt says who the company is and how to withdraw, so a bundle that is to be published says it."""
    if catalogue.company is None:
        yield "is missing"
        return
    said = catalogue.company.withdraw
    yield from (f"withdraw is missing in {language}" for language in catalogue.languages if language not in said)
    yield from (f"withdraw.{language}: {what}" for language, text in said.items() for what in _long(text))


def _long(text: str) -> Iterator[str]:
    words = average_sentence(text)
    if words > LONGEST:
        yield f"its sentences have {words:.0f} words on average, and {LONGEST} is the most"


def _hard(text: str, language: str) -> Iterator[str]:
    year = grade(text, language)
    if year is not None and year > HARDEST:
        yield f"reads like year {year:.0f} of school, and {HARDEST} is the most"
    yield from faults_of_words(text, language)
