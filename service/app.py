"""The composition root: the only module that knows all the others, and the only clock."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from litestar import Litestar
from msgspec import Struct, structs

from service.actions import Actions
from service.api import contract, ledger_page
from service.api.door import Lifespan, door
from service.api.lean import Lean
from service.crypto.credentials import read_api_key
from service.crypto.keyring import Keyring
from service.crypto.merkle import Tile
from service.crypto.signing import PublicKey
from service.database import Database
from service.entrance import Entrance, Outside
from service.errors import (
    DatabaseUnavailableError,
    KeysUnavailableError,
    PoliciesUnavailableError,
    ServiceError,
    UnauthenticatedError,
    UnknownReceiptError,
)
from service.front import Front
from service.meters import METERS
from service.model.attempts import Attempt
from service.model.callers import Caller, CustomerCaller, ServiceCaller, actor
from service.model.catalogue import Catalogue, Notice
from service.model.choices import PAUSED_FOR, Pause, takes_away
from service.model.consent import Reach, Spot
from service.model.limits import Limits
from service.model.message_links import No
from service.model.prompts import Prompt
from service.model.situation import Asked
from service.model.strikes import Answer as Reason
from service.model.strikes import Selection
from service.model.suppositions import Supposed
from service.model.words import Channel, CustomerId, EntryId, Method, PairwiseId, Status
from service.policy.engine import Policies
from service.portal.door import portal
from service.portal.look import Look
from service.process import leave_alone_what_stays
from service.storage import publications
from service.usecases import (
    access,
    announcements,
    choices,
    consents,
    customers,
    entries,
    hers,
    identifiers,
    ledger,
    message_links,
    notices,
    overview,
    past,
    permissions,
    preferences,
    questions,
    receipts,
    records,
    releases,
    simulations,
    strikes,
    uses,
)
from service.usecases.keys import Keys
from service.usecases.once import once
from service.usecases.policies import Library

Result = TypeVar("Result")
log = structlog.get_logger()
RESERVED = 4
"""Connections of each process for letting callers in, and for a no and its receipt, whatever else is asked."""
Written = TypeVar("Written", bound=Struct)


class House:
    """One process's database, keys and policies, and every action bound to what it may touch."""

    def __init__(
        self,
        database: Database,
        root_key_file: Path,
        monotonic: Callable[[], float] = time.monotonic,
        ending: Callable[[], bool] = lambda: False,
        workers: int = 1,
    ) -> None:
        self.database = database
        self.reserved = database.beside(RESERVED)
        self.rails = releases.Rails(database.beside(releases.READING.away + releases.ENTERING.away))
        self.keys = Keys(self.reserved, root_key_file)
        self.library = Library(self.reserved)
        self._monotonic = monotonic
        self._ending = ending
        self._limits = Limits(workers)
        self._public_url = Outside().public_url
        self.entrance = self._entrance(Outside())

    def reaching(self, outside: Outside) -> "House":
        """Return this house, with ways in that lead through the world around as the operator said it is."""
        self._public_url = outside.public_url
        self.entrance = self._entrance(outside)
        return self

    def _entrance(self, outside: Outside) -> Entrance:
        return Entrance(self.reserved, self.keys, self._proven_policies, outside, self._monotonic)

    @property
    def actions(self) -> Actions:
        """Every action of every door."""
        return Actions(
            service_caller=self._service_caller,
            customer_caller=self._customer_caller,
            release=self._release,
            release_many=self._release_many,
            enrol=self._enrol,
            contribute=self._contribute,
            record_consent=self._record_consent,
            allow=self._allow,
            end_special=self._end_special,
            read_consents=self._read_consents,
            serve=self._serve,
            prompts=self._prompts,
            receipt=self._receipt,
            receipt_after=self._receipt_after,
            receipts=self._receipts,
            receipt_keys=self._receipt_keys,
            verify_receipt=self._verify_receipt,
            identifiers=self._identifiers,
            disown=self._disown,
            consent_history=self._consent_history,
            announced=self._announced,
            allowed=self._allowed,
            choose=self._choose,
            pause_from_now=lambda: choices.pause_from_now(self.reserved),
            read_choices=self._read_choices,
            read_preferences=self._read_preferences,
            keep_preferences=self._keep_preferences,
            reach=self._reach,
            dispute=self._dispute,
            correct=self._correct,
            delete_fact=self._delete_fact,
            undo_dispute=self._undo_dispute,
            explain_dispute=self._explain_dispute,
            disputes=self._disputes,
            known=self._known,
            fact=self._fact,
            used_by_attribute=self._used_by_attribute,
            uses=self._uses,
            timeline=self._timeline,
            use_line=self._use_line,
            uses_of_line=self._uses_of_line,
            ask=self._ask,
            questions=self._questions,
            simulate=self._simulate,
            message_link=self.message_link,
            say_no_by_message=self.say_no_by_message,
            make_message_links=self._make_message_links,
            shown=self._shown,
            checkpoint=self._checkpoint,
            tile=self._tile,
            published=self._published,
            catalogue=self._catalogue,
            faults=self._faults,
            visitor=self.entrance.session,
            overview=self._overview,
            header=self._header,
            language=self._language,
            speak=self._speak,
            permissions=self._permissions,
            ways=self.entrance.ways,
            post=self.entrance.post,
            disown_here=self.entrance.disown,
            ask_code=self.entrance.ask_code,
            enter_code=self.entrance.enter_code,
            link_waits=self.entrance.link_waits,
            press_link=self.entrance.press_link,
            ask_code_again=self.entrance.ask_code_again,
            enter_code_again=self.entrance.enter_code_again,
            ask_to_add_address=self.entrance.ask_to_add_address,
            add_address=self.entrance.add_address,
            ask_passkey=self.entrance.ask_passkey,
            enter_passkey=self.entrance.enter_passkey,
            ask_passkey_again=self.entrance.ask_passkey_again,
            enter_passkey_again=self.entrance.enter_passkey_again,
            ask_to_add_passkey=self.entrance.ask_to_add_passkey,
            add_passkey=self.entrance.add_passkey,
            her_passkeys=self.entrance.her_passkeys,
            relabel_passkey=self.entrance.relabel_passkey,
            remove_passkey=self.entrance.remove_passkey,
            leave_to_sign_in=self.entrance.leave_to_sign_in,
            come_back=self.entrance.come_back,
            her_sessions=self.entrance.her_sessions,
            end_session=self.entrance.end_session,
            end_other_sessions=self.entrance.end_other_sessions,
        )

    async def _service_caller(self, presented: str) -> ServiceCaller:
        return await access.service_caller(self.reserved, await self.keys.or_none(), presented)

    async def _customer_caller(self, presented: str) -> CustomerCaller:
        return await access.customer_caller(self.reserved, await self.keys.or_none(), presented)

    async def _release(self, presented: str, wanted: releases.Wanted) -> releases.Answer:
        return await releases.release(await self._gate(), read_api_key(presented), wanted)

    async def _release_many(
        self, presented: str, wanted: Sequence[releases.Wanted]
    ) -> list[releases.Answer | ServiceError]:
        return await releases.release_many(await self._gate(), read_api_key(presented), wanted)

    async def _gate(self) -> releases.Gate:
        keyring = await self.keys()
        heed = partial(self._heed, keyring)
        return releases.Gate(self.rails, self.database, keyring, self.library.at, self._monotonic, heed, self._limits)

    async def _heed(self, keyring: Keyring, caller: ServiceCaller, customer: CustomerId) -> object:
        policies = await self.library.current()
        return await choices.heed(self.reserved, keyring, policies, caller, customer)

    async def _enrol(
        self, caller: ServiceCaller, who: customers.Newcomer, attempt: Attempt | None
    ) -> customers.Changed:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> customers.Changed:
            return await customers.enrol(database, keyring, policies, caller, who)

        return await self._once(caller, attempt, customers.Changed, write)

    async def _contribute(
        self,
        caller: ServiceCaller,
        customer: PairwiseId,
        claims: Sequence[customers.Claim],
        attempt: Attempt | None,
    ) -> customers.Changed:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> customers.Changed:
            return await customers.contribute(database, keyring, policies, caller, customer, claims)

        return await self._once(caller, attempt, customers.Changed, write)

    async def _record_consent(
        self, caller: Caller, said: consents.Said, attempt: Attempt | None
    ) -> consents.Acknowledged:
        began = METERS.now()
        write = await self._recording(caller, said)
        database = self.database if said.status.valid else self.reserved
        done = await self._once(caller, attempt, consents.Acknowledged, write, database)
        if said.status.no:
            METERS.withdrawn(began)
        return done

    async def _allow(self, caller: CustomerCaller, said: consents.Said) -> consents.Acknowledged:
        keyring = await self.keys()
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> consents.Acknowledged:
            return await consents.record_yes_in_sight(database, keyring, policies, caller, said)

        return await self._once(caller, None, consents.Acknowledged, write)

    async def _end_special(self, caller: CustomerCaller, spot: Spot) -> consents.Acknowledged:
        keyring = await self.keys()
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> consents.Acknowledged:
            return await consents.end_special(database, keyring, policies, caller, spot)

        return await self._once(caller, None, consents.Acknowledged, write, self.reserved)

    async def _once(
        self,
        caller: Caller,
        attempt: Attempt | None,
        kind: type[Written],
        write: Callable[[Database], Awaitable[Written]],
        database: Database | None = None,
    ) -> Written:
        """Do a write once, and with it what the browser of a customer signals."""
        if isinstance(caller, CustomerCaller) and caller.gpc:
            write = await self._heeding(caller, write)
        return await once(database or self.database, attempt, kind, write)

    async def _heeding(
        self, caller: CustomerCaller, write: Callable[[Database], Awaitable[Written]]
    ) -> Callable[[Database], Awaitable[Written]]:
        """Let a write and the Global Privacy Control that came with it take effect together, or neither."""
        policies, keyring = await self._policies_or_none(), await self.keys.or_none()

        async def both(database: Database) -> Written:
            async with database.transaction() as connection:
                within = database.within(connection)
                written = await write(within)
                taken = await choices.heed(within, keyring, policies, caller, caller.customer)
            return written if taken is None else structs.replace(written, version=taken.version)

        return both

    async def _recording(
        self, caller: Caller, said: consents.Said
    ) -> Callable[[Database], Awaitable[consents.Acknowledged]]:
        """Bind the recording of an answer to what it needs: a no needs no key."""
        if not said.status.valid:
            policies, found = await self._policies_or_none(), await self.keys.or_none()
            return lambda database: consents.record_no(database, found, policies, caller, said)
        keyring = await self.keys()
        proven = await self._proven_policies(keyring)
        return lambda database: consents.record_yes(database, keyring, proven, caller, said)

    async def _read_consents(self, caller: Caller, customer: PairwiseId | None) -> records.Record:
        return await records.read(
            self.database, await self.keys.or_none(), await self.library.current(), caller, customer
        )

    async def _serve(
        self, caller: ServiceCaller | CustomerCaller, wanted: notices.Serving, attempt: Attempt | None
    ) -> tuple[notices.Served, Notice]:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> notices.Served:
            return await notices.serve(database, keyring, policies, caller, wanted)

        served = await self._once(caller, attempt, notices.Served, write)
        # Notices never change and never go, so a replay finds the one that was shown.
        return served, policies.catalogue.notices[served.said.purpose, served.said.notice, served.said.language]

    async def _prompts(
        self, caller: ServiceCaller | CustomerCaller, customer: PairwiseId | None, channel: Channel, language: str
    ) -> list[Prompt]:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        return await notices.prompts_for(self.database, keyring, policies, caller, customer, (channel, language))

    async def _receipt(self, caller: ServiceCaller | CustomerCaller, wanted: receipts.Wanted) -> receipts.Receipt:
        await self._keys_for(caller)

        async def make(keyring: Keyring) -> receipts.Receipt:
            today = (await self._proven_policies(keyring)).catalogue
            # She waits for it together with the answer to her no.
            desk = receipts.Desk(self.reserved, keyring, self.library.catalogue, today)
            return await receipts.receipt_of(desk, caller, wanted)

        return await self._with_newest_keys(make)

    async def _receipt_after(
        self, caller: ServiceCaller | CustomerCaller, entry: EntryId, customer: PairwiseId | None
    ) -> str | None:
        """Return the receipt of what was just recorded, or None where it follows later: the act stands without it.

        None, too, for a service that reports a no to what it may not see.
        """
        try:
            return (await self._receipt(caller, receipts.Wanted(entry=entry, customer=customer))).signed
        except UnknownReceiptError:
            return None
        except ServiceError as error:
            log.info("a receipt follows later", code=error.code)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a receipt, a withdrawal was recorded
            log.error("bug", error=type(error).__name__, what="a receipt")  # noqa: TRY400  its message could hold somebody's data
        return None

    async def _receipts(self, caller: CustomerCaller, after: str | None, most: int) -> receipts.Page:
        return await receipts.listed(self.database, await self._keys_for(caller), caller, after, most)

    async def _receipt_keys(self) -> list[PublicKey]:
        return await self._with_newest_keys(lambda keyring: receipts.public_keys(self.database, keyring))

    async def _verify_receipt(self, presented: str) -> receipts.Verdict:
        return await self._with_newest_keys(lambda keyring: receipts.verify(self.database, keyring, presented))

    async def _with_newest_keys(self, act: Callable[[Keyring], Awaitable[Result]]) -> Result:
        """Do something, and with the keys opened anew if one was missing: another process may have made it since."""
        try:
            return await act(await self.keys())
        except KeysUnavailableError:
            return await act(await self.keys.anew())

    async def _identifiers(self, caller: CustomerCaller) -> list[identifiers.HerIdentifier]:
        return await identifiers.identifiers(self.database, await self._keys_for(caller), caller)

    async def _disown(self, caller: CustomerCaller, reference: str, attempt: Attempt | None) -> identifiers.Done:
        keyring = await self._keys_for(caller)

        async def write(database: Database) -> identifiers.Done:
            return await identifiers.disown(database, keyring, caller, reference)

        return await self._once(caller, attempt, identifiers.Done, write)

    async def _consent_history(
        self, caller: ServiceCaller | CustomerCaller, customer: PairwiseId | None, after: str | None, most: int
    ) -> records.History:
        keyring, policies = await self._keys_for(caller), await self.library.current()
        return await records.history(self.database, keyring, policies, caller, customer, after=after, most=most)

    async def _announced(self, caller: ServiceCaller, after: str | None, most: int) -> announcements.Announced:
        keyring, policies = await self._keys_for(caller), await self.library.current()
        return await announcements.announced(self.database, keyring, policies, caller, after, most)

    async def _allowed(self, caller: CustomerCaller, question: past.Question) -> past.Then:
        await self._keys_for(caller)  # a credential that is not proven shows nobody her past
        return await past.allowed_to_herself(self.database, self.library.at, caller, question)

    async def _choose(self, caller: Caller, said: choices.Said, attempt: Attempt | None) -> choices.Taken:
        """Record a choice: what takes away needs no key, and no policies."""
        began = METERS.now()
        if takes_away(said.choice):
            database = self.reserved
            keyring, policies = await self.keys.or_none(), await self._policies_or_none()
        else:
            database = self.database
            keyring, policies = await self.keys(), await self.library.current()

        async def write(database: Database) -> choices.Taken:
            return await choices.choose(database, keyring, policies, caller, said)

        done = await self._once(caller, attempt, choices.Taken, write, database)
        if takes_away(said.choice):
            METERS.withdrawn(began)
        return done

    async def _read_choices(self, caller: CustomerCaller, after: str | None, most: int) -> choices.Choices:
        keyring, policies = await self._keys_for(caller), await self.library.current()
        return await choices.read(self.database, keyring, policies, caller, after=after, most=most)

    async def _read_preferences(self, caller: CustomerCaller) -> preferences.Preferences:
        keyring = await self._keys_for(caller)
        return await preferences.read(self.database, keyring, await self._proven_policies(keyring), caller)

    async def _keep_preferences(
        self, caller: CustomerCaller, wished: preferences.Wished, seen: frozenset[str], attempt: Attempt | None
    ) -> preferences.Kept:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> preferences.Kept:
            return await preferences.keep(database, keyring, policies, caller, wished, seen)

        return await self._once(caller, attempt, preferences.Kept, write)

    async def _reach(self, caller: CustomerCaller, selection: Selection) -> strikes.Reach:
        await self._keys_for(caller)
        return await strikes.reach(self.database, await self.library.current(), caller, selection)

    async def _dispute(self, caller: CustomerCaller, selection: Selection, attempt: Attempt | None) -> strikes.Done:
        """Strike out what was not her, on the connections of a no."""
        began = METERS.now()
        keyring, policies = await self._keys_for(caller), await self.library.current()

        async def write(database: Database) -> strikes.Done:
            return await strikes.dispute(database, keyring, policies, caller, selection)

        done = await self._once(caller, attempt, strikes.Done, write, self.reserved)
        METERS.withdrawn(began)
        return done

    async def _correct(
        self, caller: CustomerCaller, item: strikes.Item, value: bytes, attempt: Attempt | None
    ) -> strikes.Done:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> strikes.Done:
            return await strikes.correct(database, keyring, policies, caller, item, value)

        return await self._once(caller, attempt, strikes.Done, write)

    async def _delete_fact(self, caller: CustomerCaller, item: strikes.Item, attempt: Attempt | None) -> strikes.Done:
        keyring, policies = await self._keys_for(caller), await self.library.current()

        async def write(database: Database) -> strikes.Done:
            return await strikes.delete(database, keyring, policies, caller, item)

        return await self._once(caller, attempt, strikes.Done, write)

    async def _undo_dispute(self, caller: CustomerCaller, entry: EntryId, attempt: Attempt | None) -> strikes.Undone:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)

        async def write(database: Database) -> strikes.Undone:
            return await strikes.undo(database, keyring, policies, caller, entry)

        return await self._once(caller, attempt, strikes.Undone, write)

    async def _explain_dispute(
        self, caller: CustomerCaller, entry: EntryId, said: Reason, attempt: Attempt | None
    ) -> strikes.Explanation:
        keyring = await self._keys_for(caller)

        async def write(database: Database) -> strikes.Explanation:
            return await strikes.explain(database, keyring, caller, entry, said)

        return await self._once(caller, attempt, strikes.Explanation, write)

    async def _disputes(self, caller: CustomerCaller, after: str | None, most: int) -> strikes.Page:
        return await strikes.listed(self.database, await self._keys_for(caller), caller, after, most)

    async def _known(self, caller: CustomerCaller, after: str | None, most: int, source: str | None) -> hers.Knowledge:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        return await hers.known(self.database, keyring, policies, caller, after=after, most=most, source=source)

    async def _fact(self, caller: CustomerCaller, name: str) -> hers.Knowledge:
        keyring = await self._keys_for(caller)
        return await hers.fact(self.database, keyring, await self._proven_policies(keyring), caller, name)

    async def _used_by_attribute(self, caller: CustomerCaller) -> dict[str, list[tuple[str, int]]]:
        await self._keys_for(caller)
        return await uses.by_attribute(self.database, caller)

    async def _uses(self, caller: CustomerCaller, wanted: uses.Filter, after: str | None, most: int) -> uses.Uses:
        return await uses.listed(self.database, await self._keys_for(caller), caller, wanted, after, most)

    async def _timeline(
        self, caller: CustomerCaller, wanted: uses.Filter, after: str | None, most: int
    ) -> uses.Timeline:
        return await uses.timeline(self.database, await self._keys_for(caller), caller, wanted, after, most)

    async def _use_line(self, caller: CustomerCaller, line: str) -> uses.Line:
        return await uses.line(self.database, await self._keys_for(caller), caller, line)

    async def _uses_of_line(self, caller: CustomerCaller, line: str, after: str | None, most: int) -> uses.Opened:
        return await uses.opened(self.database, await self._keys_for(caller), caller, line, after, most)

    async def _ask(self, caller: CustomerCaller, asking: questions.Asking, attempt: Attempt | None) -> questions.Asked:
        keyring = await self._keys_for(caller)

        async def write(database: Database) -> questions.Asked:
            return await questions.ask(database, keyring, caller, asking)

        return await self._once(caller, attempt, questions.Asked, write)

    async def _questions(self, caller: CustomerCaller, after: str | None, most: int) -> questions.Page:
        return await questions.hers(self.database, await self._keys_for(caller), caller, after, most)

    async def _simulate(self, caller: CustomerCaller, asked: Asked, supposed: Supposed) -> simulations.Simulation:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        return await simulations.simulate(self.database, keyring, policies, caller, asked, supposed)

    async def _make_message_links(
        self, caller: ServiceCaller, spot: Spot, wanted: Sequence[PairwiseId]
    ) -> Mapping[PairwiseId, message_links.Address]:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        made = await message_links.make(self.database, keyring, policies, caller, spot, wanted)
        return {id_: each.under(self._public_url) for id_, each in made.items()}

    async def message_link(self, token: str) -> Spot:
        """Return what the link of a message is about, without touching anything."""
        caller = (await message_links.held(self.reserved, await self.keys.or_none(), token)).caller
        return Spot(caller.purpose, caller.channel)

    async def say_no_by_message(self, token: str, no: No) -> None:
        """Do what whoever has the link of a message wants: like every no, without keys and without policies."""
        began = METERS.now()
        keyring, policies = await self.keys.or_none(), await self._policies_or_none()
        held = await message_links.held(self.reserved, keyring, token)
        if await message_links.is_done(self.reserved, policies, held, no):
            return
        caller = held.caller
        if no is No.PAUSE:
            pause = choices.Said(choice=Pause(held.now + PAUSED_FOR), method=Method.MESSAGE)
            await choices.choose(self.reserved, keyring, policies, caller, pause)
        else:
            about, channel = (caller.purpose, caller.channel) if no is No.STOP else (Reach.MARKETING, None)
            said = consents.Said(purpose=about, channel=channel, status=Status.WITHDRAWN, method=Method.MESSAGE)
            await consents.record_no(self.reserved, keyring, policies, caller, said)
        METERS.withdrawn(began)

    async def _shown(self, caller: CustomerCaller, entry: EntryId, wait: float) -> entries.Shown:
        return await entries.shown(self.database, await self._keys_for(caller), caller, entry, wait)

    async def _overview(self, caller: CustomerCaller) -> overview.Overview:
        keyring = await self._keys_for(caller)
        return await overview.overview(self.database, keyring, await self.library.current(), caller)

    async def _header(self, caller: CustomerCaller) -> overview.Header:
        return await overview.header(self.database, await self._keys_for(caller), caller)

    async def _language(self, caller: CustomerCaller) -> str:
        keyring = await self._keys_for(caller)
        return await preferences.language(self.database, keyring, await self.library.current(), caller)

    async def _speak(self, caller: CustomerCaller, language: str) -> preferences.Kept | None:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        return await preferences.speak(self.database, keyring, policies, caller, language)

    async def _permissions(self, caller: CustomerCaller, language: str, layout: str) -> permissions.Permissions:
        keyring = await self._keys_for(caller)
        policies = await self._proven_policies(keyring)
        return await permissions.permissions(self.database, keyring, policies, caller, language, layout)

    async def _checkpoint(self) -> str:
        return await ledger.checkpoint(self.database)

    async def _tile(self, wanted: Tile) -> bytes:
        return await ledger.tile(self.database, wanted)

    async def _published(self) -> ledger.Published | None:
        return await ledger.published(self.database)

    async def _catalogue(self) -> Catalogue:
        return (await self.library.current()).catalogue

    async def _faults(self) -> list[str]:
        """Name what is missing, without touching anything; and that this process is about to end."""
        if self._ending():
            return ["ending"]
        faults = []
        for need in (self.keys, self.library.current, self._in_force):
            try:
                await need()
            except DatabaseUnavailableError as error:
                return [error.code]  # it would only be waited for again, and more cannot be known
            except ServiceError as error:
                faults.append(error.code)
        return sorted(set(faults))

    async def _in_force(self) -> Policies:
        return await self._proven_policies(await self.keys())

    async def _policies_or_none(self) -> Policies | None:
        """Return the policies in force if they can be used, for what works without: saying no."""
        try:
            return await self.library.current()
        except PoliciesUnavailableError as error:
            log.error("alarm: a no is taken without policies", detail=error.detail)  # noqa: TRY400  no traceback
            return None

    async def _proven_policies(self, keyring: Keyring) -> Policies:
        """Return the policies in force, proven to be published by us: whatever widens a release rests on these."""
        async with self.reserved.connection() as connection:
            publication = await publications.current(connection, keyring)
        if publication is None:
            raise PoliciesUnavailableError("nothing was published; run: byleave policies publish")
        return await self.library.at(publication.version)

    async def _keys_for(self, caller: ServiceCaller | CustomerCaller) -> Keyring:
        """Return the keys for a caller whose own credential is proven with them."""
        keyring = await self.keys()
        if not caller.proven:
            log.error("alarm: a credential does not carry our MAC", caller=actor(caller))
            raise UnauthenticatedError
        return keyring

    @asynccontextmanager
    async def lifespan(self, _: Litestar) -> AsyncIterator[None]:
        """Hold the database open while the application runs."""
        await self.database.open()
        with suppress(ServiceError):  # opened and compiled now, no request has to wait for it; what is missing may come
            await self._in_force()
        leave_alone_what_stays()
        try:
            yield
        finally:
            await self.database.close()


def assemble(house: House, *meanwhile: Lifespan, look: Look | None = None) -> Front:
    """Return the application; it connects when it starts. ``meanwhile``: what else goes on while it runs."""
    actions = house.actions
    pages = [*contract.PAGES, *ledger_page.PAGES]
    api = Lean(door(actions, pages, [house.lifespan, *meanwhile]), actions)
    return Front(api, portal(actions, look or Look()))
