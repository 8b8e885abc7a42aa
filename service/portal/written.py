"""How days, moments, numbers and lists are written in her language and country, as CLDR has it. Template filters."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cache, lru_cache
from typing import cast
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from jinja2 import Environment, pass_context
from jinja2.runtime import Context

from service.model.catalogue import Catalogue


@cache
def locale_of(language: str, country: str) -> Locale:
    """Return how a language is written in a country, or by itself where the two do not go together."""
    plain, _, own = language.partition("-")
    try:
        return Locale(plain, own or country or None)
    except UnknownLocaleError:
        return Locale(plain)


def install(made: Environment) -> None:
    """Let templates write what is no text: ``at|day``, ``at|moment``, ``count|number``, ``things|listed``, ..."""
    for each in (day, moment, number, listed, within, chosen):
        made.filters[each.__name__] = each
    counted: Callable[..., str] = cast("Callable[..., str]", made.globals["ngettext"])  # the extension adds it

    @pass_context
    def ngettext(context: Context, singular: str, plural: str, num: int, **variables: object) -> str:
        return counted(context, singular, plural, num, **{"num": number(context, num), **variables})

    made.globals["ngettext"] = ngettext


def _locale(context: Context) -> Locale:
    found = context["visit"].locale
    assert isinstance(found, Locale)  # noqa: S101  every page has a visit
    return found


def _zone(context: Context) -> ZoneInfo:
    found = context["visit"].zone
    assert isinstance(found, ZoneInfo)  # noqa: S101  every page has a visit
    return found


# A page writes some hundred of them, and mostly the same few. To write one takes Babel as long as ten lines of a page.
@lru_cache(maxsize=4096)
def _date(there: date, locale: Locale) -> str:
    return format_date(there, "long", locale=locale)


@lru_cache(maxsize=4096)
def _decimal(value: float, locale: Locale) -> str:
    return format_decimal(value, locale=locale)


@pass_context
def day(context: Context, at: datetime | date) -> str:
    """Write a day; of an instant, the day that it is where she is."""
    there = at.astimezone(_zone(context)).date() if isinstance(at, datetime) else at
    return _date(there, _locale(context))


@pass_context
def moment(context: Context, at: datetime) -> str:
    """Write an instant: the day and the time that it is where she is."""
    locale = _locale(context)
    clock = format_time(at, "short", tzinfo=_zone(context), locale=locale)
    both = str(locale.datetime_formats["medium"])
    return both.replace("'", "").replace("{1}", day(context, at)).replace("{0}", clock)


@pass_context
def number(context: Context, value: float) -> str:
    """Write a number."""
    return _decimal(value, _locale(context))


def within(words: str) -> str:
    """Return a line that stands alone as a part of a longer one."""
    return words[:1].lower() + words[1:]


def chosen(values: Iterable[str], catalogue: Catalogue, language: str) -> list[str]:
    """Return what values are called that she chose from a list; any other value is itself."""
    return [catalogue.choice_in(language, each) for each in values]


@pass_context
def listed(context: Context, things: Iterable[str]) -> str:
    """Write several things in a row, with the word for "and" before the last."""
    return format_list([*things], locale=_locale(context))
