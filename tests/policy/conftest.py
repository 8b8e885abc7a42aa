"""The sample company's own policies, and ways to break them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.errors import PolicyError
from service.model.facts import Facts, Sealed, SealedFact, Standing, restrictions_at_enrolment
from service.model.situation import BRIGHTEST, Asked
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.bundle import Bundle, read_bundle
from service.policy.catalogue import parse_catalogue
from service.policy.cedar import formatted
from service.policy.code import Code, code_of
from service.policy.engine import Policies, check_policies, compile_policies
from service.policy.lint import policies_of
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
            check_policies(bundle)
        except PolicyError as error:
            return error.faults
        return []

    return find


@pytest.fixture(scope="session")
def code_in() -> Callable[[Bundle], Code]:
    """Return what a bundle's policies say, although the checks would refuse it."""

    def make(bundle: Bundle) -> Code:
        return code_of(parse_catalogue(bundle), policies_of(bundle)[0])

    return make


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


NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def asked() -> Asked:
    """Return what the recommender asks on the web."""
    return Asked(ServiceId("recommender"), PurposeId("personalise.recommendations"), Channel.WEB)


@pytest.fixture(scope="session")
def fact() -> Callable[..., SealedFact]:
    """Return one sealed fact, by default as old as everything else."""

    def make(
        attribute: str, provenance: Provenance, *, source: str = "shop", days_old: int = 1, revision: int = 1
    ) -> SealedFact:
        return SealedFact(
            attribute=AttributeId(attribute),
            provenance=provenance,
            source=source,
            as_of=NOW - timedelta(days=days_old),
            revision=revision,
            key="key",
            sealed=Sealed(b"sealed"),
        )

    return make


@pytest.fixture(scope="session")
def ana(policies: Policies, asked: Asked, fact: Callable[..., SealedFact]) -> Facts:
    """Return a customer who said yes to recommendations on the web, with a fact of every kind there is."""
    standing = Standing(
        purpose=asked.purpose,
        channel=asked.channel,
        status=Status.GIVEN,
        notice=2,
        explicit=False,
        decided_at=NOW - timedelta(days=10),
        expires_at=NOW + timedelta(days=700),
    )
    return Facts(
        customer=CustomerId(UUID(int=1)),
        version=7,
        now=NOW,
        standing=standing,
        restrictions=restrictions_at_enrolment(AgeBand.ADULT),
        facts={
            id_: tuple(fact(id_, provenance) for provenance in attribute.provenances)
            for id_, attribute in policies.catalogue.attributes.items()
        },
    )
