"""Whether a person understands what she is asked: plain words, short sentences, in every language that is offered."""

import re
from collections.abc import Iterator
from statistics import fmean

from service.model.catalogue import Catalogue, Purpose
from service.model.words import PurposeId
from service.policy.faults import fault
from service.policy.notices import path_of

VAGUE = ("may", "might", "such as", "for example", "etc", "and so on", "among others")
"""Words that leave open what is done. A purpose says what is done."""
LONGEST = 20
"""Words in a sentence, on average."""
WORD = re.compile(r"[^\W_]+(?:[-'\u2019.@][^\W_]+)*")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n{2,}")
HEADING = re.compile(r"\*\*.*?\*\*", re.DOTALL)


def wording_faults(catalogue: Catalogue) -> list[str]:
    """Return every text that is missing, vague or too long to follow."""
    faults: list[str] = []
    for purpose in catalogue.purposes.values():
        faults += [fault("purposes.toml", purpose.id, what) for what in _of_purpose(catalogue, purpose)]
    for notice in catalogue.notices.values():
        faults += [f"{path_of(notice)}: {what}" for what in _long(notice.text)]
    return faults + [f"company.toml: {what}" for what in _of_company(catalogue)]


def average_sentence(text: str) -> float:
    """Return how many words a sentence has on average; headings are no sentences."""
    sentences = SENTENCE.split(HEADING.sub("", text))
    counts = [len(WORD.findall(sentence)) for sentence in sentences]
    return fmean([count for count in counts if count] or [0])


def _of_purpose(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    needs = [needed.why for needed in purpose.attributes.values()]
    said = (purpose.title, purpose.text, purpose.benefit, purpose.consequence, *needs)
    for word in VAGUE:
        if any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for text in said):
            yield f'says "{word}"; say what is done'
    yield from _long("\n\n".join(said[1:4]))
    yield from _missing(catalogue, purpose)


def _missing(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    id_ = PurposeId(purpose.id)
    newest = catalogue.notice_in_force(id_)
    if not newest:
        yield "needs a notice"
        return
    written = {notice.language for notice in catalogue.notices_of(id_) if notice.version == newest}
    offered = {notice.language for notice in catalogue.notices.values()}
    yield from (f"its notice {newest} is missing in {language}" for language in sorted(offered - written))


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
