"""What holds a secret or a personal value shows none of it when it is printed."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct

import service
from service.api.customers import Contribution, Enrolment, Fact
from service.api.identifiers import HerIdentifier as Shown
from service.api.releases import Question
from service.api.wire import Identifiers, Who
from service.crypto.credentials import Credential
from service.crypto.keyring import Keyring, OpenKey, RootKey, WrappedKey
from service.crypto.openid import Handshake
from service.database import Database
from service.errors import SettingsError
from service.mail import Mail, MailServer
from service.model.columns import Draft, Stated
from service.model.decision import Decision, Obligation, Permit
from service.model.facts import CustomerKey, Sealed, SealedFact
from service.model.identifiers import Identifier
from service.model.signin import Aim
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    EntryId,
    IdentifierKind,
    PolicyVersion,
    Provenance,
    PurposeId,
)
from service.provider import Provider, Tokens
from service.settings import Settings, Urls, read_settings
from service.storage.facts import NewFact
from service.usecases.codes import Asked, Entered, Letter
from service.usecases.customers import Claim, Newcomer
from service.usecases.federated import Away, Back
from service.usecases.identifiers import HerIdentifier
from service.usecases.passkeys import Answer as DeviceAnswer
from service.usecases.releases import Answer, Handed, Wanted

SECRET = "s3cret-Zephyrine"
BYTES = SECRET.encode()
AT = datetime(2026, 1, 2, tzinfo=UTC)
NAME, SAID = AttributeId("first_name"), Provenance.VOLUNTEERED
HERS = Identifier(IdentifierKind.EMAIL, SECRET)
SEALED = Sealed(BYTES)
SEALED_FACT = SealedFact(NAME, SAID, "shop", AT, 1, "key", SEALED)
PERMIT = Permit(CustomerId(UUID(int=1)), SEALED_FACT, ())
DECISION = Decision((PERMIT,), (), (Obligation("delete-after"),), PolicyVersion("sha256:0"))
HANDED = Handed(SEALED_FACT, msgspec.Raw(BYTES))
FACT = Fact(attribute=NAME, value=msgspec.Raw(BYTES), provenance=SAID)
IDENTIFIERS = {"email": SECRET, "phone": SECRET, "loyalty": SECRET, "device": SECRET}

THINGS = [
    Settings(database_url=f"postgresql://byleave:{SECRET}@localhost/byleave"),
    Settings(database_url="postgresql://db", migrate_url=f"postgresql://byleave:{SECRET}@localhost/byleave"),
    Urls(*[f"postgresql://byleave:{SECRET}@localhost/byleave"] * 4),
    Database(f"postgresql://byleave:{SECRET}@localhost/byleave", 5),
    SEALED,
    SEALED_FACT,
    CustomerKey("key", 1, SEALED),
    WrappedKey("mac", 1, "first", SEALED, b"proof"),
    RootKey("first", BYTES),
    OpenKey("key", BYTES),
    Keyring({"mac": {1: BYTES}}),
    Credential("id", SECRET),
    HERS,
    NewFact(NAME, SAID, "shop", AT, BYTES),
    Claim(NAME, SAID, BYTES, None),
    Stated(NAME, SAID, BYTES),
    Draft(SECRET, (HERS,), (Stated(NAME, SAID, BYTES),), AgeBand.ADULT, None),
    PERMIT,
    DECISION,
    HANDED,
    Answer("dec", DECISION, {NAME: HANDED}, EntryId("ent")),
    Wanted(HERS, PurposeId("p"), Channel.WEB, (NAME,), hand_over=True),
    Who(**IDENTIFIERS, id="byc"),
    Identifiers(**IDENTIFIERS),
    Enrolment(identifiers=Identifiers(**IDENTIFIERS)),
    Newcomer([HERS]),
    HerIdentifier(reference="idn", kind=IdentifierKind.EMAIL, value=SECRET, since=AT, verified=False),
    Shown(reference="idn", kind=IdentifierKind.EMAIL, value=SECRET, since=AT, verified=False),
    MailServer("mail.example", 465, "tls", "a@b.example", SECRET, SECRET),
    Mail(SECRET, SECRET, SECRET),
    Provider("https://id.example", "portal", SECRET, "Harbour", "email=email", "https://portal.example"),
    Tokens(SECRET, SECRET),
    Letter(SECRET, Aim.SIGN_IN, SECRET, SECRET),
    Asked(SECRET, Letter(SECRET, Aim.SIGN_IN, SECRET, SECRET)),
    Entered(SECRET, EntryId("ent")),
    DeviceAnswer(SECRET, SECRET),
    Back(SECRET, SECRET, SECRET),
    Away(SECRET, SECRET),
    Handshake(BYTES, Aim.SIGN_IN, AT),
    FACT,
    Contribution(facts=[FACT]),
    Question(customer=Who(**IDENTIFIERS), purpose="p", channel=Channel.WEB, attributes=["first_name"]),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_what_holds_a_secret_does_not_show_it(thing: object) -> None:
    shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>5}", repr([thing]), repr({"thing": thing})]
    for text in shown:
        assert "s3cret" not in text
        assert "Zephyrine" not in text


def test_a_wrong_setting_is_named_and_not_quoted() -> None:
    for name in ("DATABASE_URL", "PORT", "WORKERS"):
        with pytest.raises(SettingsError, match=f"BYLEAVE_{name}") as refusal:
            read_settings({f"BYLEAVE_{name}": f"mysql://byleave:{SECRET}@localhost"})
        assert "s3cret" not in str(refusal.value)


# --- and nobody forgets it for what comes next ---

TELLING = {
    "value",
    "values",
    "cells",
    "data",
    "email",
    "phone",
    "loyalty",
    "device",
    "secret",
    "token",
    "api_keys",
    "database_url",
    "migrate",
}
HARMLESS = {
    "service.crypto.keyring.Mac",  # a MAC says nothing without its key
    "service.crypto.keyring.WrappedKey",  # its key is Sealed; the proof is a MAC
    "service.crypto.merkle.Node",  # a hash that is published
    "service.crypto.notes.Checkpoint",  # likewise
    "service.crypto.notes.Verifier",  # a public key
    "service.storage.log.Head",  # what is signed, and published
    "service.storage.sources.Known",  # a MAC
    "service.model.columns.IdentifierColumns",  # headings of columns
    "service.model.suppression.Suppression",  # a blind index
}


def structs() -> Iterator[type[Struct]]:
    """Yield every struct of the service."""
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[Struct]] = [Struct]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("service."):
                yield kind


def tells(kind: type[Struct]) -> bool:
    """Whether a struct has a field that by its name or type may hold something personal or secret."""
    hints: dict[str, Any] = get_type_hints(kind)
    return bool(TELLING & set(kind.__struct_fields__)) or bytes in hints.values()


def test_every_struct_with_a_telling_field_hides_it() -> None:
    told = [kind for kind in structs() if kind.__repr__ is Struct.__repr__ and tells(kind)]
    assert {f"{kind.__module__}.{kind.__name__}" for kind in told} - HARMLESS == set()
