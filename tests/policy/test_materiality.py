"""What asks for more says so in a new notice, and no yes that was given comes to cover it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from service.errors import PolicyError
from service.model.catalogue import Catalogue, Earlier, Needed, Notice, Purpose, Use
from service.model.words import PurposeId, ServiceId
from service.policy.bundle import Bundle
from service.policy.catalogue import parse_catalogue
from service.policy.materiality import immaterial_changes
from service.policy.references import broken_references

Change = Callable[..., Bundle]

LETTER = PurposeId("market.newsletter")
SENDER = ServiceId("newsletter")
NOTICE = "notices/market.newsletter/{}.{}.md"
PURPOSES, SERVICES = "purposes.toml", "services.toml"
GREET = 'first_name = "To greet you."\ncontact_email = "To reach you."\nfavourite_genres'
MORE = "birth_year = {}\n" + GREET
SINCE_3 = '{ why = "To greet you on the day.", since = 3 }'
USE = '[service.uses."market.newsletter"]\nchannels = ["email"]'
FINANCE = '[service.uses."comply.tax"]'
NEW_RECIPIENT = '[service.uses."market.newsletter"]\nchannels = ["email"]\nattributes = ["first_name"]\n'
OUTSIDE = "Tidewater Mail, an outside company that sends our newsletter"
TIMES = 'retention_days = 365\nconsent_expires_days = 730\nowner = "Head of marketing"'


@pytest.fixture(scope="module")
def before(bundle: Bundle) -> Catalogue:
    return parse_catalogue(bundle)


def with_notice(bundle: Bundle, *, material: bool) -> Bundle:
    """Add a third notice to the newsletter's."""
    words = f"material = {str(material).lower()}"
    third = {
        NOTICE.format(3, language): bundle.files[NOTICE.format(1, language)].replace("material = true", words)
        for language in ("en", "de")
    }
    return Bundle({**bundle.files, **third})


class More(Struct, frozen=True):
    """A change that asks for more, where that is told, and what is said before what is missing."""

    file: str
    old: str
    new: str
    place: str
    said: str

    def fault(self, missing: str) -> str:
        return f"{self.place}: {self.said}, so {missing}"


MORE_OF_IT = [
    More(
        PURPOSES,
        GREET,
        MORE.format('"To greet you on the day."'),
        "purposes.toml: market.newsletter",
        "attributes: birth_year is new",
    ),
    More(SERVICES, FINANCE, NEW_RECIPIENT + FINANCE, "services.toml: finance", "uses market.newsletter: is new"),
    More(
        SERVICES,
        OUTSIDE,
        "Breakwater Mail, an outside company that sends our newsletter",
        "services.toml: newsletter",
        "uses market.newsletter: is new",
    ),
    More(
        PURPOSES,
        TIMES,
        TIMES.replace("365", "366"),
        "purposes.toml: market.newsletter",
        "a yes to notice 1 lets data be kept for 365 days, not 366",
    ),
    More(
        PURPOSES,
        TIMES,
        TIMES.replace("730", "731"),
        "purposes.toml: market.newsletter",
        "a yes holds for longer",
    ),
]
WORDS = ["named in `since`", "named in `since`", "named in `since`", "named in `earlier.before`", None]
EVERY = list(zip(MORE_OF_IT, WORDS, strict=True))
IDS = ["attribute", "recipient", "another company", "kept longer", "holds longer"]


@pytest.mark.parametrize(("more", "named"), EVERY, ids=IDS)
def test_what_asks_for_more_needs_a_new_notice(
    before: Catalogue, changed: Change, more: More, named: str | None
) -> None:
    after = parse_catalogue(changed(more.file, more.old, more.new))
    missing = "it needs a material notice newer than 2" + (f", {named}" if named else "")
    assert more.fault(missing) in immaterial_changes(before, after)


@pytest.mark.parametrize(("more", "named"), EVERY, ids=IDS)
def test_an_editorial_notice_is_not_enough(
    before: Catalogue, bundle: Bundle, changed: Change, more: More, named: str | None
) -> None:
    after = parse_catalogue(changed(more.file, more.old, more.new, within=with_notice(bundle, material=False)))
    missing = "its notice 3 must be material" + (f", and {named}" if named else "")
    assert more.fault(missing) in immaterial_changes(before, after)


@pytest.mark.parametrize(("more", "named"), EVERY[:-1], ids=IDS[:-1])
def test_a_material_notice_is_not_enough_where_it_is_not_named(
    before: Catalogue, bundle: Bundle, changed: Change, more: More, named: str
) -> None:
    after = parse_catalogue(changed(more.file, more.old, more.new, within=with_notice(bundle, material=True)))
    assert more.fault(f"{named.removeprefix('named in ')} names notice 3") in immaterial_changes(before, after)


NAMED = [
    (PURPOSES, GREET, MORE.format(SINCE_3)),
    (SERVICES, FINANCE, f"{NEW_RECIPIENT}since = 3\n{FINANCE}"),
    (PURPOSES, TIMES, TIMES.replace("365", "366") + "\nearlier = [{ before = 3, retention_days = 365 }]"),
    (PURPOSES, TIMES, TIMES.replace("730", "731")),
    (SERVICES, USE, USE + "\nsince = 3"),
]


@pytest.mark.parametrize(("file", "old", "new"), NAMED)
def test_with_a_material_notice_that_is_named_it_may(
    before: Catalogue, bundle: Bundle, changed: Change, file: str, old: str, new: str
) -> None:
    after = parse_catalogue(changed(file, old, new, within=with_notice(bundle, material=True)))
    assert immaterial_changes(before, after) == []


LESS = [
    (PURPOSES, 'first_name = "To greet you."\ncontact_email', "contact_email"),
    (PURPOSES, TIMES, TIMES.replace("365", "30").replace("730", "365")),
    (PURPOSES, "To reach you.", "To write to you."),
    (SERVICES, '"favourite_genres", "postcode_area"]', '"favourite_genres"]'),
    (SERVICES, "Harbour Books & Travel, web shop", "Harbour Books & Travel, shop on the web"),
]


@pytest.mark.parametrize(("file", "old", "new"), LESS)
def test_what_asks_for_less_or_says_the_same_in_other_words_needs_nothing(
    before: Catalogue, bundle: Bundle, changed: Change, file: str, old: str, new: str
) -> None:
    if "first_name" in old:
        unused = changed(SERVICES, '["first_name", "contact_email", "favourite', '["contact_email", "favourite')
        untold = changed("words/de.toml", 'first_name = "Um Sie zu begrüßen."\ncontact', "contact", within=unused)
        after = parse_catalogue(changed(file, old, new, within=untold))
    else:
        after = parse_catalogue(changed(file, old, new))
    assert immaterial_changes(before, after) == []
    assert immaterial_changes(before, parse_catalogue(with_notice(bundle, material=False))) == []


def test_what_was_dropped_comes_back_as_something_new(before: Catalogue) -> None:
    dropped = structs.replace(before.services[SENDER], uses={})
    less = structs.replace(before, services={**before.services, SENDER: dropped})
    (fault,) = immaterial_changes(less, before)
    assert fault.startswith("services.toml: newsletter: uses market.newsletter: is new, ")


def test_since_when_is_never_put_back(before: Catalogue, changed: Change) -> None:
    early = parse_catalogue(changed(PURPOSES, "since = 2 }\nguessed", "since = 1 }\nguessed"))
    place = "purposes.toml: personalise.recommendations: attributes: last_destination"
    said = "is covered since notice 2, and an older yes cannot come to cover it"
    assert immaterial_changes(before, early) == [f"{place} {said}"]


# --- whatever is changed ---

NOTICES = st.lists(st.booleans(), max_size=2)


@st.composite
def purposes(draw: st.DrawFn, sample: Purpose, newest: int) -> Purpose:
    """Draw what a purpose may have become."""
    since = st.integers(1, newest)
    attributes = draw(st.dictionaries(st.sampled_from(["first_name", "birth_year", "last_name"]), since, min_size=1))
    earlier = draw(st.lists(st.builds(Earlier, st.integers(2, newest), st.sampled_from([200, 365])), max_size=2))
    return structs.replace(
        sample,
        attributes={id_: Needed("To.", version) for id_, version in attributes.items()},
        retention_days=draw(st.sampled_from([200, 365, 400])),
        consent_expires_days=draw(st.sampled_from([365, 730, 900])),
        earlier=tuple(earlier),
    )


@given(given_=st.data(), new_notices=NOTICES)
def test_whatever_passes_lets_no_yes_that_was_given_cover_more(
    before: Catalogue, given_: st.DataObject, new_notices: list[bool]
) -> None:
    old = _drawn(given_, before, [])
    new = _drawn(given_, before, new_notices)
    if immaterial_changes(old, new) or list(broken_references(new)):
        return
    published = old.notice_in_force(LETTER)
    for version in range(published + 1):
        assert new.purposes[LETTER].kept_days(version) <= old.purposes[LETTER].kept_days(version)
        for service in new.services:
            for attribute in new.attributes:
                if new.covers(LETTER, version, service, attribute):
                    assert old.covers(LETTER, version, service, attribute)


def _drawn(given_: st.DataObject, catalogue: Catalogue, new_notices: list[bool]) -> Catalogue:
    notices: dict[Any, Notice] = dict(catalogue.notices)
    sample = notices[LETTER, 2, "en"]
    for version, material in enumerate(new_notices, start=3):
        notices[LETTER, version, "en"] = structs.replace(sample, version=version, material=material)
    newest = 2 + len(new_notices)
    purpose = given_.draw(purposes(catalogue.purposes[LETTER], newest))
    uses: Mapping[str, Use] = given_.draw(
        st.dictionaries(
            st.just(LETTER),
            st.builds(Use, st.just(purpose.channels), st.just(tuple(purpose.attributes)), st.integers(1, newest)),
        )
    )
    sender = structs.replace(catalogue.services[SENDER], uses=uses)
    return structs.replace(
        catalogue,
        notices=notices,
        purposes={**catalogue.purposes, LETTER: purpose},
        services={**catalogue.services, SENDER: sender},
    )


def test_a_fault_is_told_where_the_catalogue_alone_shows_it(bundle: Bundle, changed: Change) -> None:
    with pytest.raises(PolicyError, match="attributes: birth_year: since = 3 is no material notice"):
        parse_catalogue(changed(PURPOSES, GREET, MORE.format(SINCE_3), within=with_notice(bundle, material=False)))
