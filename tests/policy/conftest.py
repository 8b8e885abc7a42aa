"""The sample company's own policies, and ways to break them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from service.errors import PolicyError
from service.model.situation import BRIGHTEST
from service.model.words import AttributeId, Provenance, PurposeId, ServiceId
from service.policy.bundle import Bundle, read_bundle
from service.policy.cedar import formatted
from service.policy.engine import Policies, compile_policies
from service.policy.question import Question

FOLDER = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="session")
def folder() -> Path:
    return FOLDER


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return read_bundle(FOLDER)


@pytest.fixture(scope="session")
def policies(bundle: Bundle) -> Policies:
    return compile_policies(bundle)


@pytest.fixture(scope="session")
def changed(bundle: Bundle) -> Callable[..., Bundle]:
    """Return the bundle with the first ``old`` of one file made ``new``, formatted if it is Cedar."""

    def change(file: str, old: str, new: str, *, within: Bundle = bundle) -> Bundle:
        assert old in within.files[file], f"{file} has no {old!r}"
        text = within.files[file].replace(old, new, 1)
        try:
            text = formatted(text) if file.endswith(".cedar") else text
        except ValueError:
            assert "broken" in new
        return Bundle({**within.files, file: text})

    return change


@pytest.fixture(scope="session")
def faults() -> Callable[[Bundle], list[str]]:
    """Return every fault of a bundle."""

    def find(bundle: Bundle) -> list[str]:
        try:
            compile_policies(bundle)
        except PolicyError as error:
            return error.faults
        return []

    return find


@pytest.fixture(scope="session")
def question() -> Callable[..., Question]:
    """Return a question in the brightest situation but for what is said."""

    def ask(
        attribute: str = "first_name",
        provenance: Provenance = Provenance.VOLUNTEERED,
        *,
        service: str = "recommender",
        purpose: str = "personalise.recommendations",
        **but: Any,
    ) -> Question:
        return Question(
            service=ServiceId(service),
            purpose=PurposeId(purpose),
            attribute=AttributeId(attribute),
            provenance=provenance,
            situation=structs.replace(BRIGHTEST, **but),
        )

    return ask
