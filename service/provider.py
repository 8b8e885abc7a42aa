"""The company's own sign-in, over HTTP: what it publishes of itself (OpenID Connect Discovery 1.0), and its answers.

It is named by the operator and trusted to say who somebody is, and with nothing else: it is asked within seconds, no
redirect is followed, and whatever it answers is short.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from msgspec import Struct

from service.errors import ProviderRefusedError, ProviderUnavailableError

KNOWN_FOR = 600.0
"""Seconds for which it is not asked again what it publishes."""
RESTING = 30.0
"""Seconds from one look at its keys to the next, however many tokens name another key."""
PATIENCE = 3.0
LONGEST = 256 * 1024
CALLBACK = "/signin/oidc/callback"
log = structlog.get_logger()


class Provider(Struct, frozen=True):
    """Where the company's own sign-in is, and who we are there."""

    issuer: str
    client_id: str
    client_secret: str
    title: str
    claim: str
    """``kind=claim``: the claim that names an identifier, and of which kind it is."""
    public_url: str

    def __repr__(self) -> str:
        return f"Provider({self.title!r})"

    @property
    def callback(self) -> str:
        """Where it sends her back to."""
        return self.public_url + CALLBACK


class Published(Struct, frozen=True):
    """What it publishes of itself, as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Tokens(Struct, frozen=True):
    """What it hands over for a code; the access token only asks what the ID token does not say."""

    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        return "Tokens()"


class SignInElsewhere:
    """The company's own sign-in, and what it published when it was last asked."""

    def __init__(self, provider: Provider, monotonic: Callable[[], float]) -> None:
        self.provider = provider
        self._monotonic = monotonic
        self._published: tuple[float, Published] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    async def address(self, more: dict[str, str]) -> str:
        """Return the address to which she is sent; ``more``: what is said there besides who asks."""
        endpoint = (await self._about()).authorization_endpoint
        said = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.callback,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(said)}"

    async def redeem(self, code: str, verifier: str) -> Tokens:
        """Return what it hands over for a code; raises ProviderRefusedError, ProviderUnavailableError."""
        about = await self._about()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.callback,
            "code_verifier": verifier,
        }
        basic: httpx.BasicAuth | None = None
        if "client_secret_basic" in about.token_endpoint_auth_methods_supported:
            # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
            basic = httpx.BasicAuth(_encoded(self.provider.client_id), _encoded(self.provider.client_secret))
        else:
            form |= {"client_id": self.provider.client_id, "client_secret": self.provider.client_secret}
        answer = await _asked("POST", about.token_endpoint, data=form, auth=basic)
        try:
            return msgspec.json.decode(answer, type=Tokens)
        except (msgspec.MsgspecError, RecursionError):
            raise ProviderRefusedError("the answer has no ID token") from None

    async def told(self, tokens: Tokens) -> dict[str, str | bool]:
        """Return what it says of her in words, beside the ID token (Core, 5.3 and 5.4); nothing if it says nothing."""
        endpoint = (await self._about()).userinfo_endpoint
        if not endpoint or not tokens.access_token:
            return {}
        answer = await _asked("GET", endpoint, headers={"Authorization": f"Bearer {tokens.access_token}"})
        try:
            found = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, RecursionError):
            raise ProviderRefusedError("what it says of her is not readable") from None
        return {name: value for name, value in ((name, _word(raw)) for name, raw in found.items()) if value is not None}

    async def keys(self, *, anew: bool = False) -> dict[str, Any]:
        """Return its public keys; ``anew``: as they are now, for a token names one that is not among those known."""
        now, known = self._monotonic(), self._keys
        if known is not None and now - known[0] < (RESTING if anew else KNOWN_FOR):
            return known[1]
        answer = await _asked("GET", (await self._about()).jwks_uri)
        try:
            found = msgspec.json.decode(answer, type=_Keys)
        except (msgspec.MsgspecError, RecursionError):
            raise ProviderUnavailableError("its keys are not readable") from None
        self._keys = now, {"keys": found.keys}
        return self._keys[1]

    async def _about(self) -> Published:
        now, known = self._monotonic(), self._published
        if known is not None and now - known[0] < KNOWN_FOR:
            return known[1]
        issuer = self.provider.issuer
        answer = await _asked("GET", f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
        try:
            found = msgspec.json.decode(answer, type=Published)
        except (msgspec.MsgspecError, RecursionError):
            raise ProviderUnavailableError("what it publishes is not readable") from None
        if found.issuer != issuer:
            raise ProviderUnavailableError("it publishes another issuer than the one that is set")
        self._published = now, found
        return found


def _word(raw: msgspec.Raw) -> str | bool | None:
    """Return a text or a yes or no; None for all else, which finds nobody."""
    try:
        return msgspec.json.decode(raw, type=str | bool)
    except (msgspec.MsgspecError, RecursionError):
        return None


class _Keys(Struct, frozen=True):
    keys: list[dict[str, str | list[str] | bool | int | None]]


async def _asked(method: str, url: str, **what: Any) -> bytes:  # noqa: ANN401  httpx's own
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False) as client:  # noqa: SIM117  one waits for the other
            async with client.stream(method, url, **what) as response:
                answer = await _read(response)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        log.error("alarm: the company's own sign-in does not answer", fault=type(fault).__name__)  # noqa: TRY400  no traceback
        raise ProviderUnavailableError(type(fault).__name__) from None
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ProviderUnavailableError(f"it answered {response.status_code}")
    if response.status_code != httpx.codes.OK:
        raise ProviderRefusedError(f"it answered {response.status_code}")
    return answer


async def _read(response: httpx.Response) -> bytes:
    answer = b""
    async for part in response.aiter_bytes():
        answer += part
        if len(answer) > LONGEST:
            raise ProviderUnavailableError("it answers at too great a length")
    return answer


def _encoded(text: str) -> str:
    return urlencode({"": text})[1:]
