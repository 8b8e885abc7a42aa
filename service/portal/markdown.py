"""Notices as HTML: the Markdown that a notice needs, and nothing by which it could be more than a text.

No HTML, no pictures, and only links that lead somewhere by https or to a mailbox. What changed between two versions
is told word by word.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby

from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from msgspec import Struct

BREAK = "\n\n"
LINK = re.compile(r"(?:https://|mailto:)", re.IGNORECASE)
UNWANTED = ["html_block", "html_inline", "image", "code", "fence", "backticks", "reference", "hr"]
PARTS = re.compile(r"\s+|[^\s]+")
SHIFT, DEEPEST = 2, 6
"""A heading of a notice stands below those of its page."""


class Reader(MarkdownIt):
    """Reads Markdown, and takes for a link only what leads to where a notice may point."""

    def validateLink(self, url: str) -> bool:  # noqa: N802  its name there
        """Whether something is a link."""
        return LINK.match(url) is not None


READER = Reader("commonmark", {"html": False}).disable(UNWANTED)


@lru_cache(maxsize=256)
def as_html(text: str) -> Markup:
    """Return a notice as HTML."""
    tokens = READER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + SHIFT, DEEPEST)}"
    return Markup(READER.renderer.render(tokens, READER.options, {}))  # noqa: S704  it escapes all that is no markup


# --- what changed ----------------------------------------------------------------------------------------


class Piece(Struct, frozen=True):
    """A word, the space between two, or the end of a paragraph."""

    text: str
    strong: bool = False


@lru_cache(maxsize=256)
def differences(before: str, after: str, added: str, removed: str) -> Markup:
    """Return the later text with what was added and removed marked; ``added``, ``removed``: said to who cannot see."""
    old, new = [*_pieces(before)], [*_pieces(after)]
    done = Markup("")
    for what, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            done += _written(new[k:m])
            continue
        done += _marked("del", removed, old[i:j]) + _marked("ins", added, new[k:m])
    paragraphs = (each.strip() for each in done.split(BREAK))
    return Markup("").join(Markup("<p>{}</p>").format(each) for each in paragraphs if each)


def _pieces(text: str) -> Iterator[Piece]:
    """Yield what a person reads of a notice, without its markup."""
    for token in READER.parse(text):
        if token.type != "inline":
            continue
        strong = False
        for child in token.children or []:
            if child.type in ("strong_open", "strong_close"):
                strong = child.type == "strong_open"
            words = " " if child.type in ("softbreak", "hardbreak") else child.content
            yield from (Piece(" " if part.isspace() else part, strong) for part in PARTS.findall(words))
        yield Piece(BREAK)


def _written(pieces: list[Piece]) -> Markup:
    runs = ((strong, "".join(each.text for each in run)) for strong, run in groupby(pieces, lambda each: each.strong))
    return Markup("").join(
        Markup("<strong>{}</strong>").format(text) if strong else escape(text) for strong, text in runs
    )


def _marked(tag: str, said: str, pieces: list[Piece]) -> Markup:
    """Return pieces as added or removed, paragraph by paragraph: a mark does not reach over the end of one."""
    done, rest = Markup(""), [*pieces, Piece("")]
    while rest:
        ends = next((n for n, each in enumerate(rest) if each.text == BREAK), len(rest))
        inside, rest = rest[:ends], rest[ends + 1 :]
        if any(each.text.strip() for each in inside):
            hidden = Markup('<span class="hidden">{} </span>').format(said)
            done += Markup("<{0}>{1}{2}</{0}>").format(Markup(tag), hidden, _written(inside))  # noqa: S704  one of ours
        if rest:
            done += BREAK
    return done
