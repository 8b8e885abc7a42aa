"""A receipt as a person reads it, in her language. But for what holds now it says what the signed document says."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from service.model.catalogue import Catalogue
from service.model.choices import Age, Allowed, Bar, Choice, Kind, Objection, Pause, Quiet, Strike, choice_from
from service.model.consent import Answer
from service.model.receipt import Act, ChoiceEvent, Wording
from service.model.translation import ENGLISH
from service.model.words import Acting, AgeBand, Channel, Method, PurposeId, Status


class Words(Struct, frozen=True):
    """Everything that a text says by itself, in one language."""

    title: str
    recorded: str
    answer: str
    choice: str
    by: str
    recorder: str
    notice: str
    unread: str
    ends: str
    now: str
    withdraw: str
    questions: str
    check: str
    until_answer: str
    allowed: str
    not_allowed: str
    objected: str
    no_longer_objected: str
    paused: str
    not_paused: str
    quiet: str
    not_quiet: str
    age: str
    barred: str
    unbarred: str
    taken_back: str
    struck: Mapping[Kind, str]
    flags: Mapping[Kind, str]
    ages: Mapping[AgeBand, str]
    statuses: Mapping[Status, str]
    channels: Mapping[Channel, str]
    methods: Mapping[Method, str]
    acting: Mapping[Acting, str]


ENGLISH_WORDS = Words(
    title="Receipt {entry}",
    recorded="Recorded on {at}, by {company}, {address}.",
    answer="{purpose}, {channel}: {status}",
    choice="{choice}: {value}",
    by="said by {who}, {method}, on {at}",
    recorder="written down by {recorder}",
    notice="notice read: {title}, version {version}, {language}, SHA-256 {digest}",
    unread="notice in force: {title}, version {version}, {language}, SHA-256 {digest}",
    ends="ends on {at}",
    now="What holds now, on {at}:",
    withdraw="How to withdraw:",
    questions="Questions: {contact}. Complaints: {authority}, {complaints}.",
    check=(
        "How to check the signature: send the receipt to /v1/receipts/verify, or check it yourself with the public key "
        "{key} of /.well-known/jwks.json."
    ),
    until_answer="Until the next answer",
    allowed="{flag}: allowed",
    not_allowed="{flag}: not allowed",
    objected="{purpose}: objected to",
    no_longer_objected="{purpose}: no longer objected to",
    paused="Pause until {at}",
    not_paused="The pause is over",
    quiet="Quiet hours: {hours}",
    not_quiet="No quiet hours",
    barred="{attribute}: not to be used for {purpose}",
    unbarred="{attribute}: may be used for {purpose} again",
    taken_back="{attribute}: taken back",
    struck={
        Kind.DISPUTE: "{attribute}: that was not me",
        Kind.CORRECTION: "{attribute}: corrected",
        Kind.DELETION: "{attribute}: deleted",
    },
    age="Age: {age}",
    flags={
        Kind.PROCESSING: "Any use of the data that the law does not demand",
        Kind.MARKETING: "Advertising",
        Kind.PROFILING: "Working out what the customer is like",
        Kind.SHARING: "Giving data to outside companies",
        Kind.OBSERVED: "Tailoring by what we saw",
        Kind.ACQUIRED: "Tailoring by what others sold us",
        Kind.INFERRED: "Tailoring by what we worked out",
        Kind.DEMOGRAPHIC: "Tailoring by age, area or group",
        Kind.MORE_THAN_TOLD: "Tailoring by more than what the customer told us",
    },
    ages={AgeBand.ADULT: "adult", AgeBand.MINOR: "not yet adult", AgeBand.UNKNOWN: "not known"},
    statuses={
        Status.GIVEN: "yes",
        Status.RENEWED: "yes, renewed",
        Status.REQUESTED: "asked, not answered",
        Status.DEFERRED: "not now",
        Status.REFUSED: "no",
        Status.WITHDRAWN: "no longer",
        Status.REVOKED: "ended by us",
        Status.EXPIRED: "run out",
        Status.INVALIDATED: "never valid",
        Status.UNKNOWN: "never asked",
    },
    channels={
        Channel.WEB: "on the web",
        Channel.APP: "in the app",
        Channel.EMAIL: "by e-mail",
        Channel.SMS: "by SMS",
        Channel.PHONE: "by phone",
        Channel.POST: "by post",
        Channel.COUNTER: "at the counter",
        Channel.INTERNAL: "inside the company",
    },
    methods={
        Method.PORTAL: "on the page for customers",
        Method.API: "through one of our systems",
        Method.PHONE: "on the phone",
        Method.PAPER: "on paper",
        Method.COUNTER: "at the counter",
        Method.IMPORT: "in a list brought in from another system",
        Method.BROWSER_SIGNAL: "by a signal of the browser",
        Method.MESSAGE: "by a link in a message",
        Method.SYSTEM: "by our system",
    },
    acting={
        Acting.HERSELF: "the customer",
        Acting.STAFF: "the customer, to our staff",
        Acting.GUARDIAN: "a guardian",
        Acting.DELEGATE: "somebody acting for the customer",
        Acting.CONTROLLER: "us",
        Acting.WORKER: "us, because its time had run",
    },
)
GERMAN_WORDS = Words(
    title="Beleg {entry}",
    recorded="Festgehalten am {at} von {company}, {address}.",
    answer="{purpose}, {channel}: {status}",
    choice="{choice}: {value}",
    by="gesagt von {who}, {method}, am {at}",
    recorder="aufgeschrieben von {recorder}",
    notice="gelesener Hinweis: {title}, Fassung {version}, {language}, SHA-256 {digest}",
    unread="geltender Hinweis: {title}, Fassung {version}, {language}, SHA-256 {digest}",
    ends="endet am {at}",
    now="Was jetzt gilt, am {at}:",
    withdraw="So widerrufen Sie:",
    questions="Fragen: {contact}. Beschwerden: {authority}, {complaints}.",
    check=(
        "So prüfen Sie die Unterschrift: Senden Sie den Beleg an /v1/receipts/verify, oder prüfen Sie ihn selbst mit "
        "dem öffentlichen Schlüssel {key} aus /.well-known/jwks.json."
    ),
    until_answer="Bis zur nächsten Antwort",
    allowed="{flag}: erlaubt",
    not_allowed="{flag}: nicht erlaubt",
    objected="{purpose}: widersprochen",
    no_longer_objected="{purpose}: Widerspruch zurückgenommen",
    paused="Pause bis {at}",
    not_paused="Die Pause ist vorbei",
    quiet="Ruhezeit: {hours}",
    not_quiet="Keine Ruhezeit",
    barred="{attribute}: nicht zu verwenden für {purpose}",
    unbarred="{attribute}: darf wieder verwendet werden für {purpose}",
    taken_back="{attribute}: zurückgenommen",
    struck={
        Kind.DISPUTE: "{attribute}: das war ich nicht",
        Kind.CORRECTION: "{attribute}: berichtigt",
        Kind.DELETION: "{attribute}: gelöscht",
    },
    age="Alter: {age}",
    flags={
        Kind.PROCESSING: "Jede Nutzung der Daten, die das Gesetz nicht verlangt",
        Kind.MARKETING: "Werbung",
        Kind.PROFILING: "Schließen, wie die Kundin oder der Kunde ist",
        Kind.SHARING: "Daten an fremde Firmen geben",
        Kind.OBSERVED: "Zuschneiden nach dem, was wir gesehen haben",
        Kind.ACQUIRED: "Zuschneiden nach dem, was andere uns verkauft haben",
        Kind.INFERRED: "Zuschneiden nach dem, was wir vermuten",
        Kind.DEMOGRAPHIC: "Zuschneiden nach Alter, Gegend oder Gruppe",
        Kind.MORE_THAN_TOLD: "Zuschneiden nach mehr als dem, was uns gesagt wurde",
    },
    ages={AgeBand.ADULT: "erwachsen", AgeBand.MINOR: "noch nicht erwachsen", AgeBand.UNKNOWN: "nicht bekannt"},
    statuses={
        Status.GIVEN: "Ja",
        Status.RENEWED: "Ja, erneuert",
        Status.REQUESTED: "gefragt, nicht beantwortet",
        Status.DEFERRED: "nicht jetzt",
        Status.REFUSED: "Nein",
        Status.WITHDRAWN: "nicht mehr",
        Status.REVOKED: "von uns beendet",
        Status.EXPIRED: "abgelaufen",
        Status.INVALIDATED: "nie gültig",
        Status.UNKNOWN: "nie gefragt",
    },
    channels={
        Channel.WEB: "im Web",
        Channel.APP: "in der App",
        Channel.EMAIL: "per E-Mail",
        Channel.SMS: "per SMS",
        Channel.PHONE: "am Telefon",
        Channel.POST: "per Post",
        Channel.COUNTER: "am Schalter",
        Channel.INTERNAL: "im Unternehmen",
    },
    methods={
        Method.PORTAL: "auf der Seite für Kundinnen und Kunden",
        Method.API: "über eines unserer Systeme",
        Method.PHONE: "am Telefon",
        Method.PAPER: "auf Papier",
        Method.COUNTER: "am Schalter",
        Method.IMPORT: "in einer Liste aus einem anderen System",
        Method.BROWSER_SIGNAL: "durch ein Signal des Browsers",
        Method.MESSAGE: "über einen Link in einer Nachricht",
        Method.SYSTEM: "durch unser System",
    },
    acting={
        Acting.HERSELF: "der Kundin oder dem Kunden",
        Acting.STAFF: "der Kundin oder dem Kunden, gegenüber unserem Personal",
        Acting.GUARDIAN: "jemandem mit elterlicher Sorge oder Vormundschaft",
        Acting.DELEGATE: "jemandem mit Vollmacht",
        Acting.CONTROLLER: "uns",
        Acting.WORKER: "uns, weil die Zeit abgelaufen war",
    },
)
WORDS = {ENGLISH: ENGLISH_WORDS, "de": GERMAN_WORDS}


def words_in(language: str) -> Words:
    """Return the words of a language, whatever the country; English where we have none."""
    return WORDS.get(language.partition("-")[0], ENGLISH_WORDS)


def text(act: Act, catalogue: Catalogue, wording: Wording) -> str:
    """Return the receipt of an act as a person reads it."""
    return "\n".join(Teller(act, catalogue.told_in(wording.language), wording).lines()) + "\n"


class Teller(Struct, frozen=True):
    """Tells one act in one language."""

    act: Act
    catalogue: Catalogue
    wording: Wording

    @property
    def words(self) -> Words:
        """The words of its language."""
        return words_in(self.wording.language)

    def lines(self) -> Iterator[str]:
        """Yield the text line by line."""
        words, company = self.words, self.wording.company
        yield words.title.format(entry=self.act.entry)
        yield words.recorded.format(at=_clock(self.act.recorded_at), company=company.name, address=company.address)
        yield ""
        for answer in self.act.answers:
            yield from self._answer(answer)
        for choice in self.act.choices:
            yield self._choice(choice)
            yield from self._details(choice.acting, choice.method, choice.given_at, choice.recorder)
        yield from self._now()
        yield words.withdraw
        yield f"  {company.withdrawal_in(self.wording.language)}"
        yield ""
        yield words.questions.format(
            contact=company.contact, authority=company.authority.name, complaints=company.authority.contact
        )
        yield words.check.format(key=self.wording.key)

    def _answer(self, answer: Answer) -> Iterator[str]:
        yield self._status(answer.purpose, answer.channel, answer.status)
        yield from self._details(answer.acting, answer.method, answer.given_at, answer.recorder)
        if answer.expires_at is not None and answer.status.valid:
            yield f"  {self.words.ends.format(at=_clock(answer.expires_at))}"
        yield from self._notices(answer)

    def _status(self, purpose: PurposeId, channel: Channel, status: Status) -> str:
        words = self.words
        return words.answer.format(
            purpose=self._title(purpose), channel=words.channels[channel], status=words.statuses[status]
        )

    def _choice(self, event: ChoiceEvent) -> str:
        try:
            return self._chosen(choice_from(event.choice, event.value))
        except ValueError:
            # On one line, whatever it is: a value must not look like a line of ours.
            return " ".join(self.words.choice.format(choice=event.choice, value=event.value).split())

    def _chosen(self, choice: Choice) -> str:
        words = self.words
        match choice:
            case Allowed(kind, allowed):
                return (words.allowed if allowed else words.not_allowed).format(flag=words.flags[kind])
            case Objection(purpose, stands):
                said = words.objected if stands else words.no_longer_objected
                return said.format(purpose=self._title(purpose))
            case Pause(until):
                return words.not_paused if until is None else words.paused.format(at=_clock(until))
            case Quiet(hours):
                return words.quiet.format(hours=hours) if hours else words.not_quiet
            case Age(band):
                return words.age.format(age=words.ages[band])
            case Bar() | Strike():
                return self._of_facts(choice)

    def _of_facts(self, choice: Bar | Strike) -> str:
        words, known = self.words, self.catalogue.told_in(self.wording.language).attributes
        attribute = known[choice.attribute].title if choice.attribute in known else choice.attribute
        if isinstance(choice, Strike):
            return (words.struck[choice.kind] if choice.stands else words.taken_back).format(attribute=attribute)
        said = words.barred if choice.stands else words.unbarred
        return said.format(attribute=attribute, purpose=self._title(PurposeId(choice.purpose)))

    def _details(self, acting: Acting, method: Method, at: datetime, recorder: str) -> Iterator[str]:
        words = self.words
        yield f"  {words.by.format(who=words.acting[acting], method=words.methods[method], at=_clock(at))}"
        kind, _, name = recorder.partition(":")
        if kind == "service":
            service = next((each.title for each in self.catalogue.services.values() if each.id == name), name)
            yield f"  {words.recorder.format(recorder=service)}"

    def _notices(self, answer: Answer) -> Iterator[str]:
        version = answer.notice or self.catalogue.notice_in_force(answer.purpose)
        said = self.words.notice if answer.notice else self.words.unread
        written = [n for n in self.catalogue.notices_of(answer.purpose) if n.version == version]
        language = self.wording.language if answer.shown is None else answer.shown.language
        for notice in [n for n in written if n.language == language] or written:
            digest = notice.digest if answer.shown is None else answer.shown.digest
            words = said.format(title=notice.title, version=version, language=notice.language, digest=digest)
            yield f"  {words}"

    def _title(self, purpose: PurposeId) -> str:
        """Return what a purpose is called in this language: as its newest notice says, else as the catalogue does."""
        notices = [n for n in self.catalogue.notices_of(purpose) if n.language == self.wording.language]
        found = self.catalogue.purposes.get(purpose)
        return notices[-1].title if notices else purpose if found is None else found.title

    def _now(self) -> Iterator[str]:
        about = {(answer.purpose, answer.channel) for answer in self.act.answers}
        standing = [pair for pair in self.wording.now.standing if (pair[0].purpose, pair[0].channel) in about]
        yield ""
        if standing:
            yield self.words.now.format(at=_clock(self.wording.now.at))
            for each, status in standing:
                yield f"  {self._status(each.purpose, each.channel, status)}"
            yield ""


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
