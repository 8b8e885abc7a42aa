"""What overrules a yes: a limit above single purposes, by which what she allows does not count while it stands.

Told by the codes of decisions (docs/reasons.md). A pause ends by itself, and is told on its own.
"""

from collections.abc import Iterable

from service.model.catalogue import Catalogue, Purpose
from service.model.facts import Restrictions
from service.model.words import AgeBand

ADULTS_ONLY = {"profiling", "marketing", "research"}
"""Kinds of purposes that are closed to who is not known to be an adult."""
MINOR = "adults-only"


def overruling(catalogue: Catalogue, purpose: Purpose, limits: Iterable[Restrictions]) -> list[str]:
    """Return why nobody gets anything for a purpose, whatever she answered; ``limits``: of each side of a person."""
    sides, kinds = list(limits), set(purpose.kinds)
    outside = [each.third_party for each in catalogue.services.values() if purpose.id in each.uses]
    counts = {
        "restricted": all(each.may_process for each in sides),
        "no-marketing": "marketing" not in kinds or all(each.may_market for each in sides),
        "no-profiling": "profiling" not in kinds or all(each.may_profile for each in sides),
        # What also somebody inside the company gets is not over.
        "no-sharing": not outside or not all(outside) or all(each.may_share for each in sides),
        MINOR: kinds.isdisjoint(ADULTS_ONLY) or all(each.age_band is AgeBand.ADULT for each in sides),
    }
    return [code for code, holds in counts.items() if not holds]
