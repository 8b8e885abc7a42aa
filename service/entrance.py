"""Every way into the portal, bound to what it may touch, as the composition root binds all other actions.

Whoever is unproven, because a session does not carry our MAC or no key is there, may end sessions and nothing else.
"""

import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from urllib.parse import urlsplit

import structlog
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.passkeys import Party
from service.database import Database
from service.errors import NotOfferedError, UnauthenticatedError
from service.mail import Mail, MailServer, PostOffice
from service.model.callers import actor
from service.model.identifiers import Identifier
from service.model.signin import Aim, Session, Ways
from service.model.words import EntryId
from service.policy.engine import Policies
from service.provider import Provider, SignInElsewhere
from service.usecases import codes, federated, identifiers, passkeys, sessions
from service.usecases.keys import Keys

log = structlog.get_logger()


class Outside(Struct, frozen=True):
    """What the operator said of the world around: where the portal is, who carries mail, who vouches for customers."""

    public_url: str = "http://localhost:8400"
    mail: MailServer | None = None
    provider: Provider | None = None
    proxies: int = 0

    def __repr__(self) -> str:
        return f"Outside({self.public_url!r})"


class Entrance:
    """One process's ways in."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        policies: Callable[[Keyring], Awaitable[Policies]],
        outside: Outside,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._keys = keys
        self._policies = policies
        self._outside = outside
        self._monotonic = monotonic

    @cached_property
    def post_office(self) -> PostOffice | None:
        """Through which letters leave, where a mail server is set."""
        return None if self._outside.mail is None else PostOffice(self._outside.mail)

    @cached_property
    def _elsewhere(self) -> SignInElsewhere | None:
        provider = self._outside.provider
        return None if provider is None else SignInElsewhere(provider, self._monotonic)

    async def ways(self) -> Ways:
        """By which ways one can sign in."""
        provider, outside = self._outside.provider, self._outside
        mail, elsewhere = self.post_office is not None, None if provider is None else provider.title
        return Ways(mail=mail, elsewhere=elsewhere, public_url=outside.public_url, proxies=outside.proxies)

    async def post(self, mail: Mail) -> None:
        """Send a letter, after the answer."""
        if self.post_office is not None:
            self.post_office.post(mail)

    # --- sessions ---

    async def session(self, cookie: str) -> Session:
        """Return whose session a cookie is; raises UnauthenticatedError."""
        return await sessions.session(self._database, await self._keys.or_none(), cookie)

    async def her_sessions(self, session: Session) -> list[sessions.HerSession]:
        """Return where she is signed in."""
        return await sessions.listed(self._database, await self._keys_for(session), session)

    async def end_session(self, session: Session, which: str) -> sessions.Ended:
        """End one of her sessions."""
        return await sessions.end(self._database, await self._keys.or_none(), session, which)

    async def end_other_sessions(self, session: Session) -> sessions.Ended:
        """End every session of hers but this one."""
        return await sessions.end_others(self._database, await self._keys.or_none(), session)

    async def disown(self, session: Session, reference: str) -> identifiers.Done:
        """Put an identifier out of use that is not hers, and end every session of hers but this one."""
        keyring = await self._keys_for(session)
        return await identifiers.disown(self._database, keyring, session.caller, reference, session.digest)

    # --- codes by e-mail ---

    async def ask_code(self, address: Identifier, network: str) -> codes.Asked:
        """Ask for a code and a link."""
        self._refuse_without_mail()
        return await codes.ask(self._database, await self._keys(), address, network)

    async def enter_code(self, waiting: str, code: str, network: str, device: str) -> codes.Entered:
        """Sign in with a code."""
        return await codes.enter(self._database, await self._keys(), waiting, code, network, device)

    async def link_waits(self, link: str) -> bool:
        """Whether a link can still be used."""
        return await codes.waits(self._database, await self._keys(), link)

    async def press_link(self, link: str, network: str, device: str) -> codes.Entered:
        """Sign in with a link."""
        return await codes.press(self._database, await self._keys(), link, network, device)

    async def ask_code_again(self, session: Session, reference: str, network: str) -> codes.Asked:
        """Ask for a code that proves afresh that it is she."""
        self._refuse_without_mail()
        return await codes.ask_again(self._database, await self._keys_for(session), session, reference, network)

    async def enter_code_again(self, session: Session, waiting: str, code: str, network: str) -> EntryId:
        """Prove with a code that it is she."""
        keyring = await self._keys_for(session)
        return await codes.enter_again(self._database, keyring, session, waiting, code, network)

    async def ask_to_add_address(self, session: Session, address: Identifier, network: str) -> codes.Asked:
        """Ask for a code to an address that is to be hers too."""
        self._refuse_without_mail()
        return await codes.ask_to_add(self._database, await self._keys_for(session), session, address, network)

    async def add_address(self, session: Session, shown: codes.Shown) -> codes.Added:
        """Let an address be hers, once she has its code."""
        keyring = await self._keys_for(session)
        return await codes.add(self._database, keyring, await self._policies(keyring), session, shown)

    # --- passkeys ---

    async def ask_passkey(self, network: str) -> passkeys.Ceremony:
        """Ask a device for a passkey."""
        keyring = await self._keys()
        return await passkeys.ask(self._database, keyring, await self._party(keyring), network)

    async def enter_passkey(self, answer: passkeys.Answer, device: str) -> passkeys.Entered:
        """Sign in with a passkey."""
        keyring = await self._keys()
        return await passkeys.enter(self._database, keyring, await self._party(keyring), answer, device)

    async def ask_passkey_again(self, session: Session) -> passkeys.Ceremony:
        """Ask her device for a passkey that proves afresh that it is she."""
        keyring = await self._keys_for(session)
        return await passkeys.ask_again(self._database, keyring, await self._party(keyring), session)

    async def enter_passkey_again(self, session: Session, answer: passkeys.Answer) -> EntryId:
        """Prove with a passkey that it is she."""
        keyring = await self._keys_for(session)
        return await passkeys.enter_again(self._database, keyring, await self._party(keyring), session, answer)

    async def ask_to_add_passkey(self, session: Session, name: str) -> passkeys.Ceremony:
        """Ask her device to make a passkey."""
        keyring = await self._keys_for(session)
        return await passkeys.ask_to_add(self._database, keyring, await self._party(keyring), session, name)

    async def add_passkey(self, session: Session, answer: passkeys.Answer, label: str) -> EntryId:
        """Keep the passkey that her device made."""
        keyring = await self._keys_for(session)
        return await passkeys.add(self._database, keyring, await self._party(keyring), session, answer, label)

    async def her_passkeys(self, session: Session) -> list[passkeys.HerPasskey]:
        """Return her passkeys."""
        return await passkeys.listed(self._database, await self._keys_for(session), session.caller)

    async def relabel_passkey(self, session: Session, name: str, label: str) -> None:
        """Keep what she calls a passkey."""
        await passkeys.relabel(self._database, await self._keys_for(session), session.caller, name, label)

    async def remove_passkey(self, session: Session, name: str) -> EntryId:
        """Remove one of her passkeys."""
        return await passkeys.remove(self._database, await self._keys_for(session), session.caller, name)

    # --- the company's own sign-in ---

    async def leave_to_sign_in(self, aim: Aim, session: Session | None, onward: str) -> federated.Away:
        """Send her to the company's own sign-in."""
        keyring = await self._keys() if session is None else await self._keys_for(session)
        return await federated.leave(self._database, keyring, self._offered_elsewhere(), aim, session, onward)

    async def come_back(
        self, back: federated.Back, session: Session | None, network: str, device: str
    ) -> federated.Entered:
        """Sign in whoever comes back from there."""
        keyring = await self._keys() if session is None else await self._keys_for(session)
        elsewhere = self._offered_elsewhere()
        await federated.count_return(self._database, keyring, network)
        return await federated.come_back(self._database, keyring, elsewhere, back, session, device)

    def _offered_elsewhere(self) -> SignInElsewhere:
        if self._elsewhere is None:
            raise NotOfferedError
        return self._elsewhere

    def _refuse_without_mail(self) -> None:
        if self.post_office is None:
            raise NotOfferedError

    async def _party(self, keyring: Keyring) -> Party:
        company = (await self._policies(keyring)).catalogue.company
        url = self._outside.public_url
        return Party(urlsplit(url).hostname or "", url, "" if company is None else company.name)

    async def _keys_for(self, session: Session) -> Keyring:
        """Return the keys for a session that is proven with them."""
        keyring = await self._keys()
        if not session.caller.proven:
            log.error("alarm: a credential does not carry our MAC", caller=actor(session.caller))
            raise UnauthenticatedError
        return keyring
