"""A language of which nobody knows a word: each letter of a text of ours is another, so what is left out stands out."""

import json
import re
import shutil
from gettext import NullTranslations
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

from service.model.catalogue import SAID, Catalogue, Company
from service.model.signin import BROWSERS, SYSTEMS
from service.policy.bundle import read_bundle
from service.policy.catalogue import parse_catalogue
from service.policy.translations import names_of
from service.schema import shipped

PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
STRANGE = "ÅßÇÐÉƑĜĤÎĴĶĻṀŅÖÞǪŘŠŢÛṼŴẊÝŽåƀçđéƒĝĥîĵķļṁņöþǫřšţûṽŵẋýž"
TABLE = str.maketrans(PLAIN, STRANGE)
KEPT = re.compile(r"%\(\w+\)s|https?://\S+")
WORD = re.compile(r"[A-Za-z]{2,}")
SHOWN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-failed")
NOT_WORDS = ("script", "style", "pre", "code", "bdi")
"""In ``bdi`` stands what somebody wrote: she herself, or who answered her."""


def strange(text: str) -> str:
    """Return a text in the language of which nobody knows a word."""
    ends = [0, *(end for found in KEPT.finditer(text) for end in found.span()), len(text)]
    parts = [text[start:end] for start, end in pairwise(ends)]
    return "".join(part if number % 2 else part.translate(TABLE) for number, part in enumerate(parts))


class Strange(NullTranslations):
    """The portal's words in it."""

    def gettext(self, message: str) -> str:
        """Return one of them."""
        return strange(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return one of them, for a number."""
        return strange(msgid1 if n == 1 else msgid2)


# --- a company that speaks it ---------------------------------------------------------------------------


def company_in(language: str, folder: Path) -> Path:
    """Write the sample company in a folder, so that it also speaks this language."""
    made = shutil.copytree(shipped("policies"), folder / "policies")
    catalogue = parse_catalogue(read_bundle(made))
    (made / f"words/{language}.toml").write_text(_words(catalogue), encoding="utf-8")
    for notice in catalogue.notices.values():
        if notice.language == catalogue.language:
            head = f"+++\ntitle = {_said(notice.title)}\nmaterial = {str(notice.material).lower()}\n+++\n"
            path = made / f"notices/{notice.purpose}/{notice.version}.{language}.md"
            path.write_text(f"{head}{strange(notice.text)}\n", encoding="utf-8")
    withdraw = f"\n{language} = {_said(company_of(catalogue).withdraw[catalogue.language])}\n"
    with (made / "company.toml").open("a", encoding="utf-8") as file:
        file.write(withdraw)
    return made


def company_of(catalogue: Catalogue) -> Company:
    assert catalogue.company is not None
    return catalogue.company


def _words(catalogue: Catalogue) -> str:
    lines: list[str] = []
    for id_, purpose in catalogue.purposes.items():
        lines += [f'[purposes."{id_}"]', *(f"{name} = {_said(getattr(purpose, name))}" for name in SAID)]
        lines += [f'[purposes."{id_}".attributes]']
        lines += [f"{each} = {_said(needed.why)}" for each, needed in purpose.attributes.items()]
    for service in catalogue.services.values():
        lines += [
            f"[services.{service.id}]",
            f"title = {_said(service.title)}",
            f"recipient = {_said(service.recipient)}",
        ]
    lines += ["[attributes]", *(f"{id_} = {_said(each.title)}" for id_, each in catalogue.attributes.items())]
    english = catalogue.translations[catalogue.language]
    for kind, names in names_of(catalogue).items():
        lines += [f"[{kind}]", *(f"{name} = {_said(getattr(english, kind)[name])}" for name in names)]
    return "\n".join(lines) + "\n"


def _said(text: str) -> str:
    return json.dumps(strange(text), ensure_ascii=False)


# --- what stands out ------------------------------------------------------------------------------------


class Shown(HTMLParser):
    """All that a page shows or tells a screen reader, but for what is no words, and for names of languages."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in NOT_WORDS or (tag in ("li", "button") and "lang" in said) or said.get("id") == "quiet-zone":
            self._within.append(tag)
        if not self._within:
            self.texts += [said[name] for name in SHOWN_ATTRIBUTES if name in said]

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.texts.append(data)


def bare_words(html: str, company: Company, *hers: str) -> list[str]:
    """Return the words of a page that are in no strange language, but for names, and for what is hers."""
    authority = company.authority
    names = [company.name, company.address, company.contact, authority.name, authority.contact]
    names += [*(name for _, name in (*BROWSERS, *SYSTEMS)), *hers]
    found: list[str] = []
    for text in Shown(html).texts:
        rest = " ".join(text.split())
        for name in names:
            rest = rest.replace(name, "")
        found += WORD.findall(rest)
    return found
