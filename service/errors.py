"""Every way the service says no: one class per refusal, each with a stable code.

HTTP statuses are not here; ``refusals.py`` is the only place that has them.
"""


class ServiceError(Exception):
    """A refusal that a caller is told about, by its code and the place of what is wrong."""

    code = "refused"
    title = "The request was refused"

    def __init__(self, detail: str = "", *, pointer: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.pointer = pointer


# --- what was sent ---------------------------------------------------------------------------------------


class MalformedBodyError(ServiceError):
    """The body is not one well-formed JSON object in UTF-8."""

    code = "malformed-body"
    title = "The body is not well-formed JSON"


class DuplicateKeyError(ServiceError):
    """An object in the body has the same key twice."""

    code = "duplicate-key"
    title = "A key stands twice in one object"


class UnknownFieldError(ServiceError):
    """The body has a field that this call does not know."""

    code = "unknown-field"
    title = "A field is not known here"


class MissingFieldError(ServiceError):
    """The body lacks a field that this call needs."""

    code = "missing-field"
    title = "A required field is missing"


class WrongKindError(ServiceError):
    """A value has the wrong type, form, length or range."""

    code = "wrong-kind"
    title = "A value is of the wrong kind"


class UnsupportedMediaError(ServiceError):
    """The body is not labelled as JSON."""

    code = "unsupported-media-type"
    title = "The body must be application/json"


class BodyTooLargeError(ServiceError):
    """The body is larger than this call accepts."""

    code = "body-too-large"
    title = "The body is too large"


class NotFoundError(ServiceError):
    """No such page."""

    code = "not-found"
    title = "There is nothing at this address"


class MethodNotAllowedError(ServiceError):
    """The address exists, the method does not."""

    code = "method-not-allowed"
    title = "This method is not allowed here"


# --- who is asking ---------------------------------------------------------------------------------------


class ForeignFormError(ServiceError):
    """A form came from another site, or from a page of another session."""

    code = "foreign-form"
    title = "The form did not come from a page of this session"


class UnauthenticatedError(ServiceError):
    """No valid credential was sent."""

    code = "unauthenticated"
    title = "A valid credential is required"


class StepUpRequiredError(ServiceError):
    """What she asks for needs a fresh proof that it is she."""

    code = "step-up-required"
    title = "Show once more that it is you"


class WrongCodeError(ServiceError):
    """The code is not the one that was sent, or nobody was sent one."""

    code = "wrong-code"
    title = "The code is not right"


class SignInOverError(ServiceError):
    """The code or the link was used, has run its time, or was tried too often."""

    code = "sign-in-over"
    title = "The code or link is used or too old"


class PasskeyRefusedError(ServiceError):
    """The device did not answer as it must, or its passkey is not one that is kept here."""

    code = "passkey-refused"
    title = "The passkey was not accepted"


class NobodyKnownError(ServiceError):
    """The company's own sign-in vouched for somebody whom nothing here is known about."""

    code = "nobody-known"
    title = "Nothing is known about whoever signed in"


class ProviderRefusedError(ServiceError):
    """The company's own sign-in did not answer as it must, or she broke it off."""

    code = "provider-refused"
    title = "The sign-in did not succeed"


class NotOfferedError(ServiceError):
    """This way of signing in is not set up here."""

    code = "not-offered"
    title = "This way is not offered here"


class TooManyTriesError(ServiceError):
    """Somebody tried this too often for now."""

    code = "too-many-tries"
    title = "This was tried too often"

    def __init__(self, *, retry: int) -> None:
        """``retry``: in how many seconds it can be tried again."""
        super().__init__()
        self.retry = retry


class NotGrantedError(ServiceError):
    """The service has no right to do this."""

    code = "not-granted"
    title = "This service has no right to do this"


class TooManyRequestsError(ServiceError):
    """The service has had what its volume allows for now."""

    code = "too-many-requests"
    title = "This service asks for more than it may in a minute"

    def __init__(self, *, quota: int, reset: int, retry: int) -> None:
        """``quota``: how many it may have; ``reset``, ``retry``: in how many seconds all of them, or one, is there."""
        super().__init__()
        self.quota = quota
        self.reset = reset
        self.retry = retry


# --- what it is about ------------------------------------------------------------------------------------


class UnknownPurposeError(ServiceError):
    """No such purpose is in the catalogue."""

    code = "unknown-purpose"
    title = "The purpose is not in the catalogue"


class UnknownChannelError(ServiceError):
    """The purpose is not offered on this channel."""

    code = "unknown-channel"
    title = "The purpose does not have this channel"


class UnknownAttributeError(ServiceError):
    """No such attribute is in the catalogue."""

    code = "unknown-attribute"
    title = "The attribute is not in the catalogue"


class UnknownNoticeError(ServiceError):
    """No such notice, or not in this language."""

    code = "unknown-notice"
    title = "There is no such notice"


class UnknownCustomerError(ServiceError):
    """The pairwise id names no customer of this service."""

    code = "unknown-customer"
    title = "There is no such customer"


class UnknownFactError(ServiceError):
    """A fact says that it was inferred from one that is not there."""

    code = "unknown-fact"
    title = "There is no such fact of this customer"


class NotTellableError(ServiceError):
    """Nobody can tell us this of herself: the catalogue does not take it as volunteered."""

    code = "not-tellable"
    title = "This is nothing that she can tell"


class UnknownDisputeError(ServiceError):
    """No act by which this customer struck something out has this entry."""

    code = "unknown-dispute"
    title = "There is no such dispute"


class NothingToUndoError(ServiceError):
    """The act was undone already, what it took away is not kept any more, or she said something newer since."""

    code = "nothing-to-undo"
    title = "There is nothing to undo"


class TooManyQuestionsError(ServiceError):
    """As many questions of hers wait for an answer as may."""

    code = "too-many-questions"
    title = "As many questions wait for an answer as may"


class DemandedByLawError(ServiceError):
    """The law demands this purpose, so she cannot keep anything out of it."""

    code = "demanded-by-law"
    title = "The law demands this purpose"


class UnknownReceiptError(ServiceError):
    """No act of this customer that the caller may see has this entry."""

    code = "unknown-receipt"
    title = "There is no such receipt"


class UnknownEntryError(ServiceError):
    """No entry of the ledger that is about this customer has this id."""

    code = "unknown-entry"
    title = "There is no such entry"


class UnknownUseError(ServiceError):
    """No line of the use of this customer's data has this word."""

    code = "unknown-use"
    title = "There is no such line of use"


class UnknownMessageLinkError(ServiceError):
    """No link in a message is written like this, or its time has run."""

    code = "unknown-message-link"
    title = "This link does not work any more"


class UnknownTileError(ServiceError):
    """No tile is called this, or the log that is signed does not reach so far."""

    code = "unknown-tile"
    title = "The ledger has no such tile"


class NothingSignedError(ServiceError):
    """No sequencer has signed anything yet."""

    code = "nothing-signed"
    title = "The ledger has signed nothing yet"


class BadCursorError(ServiceError):
    """The cursor of a page was not made by us, or for another list."""

    code = "bad-cursor"
    title = "The cursor is not one that this list gave"


class UnknownServiceError(ServiceError):
    """No such service is in the catalogue."""

    code = "unknown-service"
    title = "The service is not in the catalogue"


class NoticeSupersededError(ServiceError):
    """The customer read a notice that is no longer in force."""

    code = "notice-superseded"
    title = "A newer notice is in force"


class BadSnapshotError(ServiceError):
    """The snapshot was not made by us, or not of this: another screen, another caller, another customer."""

    code = "bad-snapshot"
    title = "The snapshot does not show what is answered"


class SnapshotExpiredError(ServiceError):
    """The page that showed the notice was open for longer than a snapshot holds."""

    code = "snapshot-expired"
    title = "The notice was shown too long ago to be answered"


class NotConsentBasedError(ServiceError):
    """The purpose does not rest on consent, so there is nothing to answer."""

    code = "not-consent-based"
    title = "This purpose does not rest on consent"


class NothingToRenewError(ServiceError):
    """A renewal of a consent that was never given, or that she has taken back."""

    code = "nothing-to-renew"
    title = "There is no consent to renew"


class NotInterestBasedError(ServiceError):
    """The purpose does not rest on a legitimate interest, so there is nothing to object to."""

    code = "not-interest-based"
    title = "This purpose does not rest on a legitimate interest"


class PreconditionRequiredError(ServiceError):
    """The write would replace what others edit too, and does not say which state it saw."""

    code = "precondition-required"
    title = "Say in If-Match which state you saw"


class PreconditionFailedError(ServiceError):
    """Something was changed since the caller saw it."""

    code = "precondition-failed"
    title = "It was changed since you saw it"


class BadIdempotencyKeyError(ServiceError):
    """The Idempotency-Key header is not a string as RFC 9651 writes it."""

    code = "bad-idempotency-key"
    title = "The Idempotency-Key is not a quoted string"


class KeyReusedError(ServiceError):
    """The idempotency key was used for another body."""

    code = "idempotency-key-reused"
    title = "This idempotency key was used for another request"


class StillRunningError(ServiceError):
    """The first attempt with this idempotency key is still running."""

    code = "still-running"
    title = "The first attempt with this key is still running"


class IdentifierTakenError(ServiceError):
    """The identifiers belong to different customers, or to more than one."""

    code = "identifier-taken"
    title = "The identifiers do not lead to one customer"


class SuppressedError(ServiceError):
    """Whoever has one of the identifiers asked to be forgotten: she is never let in again."""

    code = "suppressed"
    title = "Somebody with this identifier asked to be forgotten"


class UnknownIdentifierError(ServiceError):
    """The reference names no identifier of this customer that is in use."""

    code = "unknown-identifier"
    title = "There is no such identifier"


class UnknownSessionError(ServiceError):
    """No session of this customer has this id."""

    code = "unknown-session"
    title = "There is no such session"


class UnknownPasskeyError(ServiceError):
    """No passkey of this customer has this name."""

    code = "unknown-passkey"
    title = "There is no such passkey"


class UnknownLinkError(ServiceError):
    """No operator made such a link, or it has ended."""

    code = "unknown-link"
    title = "There is no such link"


class AlreadyLinkedError(ServiceError):
    """The two are one person already."""

    code = "already-linked"
    title = "They are one person already"


class StandsAloneError(ServiceError):
    """A device is nobody in particular: it is never merged with a person."""

    code = "stands-alone"
    title = "A device's record stands alone"


# --- what cannot be done now -----------------------------------------------------------------------------


class UnavailableError(ServiceError):
    """Something needed to decide cannot be reached: no data."""

    code = "unavailable"
    title = "The service cannot decide now"


class OverloadedError(UnavailableError):
    """More is asked than can wait."""

    code = "overloaded"


class DatabaseUnavailableError(UnavailableError):
    """The database did not answer, or not in time."""

    code = "database-unavailable"


class OutcomeUnknownError(UnavailableError):
    """It was committed, and no standby confirmed it: should the primary be lost now, it never happened."""

    code = "outcome-unknown"
    title = "Whether this will last is not known"


class KeysUnavailableError(UnavailableError):
    """The root key, or a key that a row names, is not there."""

    code = "keys-unavailable"


class PoliciesUnavailableError(UnavailableError):
    """No published policies can be used."""

    code = "policies-unavailable"


class ProviderUnavailableError(UnavailableError):
    """The company's own sign-in cannot be reached."""

    code = "provider-unavailable"


class FactsChangedError(UnavailableError):
    """The facts kept changing while the request was decided."""

    code = "facts-changed"


class TooLateError(UnavailableError):
    """The decision grew too old before its data could leave."""

    code = "too-late"


class LedgerBehindError(UnavailableError):
    """Entries wait to be taken into the log, and this has to wait for them."""

    code = "ledger-behind"


class IntegrityError(ServiceError):
    """Something stored is not what was stored: an alarm and a refusal, never an empty value."""

    code = "integrity"
    title = "Stored data failed its integrity check"


# --- what an operator is told ----------------------------------------------------------------------------


class OperatorError(ServiceError):
    """Something an operator set up is wrong; says what and where."""

    code = "operator"
    title = "The set-up is wrong"


class LedgerRefusedError(OperatorError):
    """The ledger is not as it was signed, or not all there; so nothing more is signed."""

    code = "ledger-refused"


class SettingsError(OperatorError):
    """An environment variable has a wrong value."""

    code = "settings"


class WrongKeysError(OperatorError):
    """The root key does not belong to this database."""

    code = "wrong-keys"


class PolicyError(OperatorError):
    """The policies or the catalogue have faults."""

    code = "policy"

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class EmbeddedServerError(OperatorError):
    """The embedded PostgreSQL cannot be used."""

    code = "embedded-server"


class ImportFileError(OperatorError):
    """The file or its column map cannot be read."""

    code = "import-file"


class ListedAheadError(OperatorError):
    """A list of people to be left alone is said to be of a time that has not come."""

    code = "listed-ahead"


class KeyFileError(OperatorError):
    """A file with public keys cannot be used."""

    code = "key-file"


class ReceiptRefusedError(OperatorError):
    """A receipt that was to be verified is not one that these keys signed."""

    code = "receipt-refused"


class ExportFileError(OperatorError):
    """An export of the ledger cannot be written, or what is to be verified is not a whole one."""

    code = "export-file"


class AlreadyAnsweredError(OperatorError):
    """A question has its answer, and is not answered again."""

    code = "already-answered"
    title = "The question is answered already"


class UnknownQuestionError(OperatorError):
    """No such question was asked."""

    code = "unknown-question"
    title = "There is no such question"
