"""Why something stays with us, in a short sentence to the customer. Decisions have the codes (docs/reasons.md)."""

from collections.abc import Mapping

from service.portal.words import said

SENTENCES: Mapping[str, str] = {
    "not-granted": said("We do not let this system have it for this."),
    "channel-not-offered": said("We do not do this in that way."),
    "not-for-this-purpose": said("It is not needed for this."),
    "no-permission": said("You have not said yes."),
    "requested": said("We asked you, and you have not answered."),
    "deferred": said("You wanted to be asked later."),
    "refused": said("You said no."),
    "withdrawn": said("You took your yes back."),
    "revoked": said("We ended it, although you had said yes."),
    "expired": said("Your yes had run its time."),
    "invalidated": said("Your yes was not valid, because our notice was wrong."),
    "notice-superseded": said("Your yes was to a notice that did not ask for this."),
    "unverified": said("We could not prove what you restrict, so the answer was no."),
    "restricted": said("You have restricted any use."),
    "paused": said("You had paused everything."),
    "no-marketing": said("You object to marketing."),
    "no-profiling": said("You object to picks made by a computer."),
    "no-sharing": said("You want nothing passed on to other companies."),
    "objected": said("You object to this purpose."),
    "adults-only": said("We do not know that you are of age."),
    "explicit-consent-needed": said("You have not agreed to exactly this."),
    "stays-here": said("This never goes to another company."),
    "only-what-i-told-you": said("You did not tell us this yourself."),
    "demographic": said("It says what people like you are like, and you have not allowed that."),
    "out-of-date": said("What we know is too old to be used."),
    "quiet-hours": said("It was one of your quiet hours."),
    "disputed": said("You said that this was not you."),
    "not-for-this-she-said": said("You do not want it used for this."),
    "not-known": said("We do not know it."),
    "engine-error": said("Our rules could not be checked, so the answer was no."),
}
OTHER = said("One of our own rules says no.")


def sentence(code: str) -> str:
    """Return the sentence of a reason, for gettext; a company's own rules may have reasons that are not here."""
    return SENTENCES.get(code, OTHER)
