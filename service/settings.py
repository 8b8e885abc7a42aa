"""What the operator decides: one frozen struct, read once from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from service.errors import SettingsError

PREFIX = "BYLEAVE_"

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1, le=200)]
Seconds = Annotated[int, Meta(ge=0, le=300)]
LedgerName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:/-]+$",
        max_length=200,
        description="up to 200 letters, digits, dots, colons, slashes, hyphens and underscores",
    ),
]
Colour = Annotated[
    str, Meta(pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})(?!\n)$", description="a colour such as #0a7 or #00aa77")
]
CompanyName = Annotated[str, Meta(min_length=1, max_length=60)]
Url = Annotated[str, Meta(pattern=r"^postgres(ql)?://", description="a URL that begins with postgresql://")]
PublicUrl = Annotated[
    str,
    Meta(
        pattern=r"^(https://[A-Za-z0-9.-]+(:[0-9]+)?|http://localhost(:[0-9]+)?)$",
        description="https:// and a host, or http://localhost, and nothing after it but a port",
    ),
]
"""Without a path: passkeys, cookies and forms are bound to an origin. Without TLS only on one's own machine."""
Issuer = Annotated[
    str,
    Meta(
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1)[:/])[^?#]+$",
        description="an https:// URL, or one of this machine's own, without ? and #",
    ),
]
SmtpUrl = Annotated[
    str,
    Meta(
        pattern=r"^smtps?://[^/]+/?(\?starttls=(no|required))?$",
        description="smtp://HOST:PORT or smtps://HOST:PORT, if need be with ?starttls=no or ?starttls=required",
    ),
]
Sender = Annotated[
    str, Meta(pattern=r"^[^\r\n]+@[^\r\n]+$", max_length=200, description="an address such as Shop <shop@example.com>")
]
Claim = Annotated[
    str,
    Meta(
        pattern=r"^(email|phone|loyalty)=[A-Za-z0-9_.:/-]{1,200}$",
        description="email, phone or loyalty, then = and the name of a claim",
    ),
]
Proxies = Annotated[int, Meta(ge=0, le=5)]


class Urls(Struct, frozen=True):
    """By which URL each role reaches the database; docs/roles.md says what each may do."""

    app: str
    sequencer: str
    auditor: str
    migrate: str

    def __repr__(self) -> str:  # each holds a password
        return "Urls()"


class Settings(Struct, frozen=True, kw_only=True):
    """Each field is the environment variable ``BYLEAVE_<FIELD>``; the README has the table."""

    database_url: Url | None = None
    sequencer_url: Url | None = None
    migrate_url: Url | None = None
    home: Path = Path(".byleave")
    keys: Path | None = None
    policies: Path | None = None
    host: str = "127.0.0.1"
    port: Port = 8400
    workers: Count = 1
    connections: Count = 10
    ledger_name: LedgerName | None = None
    ledger_seen: Path | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: Port | None = None
    drain: Seconds = 2
    run: Path | None = None
    public_url: PublicUrl | None = None
    proxies: Proxies = 0
    smtp_url: SmtpUrl | None = None
    mail_from: Sender | None = None
    oidc_issuer: Issuer | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_client_secret_file: Path | None = None
    oidc_title: str = "your account"
    oidc_claim: Claim = "email=email"
    company: CompanyName | None = None
    accent: Colour | None = None
    logo: Path | None = None

    @property
    def portal_url(self) -> str:
        """Where customers find the portal: ``BYLEAVE_PUBLIC_URL``, else this machine's own port."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def oidc_secret(self) -> str:
        """Our secret at the company's own sign-in; raises SettingsError when its file cannot be read."""
        if self.oidc_client_secret_file is None:
            return self.oidc_client_secret or ""
        try:
            return self.oidc_client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise SettingsError(f"{PREFIX}OIDC_CLIENT_SECRET_FILE: cannot be read") from None

    @property
    def ledger_seen_file(self) -> Path:
        """Where a sequencer remembers what was signed: ``BYLEAVE_LEDGER_SEEN``, else in the home folder."""
        return self.ledger_seen or self.home / "ledger.seen"

    @property
    def urls(self) -> Urls | None:
        """By which URL each role reaches the operator's own database; one URL is enough for all of them."""
        if self.database_url is None:
            return None
        own = self.database_url
        return Urls(own, self.sequencer_url or own, own, self.migrate_url or own)

    @property
    def root_key_file(self) -> Path:
        """Where the root key lies: ``BYLEAVE_KEYS``, else in the home folder."""
        return self.keys or self.home / "root.key"

    def __repr__(self) -> str:  # a database URL holds a password
        return f"Settings(home={str(self.home)!r}, host={self.host!r}, port={self.port})"


TOGETHER = {
    "smtp_url": ("mail_from",),
    "oidc_issuer": ("oidc_client_id",),
    "oidc_client_id": ("oidc_client_secret", "oidc_client_secret_file"),
    "oidc_client_secret": ("oidc_issuer",),
    "oidc_client_secret_file": ("oidc_issuer",),
}
"""What is of no use without one of the others."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:  # noqa: TID251  the one place
    """Return the settings, or raise SettingsError naming the variable that is wrong."""
    hints = get_type_hints(Settings, include_extras=True)
    known = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    given = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
    if unknown := sorted(given.keys() - known.keys() - {PREFIX + "TEST_DATABASE_URL"}):
        raise SettingsError(f"{unknown[0]} is not a setting; known are {', '.join(sorted(known))}")
    values = {known[key]: _convert(key, value, hints[known[key]]) for key, value in given.items() if key in known}
    settings = msgspec.convert(values, Settings)
    for name in ("sequencer_url", "migrate_url"):
        if name in values and settings.urls is None:
            raise SettingsError(f"{PREFIX}{name.upper()}: set {PREFIX}DATABASE_URL too")
    _refuse_half(values)
    return settings


def _refuse_half(values: Mapping[str, object]) -> None:
    """Refuse what is set up by half: it would fail when the first customer wants to come in."""
    for one, others in TOGETHER.items():
        if one in values and not values.keys() & set(others):
            raise SettingsError(f"{PREFIX}{one.upper()}: set {PREFIX}{others[0].upper()} too")


def leave_to_children(url: str, sequencer: str | None = None, **others: object) -> None:
    """Let the processes that this one starts find the database, by the roles that they need and no other.

    ``others``: what they are told besides, by the names of settings.
    """
    for name in ("SEQUENCER_URL", "MIGRATE_URL"):
        os.environ.pop(PREFIX + name, None)  # noqa: TID251  the one place
    os.environ[PREFIX + "DATABASE_URL"] = url  # noqa: TID251  the one place
    if sequencer is not None:
        os.environ[PREFIX + "SEQUENCER_URL"] = sequencer  # noqa: TID251  the one place
    for name, value in others.items():
        os.environ[PREFIX + name.upper()] = str(value)  # noqa: TID251  the one place


def _convert(variable: str, text: str, kind: object) -> object:
    try:
        return msgspec.convert(text.strip(), kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        # Either says what was expected; the value may hold a password.
        raise SettingsError(f"{variable}: {_expected(kind) or error}") from None


def _expected(kind: object) -> str | None:
    """Return what a kind of setting looks like in words, where its pattern would be none."""
    metas = (meta for each in (kind, *get_args(kind)) for meta in getattr(each, "__metadata__", ()))
    return next((f"Expected {meta.description}" for meta in metas if meta.description), None)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise msgspec.ValidationError("Expected a path")
