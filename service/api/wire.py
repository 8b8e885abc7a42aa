"""What several resources write and read alike."""

import re
from typing import Annotated

from msgspec import Meta, Struct

from service.errors import UnknownCustomerError, WrongKindError
from service.model.identifiers import Identifier, identifier
from service.model.words import IdentifierKind, PairwiseId

PAIRWISE = r"^byc_[a-z2-7]{26}$"
CustomerWord = Annotated[str, Meta(pattern=PAIRWISE, description="This service's own id of the customer.")]
Written = Annotated[str, Meta(min_length=1, max_length=254)]
PurposeWord = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9.-]+$")]
AttributeWord = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")]


class Identifiers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """By what a customer is found; its repr shows nothing."""

    email: Written | None = None
    phone: Written | None = None
    loyalty: Written | None = None

    def normalised(self, pointer: str) -> list[Identifier]:
        """Return the identifiers given, in their normal form."""
        written = ((kind, getattr(self, kind.value)) for kind in IdentifierKind)
        return [_normal(kind, text, f"{pointer}/{kind}") for kind, text in written if text is not None]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Who(Identifiers, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One customer: by this service's id of her, or by one identifier."""

    id: CustomerWord | None = None

    def reference(self, pointer: str) -> PairwiseId | Identifier:
        """Return the one reference given."""
        given: list[PairwiseId | Identifier] = [*self.normalised(pointer)]
        if self.id is not None:
            given.append(PairwiseId(self.id))
        if len(given) != 1:
            raise WrongKindError("name a customer by exactly one of id, email, phone, loyalty", pointer=pointer)
        return given[0]

    def __repr__(self) -> str:
        return "Who()"


def customer_in_path(text: str) -> PairwiseId:
    """Return the pairwise id in an address; anything else is nobody."""
    if not re.fullmatch(PAIRWISE, text):
        raise UnknownCustomerError
    return PairwiseId(text)


def _normal(kind: IdentifierKind, text: str, pointer: str) -> Identifier:
    try:
        return identifier(kind, text)
    except WrongKindError as error:
        raise WrongKindError(error.detail, pointer=pointer) from None
