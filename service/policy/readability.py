"""How hard a text is to read, and which words it should not use. By language; what is not known here is not judged.

English: the grade of Flesch and Kincaid (Kincaid et al. 1975). German: the first Wiener Sachtextformel (Bamberger and
Vanecek 1984). Both answer with the school year that follows the text, and both are made for more than a sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean

from msgspec import Struct

HARDEST = 8
"""The school year that follows a text of ours."""
WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019.@][^\W_]+)*")
SENTENCE = re.compile(r"(?<=[.!?])[”“\"']?\s+|\n{2,}")
HEADING = re.compile(r"\*\*.*?\*\*", re.DOTALL)


class Words(Struct, frozen=True):
    """What is not said in one language; each a regular expression of whole words."""

    vague: tuple[str, ...]
    """What leaves open what is done: a purpose says what is done."""
    pressing: tuple[str, ...]
    """What begs, frightens, flatters or makes no a loss (EDPB Guidelines 03/2022, Stirring)."""
    twisted: tuple[str, ...]
    """A no inside a no."""
    other: Mapping[str, str]
    """Another word for a thing than ours, and ours."""


ENGLISH = Words(
    vague=("may", "might", "such as", "for example", "etc", "and so on", "among others"),
    pressing=(
        r"are you sure",
        r"(do not|don.t) miss",
        r"(miss|lose|losing|missing) out",
        r"unfortunately|sadly|sorry to see",
        r"we (will|.ll) miss you",
        r"hurry|last chance|act now|limited time",
        r"exclusive|amazing|exciting|awesome|great news",
        r"recommended",
        r"(best|better|improved?|enhanced?|personali[sz]ed) experience",
        r"trust us|we care|valued customer",
    ),
    twisted=(
        r"(not|never) (un(?!til|der|less)\w+|without|no|not|never|refuse|disable|stop|opt out)",
        r"(not|never|nothing|nobody) (\w+ ){0,4}without",
        r"no longer (refuse|not|stop)",
        r"(turn|switch) off (not|no)",
    ),
    other={
        r"email|emails": "e-mail",
        r"log ?in|logged in|login|log ?on": "sign in",
        r"log ?out|logout|log ?off": "sign out",
        r"users?": "you, or customer",
        r"opt(ed)?[ -]in": "allow",
        r"opt(ed)?[ -]out|unsubscribed?": "stop",
        r"clicks?|tap|taps": "press",
        r"tracking|tracked": "seen",
        r"third part(y|ies)": "outside company",
        r"policy|policies": "notice",
    },
)
GERMAN = Words(
    vague=(
        "möglicherweise",
        "eventuell",
        "gegebenenfalls",
        "unter Umständen",
        "zum Beispiel",
        "beispielsweise",
        r"z\. ?B",
        "wie etwa",
        "usw",
        "und so weiter",
        "unter anderem",
    ),
    pressing=(
        r"sind Sie sicher",
        r"verpass\w*",
        r"leider|schade|bedauer\w*",
        r"wir (werden Sie )?vermissen",
        r"letzte Chance|beeilen|nur noch kurz",
        r"exklusiv\w*|einzigartig\w*|großartig\w*|toll\w*",
        r"empfohlen",
        r"(bestes?|besseres?|personalisiertes) Erlebnis",
        r"vertrauen Sie uns|liegt uns am Herzen",
    ),
    twisted=(
        r"nicht (un(?!d\b|s\b|ser|ter)\w+|ohne|nicht|kein\w*|ablehnen|widersprechen)",
        r"kein\w* \w+ nicht",
        r"nie(mals)? (nicht|kein\w*)",
    ),
    other={
        r"Email|EMail|eMail|Mails": "E-Mail",
        r"einlogg\w*|eingeloggt|login": "anmelden",
        r"auslogg\w*|ausgeloggt|logout": "abmelden",
        r"(be)?nutzer\w*|user": "Sie",
        r"opt-in": "erlauben",
        r"opt-out|abbestell\w*": "stoppen",
        r"klick\w*|anklick\w*|angeklickt|tippen Sie auf": "drücken",
        r"account\w*": "Konto",
        r"tracking|getrackt": "gesehen",
        r"drittanbieter\w*|dritte Parteien": "fremde Firma",
        r"Datenschutzrichtlinie\w*": "Hinweis",
    },
)
SAID: Mapping[str, Words] = {"en": ENGLISH, "de": GERMAN}


def words_of(language: str) -> Words:
    """Return what is not said in a language, whatever the country; nothing where we do not know it."""
    return SAID.get(language.partition("-")[0], Words((), (), (), {}))


def found_in(text: str, words: tuple[str, ...]) -> Iterator[str]:
    """Yield which of these words a text uses."""
    for word in words:
        if (match := re.search(rf"(?<!\w)(?:{word})(?!\w)", text, re.IGNORECASE)) is not None:
            yield match[0]


def faults_of_words(text: str, language: str) -> Iterator[str]:
    """Yield every word that presses, twists, or is another word for one of our things."""
    words = words_of(language)
    yield from (f'says "{found}", which presses' for found in found_in(text, words.pressing))
    yield from (f'says "{found}": say it without a second no' for found in found_in(text, words.twisted))
    for other, ours in words.other.items():
        yield from (f'says "{found}" for what we call "{ours}"' for found in found_in(text, (other,)))


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence; headings are no sentences."""
    found = [WORD.findall(sentence) for sentence in SENTENCE.split(HEADING.sub("", text))]
    return [words for words in found if words]


def average_sentence(text: str) -> float:
    """Return how many words a sentence has on average."""
    return fmean([len(words) for words in sentences(text)] or [0])


def grade(text: str, language: str) -> float | None:
    """Return the school year that follows a text; None for a language without a formula here, or without words."""
    formula = FORMULAS.get(language.partition("-")[0])
    said = sentences(text)
    return None if formula is None or not said else formula(said)


def flesch_kincaid(said: list[list[str]]) -> float:
    """Return the grade of an English text."""
    words = [word for sentence in said for word in sentence]
    syllables = sum(map(english_syllables, words))
    return 0.39 * len(words) / len(said) + 11.8 * syllables / len(words) - 15.59


def wiener_sachtextformel(said: list[list[str]]) -> float:
    """Return the grade of a German text."""
    words = [word for sentence in said for word in sentence]
    syllables = [german_syllables(word) for word in words]
    many = 100 * sum(each >= 3 for each in syllables) / len(words)  # noqa: PLR2004  as the formula has it
    one = 100 * sum(each == 1 for each in syllables) / len(words)
    long = 100 * sum(len(word) > 6 for word in words) / len(words)  # noqa: PLR2004  as the formula has it
    return 0.1935 * many + 0.1672 * len(words) / len(said) + 0.1297 * long - 0.0327 * one - 0.875


FORMULAS: Mapping[str, Callable[[list[list[str]]], float]] = {"en": flesch_kincaid, "de": wiener_sachtextformel}
ENGLISH_VOWELS = re.compile(r"[aeiouy]+")
SILENT = re.compile(r"(?:[^aeiouyl]e|[^aeiouytd]ed|[^aeiouycgszx]es)$")
GERMAN_VOWELS = re.compile(r"aa|ai|au|äu|ay|ee|ei|eu|ey|ie|oo|[aeiouyäöü]")


def english_syllables(word: str) -> int:
    """Return how many syllables an English word has, near enough: groups of vowels, but for an e that is not heard."""
    plain = word.lower()
    return max(1, len(ENGLISH_VOWELS.findall(plain)) - (SILENT.search(plain) is not None))


def german_syllables(word: str) -> int:
    """Return how many syllables a German word has, near enough: one for each vowel or diphthong."""
    return max(1, len(GERMAN_VOWELS.findall(word.lower())))
