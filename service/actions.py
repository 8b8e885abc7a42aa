"""What a door can have done. The composition root binds each action to the database, keys and policies it needs.

So no handler ever holds a key or a connection.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from service.crypto.merkle import Tile
from service.crypto.signing import PublicKey
from service.errors import ServiceError
from service.mail import Mail
from service.model.attempts import Attempt
from service.model.callers import Caller, CustomerCaller, ServiceCaller
from service.model.catalogue import Catalogue, Notice
from service.model.choices import Pause
from service.model.consent import Spot
from service.model.identifiers import Identifier
from service.model.message_links import No
from service.model.prompts import Prompt
from service.model.signin import Aim, Session, Ways
from service.model.situation import Asked
from service.model.strikes import Answer as Reason
from service.model.strikes import Selection
from service.model.suppositions import Supposed
from service.model.words import Channel, EntryId, PairwiseId
from service.usecases import choices, codes, federated, passkeys, questions, sessions, strikes
from service.usecases.announcements import Announced
from service.usecases.choices import Choices, Taken
from service.usecases.consents import Acknowledged, Said
from service.usecases.customers import Changed, Claim, Newcomer
from service.usecases.entries import Shown
from service.usecases.hers import Knowledge
from service.usecases.identifiers import Done, HerIdentifier
from service.usecases.ledger import Published
from service.usecases.message_links import Address
from service.usecases.notices import Served, Serving
from service.usecases.overview import Header, Overview
from service.usecases.past import Question, Then
from service.usecases.permissions import Permissions
from service.usecases.preferences import Kept, Preferences, Wished
from service.usecases.receipts import Page, Receipt, Verdict
from service.usecases.receipts import Wanted as WantedReceipt
from service.usecases.records import History, Record
from service.usecases.releases import Answer, Wanted
from service.usecases.simulations import Simulation
from service.usecases.strikes import Explanation, Item, Reach, Undone
from service.usecases.uses import Filter, Line, Opened, Timeline, Uses


class Actions(Struct, frozen=True):
    """Every action of every door."""

    service_caller: Callable[[str], Awaitable[ServiceCaller]]
    customer_caller: Callable[[str], Awaitable[CustomerCaller]]
    release: Callable[[str, Wanted], Awaitable[Answer]]
    """For whoever presents this API key."""
    release_many: Callable[[str, Sequence[Wanted]], Awaitable[list[Answer | ServiceError]]]
    enrol: Callable[[ServiceCaller, Newcomer, Attempt | None], Awaitable[Changed]]
    contribute: Callable[[ServiceCaller, PairwiseId, Sequence[Claim], Attempt | None], Awaitable[Changed]]
    record_consent: Callable[[Caller, Said, Attempt | None], Awaitable[Acknowledged]]
    allow: Callable[[CustomerCaller, Said], Awaitable[Acknowledged]]
    """Record a yes of a page that shows her what stands."""
    end_special: Callable[[CustomerCaller, Spot], Awaitable[Acknowledged]]
    """Take back what she agreed to of special data, and nothing else."""
    read_consents: Callable[[Caller, PairwiseId | None], Awaitable[Record]]
    serve: Callable[[ServiceCaller | CustomerCaller, Serving, Attempt | None], Awaitable[tuple[Served, Notice]]]
    prompts: Callable[[ServiceCaller | CustomerCaller, PairwiseId | None, Channel, str], Awaitable[list[Prompt]]]
    receipt: Callable[[ServiceCaller | CustomerCaller, WantedReceipt], Awaitable[Receipt]]
    receipt_after: Callable[[ServiceCaller | CustomerCaller, EntryId, PairwiseId | None], Awaitable[str | None]]
    """The receipt of what was just recorded; None where it follows later, or says nothing that this caller may see."""
    receipts: Callable[[CustomerCaller, str | None, int], Awaitable[Page]]
    receipt_keys: Callable[[], Awaitable[list[PublicKey]]]
    verify_receipt: Callable[[str], Awaitable[Verdict]]
    identifiers: Callable[[CustomerCaller], Awaitable[list[HerIdentifier]]]
    disown: Callable[[CustomerCaller, str, Attempt | None], Awaitable[Done]]
    disown_here: Callable[[Session, str], Awaitable[Done]]
    """The same from a page, whose session goes on."""
    consent_history: Callable[[ServiceCaller | CustomerCaller, PairwiseId | None, str | None, int], Awaitable[History]]
    announced: Callable[[ServiceCaller, str | None, int], Awaitable[Announced]]
    allowed: Callable[[CustomerCaller, Question], Awaitable[Then]]
    choose: Callable[[Caller, choices.Said, Attempt | None], Awaitable[Taken]]
    pause_from_now: Callable[[], Awaitable[Pause]]
    read_choices: Callable[[CustomerCaller, str | None, int], Awaitable[Choices]]
    read_preferences: Callable[[CustomerCaller], Awaitable[Preferences]]
    keep_preferences: Callable[[CustomerCaller, Wished, frozenset[str], Attempt | None], Awaitable[Kept]]
    reach: Callable[[CustomerCaller, Selection], Awaitable[Reach]]
    dispute: Callable[[CustomerCaller, Selection, Attempt | None], Awaitable[strikes.Done]]
    correct: Callable[[CustomerCaller, Item, bytes, Attempt | None], Awaitable[strikes.Done]]
    delete_fact: Callable[[CustomerCaller, Item, Attempt | None], Awaitable[strikes.Done]]
    undo_dispute: Callable[[CustomerCaller, EntryId, Attempt | None], Awaitable[Undone]]
    explain_dispute: Callable[[CustomerCaller, EntryId, Reason, Attempt | None], Awaitable[Explanation]]
    disputes: Callable[[CustomerCaller, str | None, int], Awaitable[strikes.Page]]
    known: Callable[[CustomerCaller, str | None, int, str | None], Awaitable[Knowledge]]
    """Page by page, and only what comes from somewhere, if that is said."""
    fact: Callable[[CustomerCaller, str], Awaitable[Knowledge]]
    used_by_attribute: Callable[[CustomerCaller], Awaitable[dict[str, list[tuple[str, int]]]]]
    uses: Callable[[CustomerCaller, Filter, str | None, int], Awaitable[Uses]]
    timeline: Callable[[CustomerCaller, Filter, str | None, int], Awaitable[Timeline]]
    use_line: Callable[[CustomerCaller, str], Awaitable[Line]]
    uses_of_line: Callable[[CustomerCaller, str, str | None, int], Awaitable[Opened]]
    ask: Callable[[CustomerCaller, questions.Asking, Attempt | None], Awaitable[questions.Asked]]
    questions: Callable[[CustomerCaller, str | None, int], Awaitable[questions.Page]]
    simulate: Callable[[CustomerCaller, Asked, Supposed], Awaitable[Simulation]]
    message_link: Callable[[str], Awaitable[Spot]]
    """What the link of a message is about, by its token."""
    say_no_by_message: Callable[[str, No], Awaitable[None]]
    make_message_links: Callable[[ServiceCaller, Spot, Sequence[PairwiseId]], Awaitable[Mapping[PairwiseId, Address]]]
    shown: Callable[[CustomerCaller, EntryId, float], Awaitable[Shown]]
    """An entry of hers and, unless so many seconds are not enough for it to get there, its proof."""
    checkpoint: Callable[[], Awaitable[str]]
    tile: Callable[[Tile], Awaitable[bytes]]
    published: Callable[[], Awaitable[Published | None]]
    """What is signed of the ledger by now; None before anything was."""
    catalogue: Callable[[], Awaitable[Catalogue]]
    faults: Callable[[], Awaitable[list[str]]]
    """What keeps this process from deciding; empty when it is ready."""
    visitor: Callable[[str], Awaitable[Session]]
    """Whose session this is, by the secret of its cookie; raises UnauthenticatedError."""
    overview: Callable[[CustomerCaller], Awaitable[Overview]]
    header: Callable[[CustomerCaller], Awaitable[Header]]
    language: Callable[[CustomerCaller], Awaitable[str]]
    """The language that she likes to be spoken to in, empty where she did not say."""
    speak: Callable[[CustomerCaller, str], Awaitable[Kept | None]]
    """Keep the language that she likes; None where the catalogue has no place for it."""
    permissions: Callable[[CustomerCaller, str, str], Awaitable[Permissions]]
    """What she allows, in a language, on a page that is arranged in a certain way."""
    ways: Callable[[], Awaitable[Ways]]
    post: Callable[[Mail], Awaitable[None]]
    """Send a letter, after the answer; whether it goes out is told to nobody."""
    ask_code: Callable[[Identifier, str], Awaitable[codes.Asked]]
    """For whoever is known by an e-mail address; the text is from where on the network, here and below."""
    enter_code: Callable[[str, str, str, str], Awaitable[codes.Entered]]
    """What the tab keeps, the code, from where, and with which device."""
    link_waits: Callable[[str], Awaitable[bool]]
    press_link: Callable[[str, str, str], Awaitable[codes.Entered]]
    ask_code_again: Callable[[Session, str, str], Awaitable[codes.Asked]]
    """To an address of hers, by its reference."""
    enter_code_again: Callable[[Session, str, str, str], Awaitable[EntryId]]
    ask_to_add_address: Callable[[Session, Identifier, str], Awaitable[codes.Asked]]
    add_address: Callable[[Session, codes.Shown], Awaitable[codes.Added]]
    ask_passkey: Callable[[str], Awaitable[passkeys.Ceremony]]
    enter_passkey: Callable[[passkeys.Answer, str], Awaitable[passkeys.Entered]]
    ask_passkey_again: Callable[[Session], Awaitable[passkeys.Ceremony]]
    enter_passkey_again: Callable[[Session, passkeys.Answer], Awaitable[EntryId]]
    ask_to_add_passkey: Callable[[Session, str], Awaitable[passkeys.Ceremony]]
    add_passkey: Callable[[Session, passkeys.Answer, str], Awaitable[EntryId]]
    her_passkeys: Callable[[Session], Awaitable[list[passkeys.HerPasskey]]]
    relabel_passkey: Callable[[Session, str, str], Awaitable[None]]
    remove_passkey: Callable[[Session, str], Awaitable[EntryId]]
    leave_to_sign_in: Callable[[Aim, Session | None, str], Awaitable[federated.Away]]
    """To the company's own sign-in, and where she goes on to when she is back."""
    come_back: Callable[[federated.Back, Session | None, str, str], Awaitable[federated.Entered]]
    her_sessions: Callable[[Session], Awaitable[list[sessions.HerSession]]]
    end_session: Callable[[Session, str], Awaitable[sessions.Ended]]
    end_other_sessions: Callable[[Session], Awaitable[sessions.Ended]]
