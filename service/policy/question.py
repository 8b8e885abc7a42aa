"""What the engine is asked. A question is the whole input of an answer, so that answers can be remembered."""

from collections.abc import Iterator
from itertools import product

from msgspec import Struct

from service.model.catalogue import Catalogue
from service.model.situation import BRIGHTEST, Situation
from service.model.words import AttributeId, Provenance, PurposeId, ServiceId


class Question(Struct, frozen=True, kw_only=True):
    """May this service have a fact of this kind for this purpose, in this situation?"""

    service: ServiceId
    purpose: PurposeId
    attribute: AttributeId
    provenance: Provenance
    situation: Situation

    def __str__(self) -> str:
        return f"{self.service} asking for {self.attribute} ({self.provenance}) for {self.purpose}"


def brightest_questions(catalogue: Catalogue) -> Iterator[Question]:
    """Yield every question that a catalogue has words for, in the brightest situation."""
    for service, purpose in product(catalogue.services, catalogue.purposes):
        for id_, attribute in catalogue.attributes.items():
            for provenance in attribute.provenances:
                yield Question(
                    service=service, purpose=purpose, attribute=id_, provenance=provenance, situation=BRIGHTEST
                )
