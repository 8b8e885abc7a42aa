"""Signing in by another program's OpenID Connect provider, and everything that may come back instead."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from msgspec import structs

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.entrance import Outside
from service.errors import NobodyKnownError, ProviderRefusedError, ProviderUnavailableError, SignInOverError
from service.model.identifiers import identifier
from service.model.signin import Aim, Session, Way
from service.model.words import CustomerId, IdentifierKind
from service.provider import Provider, SignInElsewhere
from service.storage import customers
from service.usecases import federated, sessions
from service.usecases.federated import Away, Back
from tests.conftest import Person, Template
from tests.houses import reaching
from tests.oidc.conftest import PORTAL
from tests.passing_time import Clock
from tests.portal.conftest import Browser
from tests.reading import entered

ARRIVAL = "Firefox/Linux"


class Visitor:
    """Somebody with a browser, between the portal and the provider."""

    def __init__(self, database: Database, keyring: Keyring, issuer: str) -> None:
        self.database = database
        self.keyring = keyring
        self.provider = Provider(issuer, "portal", "a secret: +/=", "Harbour", "email=email", PORTAL)
        self.elsewhere = SignInElsewhere(self.provider, lambda: 0.0)

    async def leave(self, aim: Aim = Aim.SIGN_IN, session: Session | None = None) -> Away:
        return await federated.leave(self.database, self.keyring, self.elsewhere, aim, session)

    async def sign_in_there(self, away: Away, who: str = "abbie") -> Back:
        """Go to the provider and come back."""
        async with httpx.AsyncClient(cookies={"as": who}) as browser:
            address = away.address
            while not address.startswith(PORTAL):
                answer = await browser.get(address)
                assert answer.status_code in {302, 303}, answer.text
                address = str(answer.url.join(answer.headers["location"]))
        said = parse_qs(urlsplit(address).query)
        return Back(away.cookie, said["state"][0], said["code"][0], said["iss"][0])

    async def come_back(self, back: Back, session: Session | None = None) -> federated.Entered:
        return await federated.come_back(self.database, self.keyring, self.elsewhere, back, session, ARRIVAL)

    async def sign_in(self, who: str = "abbie") -> Session:
        done = await self.come_back(await self.sign_in_there(await self.leave(), who))
        return await sessions.session(self.database, self.keyring, done.cookie)


@pytest.fixture
async def clock(superuser_url: str) -> Clock:
    """The database's clock, which can be put forward."""
    made = Clock(superuser_url)
    await made.install()
    return made


@pytest.fixture
def visitor(clock: Clock, database: Database, keyring: Keyring, issuer: str, abbie: Person) -> Visitor:
    """A visitor whose address is Abbie's, if the provider says so."""
    return Visitor(database, keyring, issuer)


async def test_she_is_found_by_the_address_that_the_provider_verified(visitor: Visitor) -> None:
    session = await visitor.sign_in()
    assert (session.way, session.caller.proven, session.strong) == (Way.OIDC, True, False)
    async with visitor.database.connection() as connection:
        assert (await entered(connection, visitor.keyring))[-1].act == {"kind": "sign-in", "way": "oidc"}


@pytest.mark.parametrize("who", ["unverified", "stranger"])
async def test_an_address_that_is_not_verified_or_not_known_finds_nobody(visitor: Visitor, who: str) -> None:
    with pytest.raises(NobodyKnownError):
        await visitor.sign_in(who)


async def test_another_claim_finds_her_where_the_operator_says_so(visitor: Visitor) -> None:
    card = identifier(IdentifierKind.LOYALTY, "HB1234567")
    async with visitor.database.transaction() as connection:
        her: CustomerId = await connection.fetchval("SELECT id FROM customer")
        key = await customers.open_key(connection, visitor.keyring, her)
        await customers.put_identifier(connection, visitor.keyring, her, key, card)
    provider = structs.replace(visitor.provider, claim="loyalty=customer_number")
    visitor.elsewhere = SignInElsewhere(provider, lambda: 0.0)
    assert (await visitor.sign_in()).caller.customer == her
    with pytest.raises(NobodyKnownError):
        await visitor.sign_in("stranger")


async def test_a_code_is_redeemed_once(visitor: Visitor) -> None:
    back = await visitor.sign_in_there(await visitor.leave())
    await visitor.come_back(back)
    with pytest.raises(ProviderRefusedError):
        await visitor.come_back(back)


async def test_an_answer_to_another_browser_is_refused(visitor: Visitor) -> None:
    hers, his = await visitor.leave(), await visitor.leave()
    back = await visitor.sign_in_there(his)
    for forged in (
        structs.replace(back, cookie=hers.cookie),
        structs.replace(back, state=back.state[::-1]),
        structs.replace(back, cookie=""),
        structs.replace(back, cookie=("B" if back.cookie[0] == "A" else "A") + back.cookie[1:]),
        structs.replace(back, issuer="https://elsewhere.example"),
        structs.replace(back, code="x"),
    ):
        with pytest.raises(ProviderRefusedError):
            await visitor.come_back(forged)
    theirs = await visitor.sign_in_there(hers)
    with pytest.raises(ProviderRefusedError):  # his code, her verifier and nonce
        await visitor.come_back(structs.replace(theirs, code=back.code))


async def test_who_stays_away_too_long_begins_anew(visitor: Visitor, clock: Clock) -> None:
    back = await visitor.sign_in_there(await visitor.leave())
    await clock.later(minutes=5.1)
    with pytest.raises(SignInOverError):
        await visitor.come_back(back)


async def test_she_proves_afresh_there_that_it_is_she(visitor: Visitor) -> None:
    session = await visitor.sign_in()
    away = await visitor.leave(Aim.STEP_UP, session)
    said = parse_qs(urlsplit(away.address).query)
    assert (said["prompt"], said["max_age"]) == (["login"], ["300"])
    done = await visitor.come_back(await visitor.sign_in_there(away), session)
    assert not done.cookie
    async with visitor.database.connection() as connection:
        assert await connection.fetchval("SELECT strong_at IS NOT NULL FROM session")


async def test_what_she_proved_there_before_she_left_is_no_fresh_proof(visitor: Visitor, clock: Clock) -> None:
    session = await visitor.sign_in()
    await clock.later(minutes=2)  # as far as we know she left two minutes after the provider asked her
    back = await visitor.sign_in_there(await visitor.leave(Aim.STEP_UP, session))
    with pytest.raises(ProviderRefusedError):
        await visitor.come_back(back, session)


async def test_who_proves_there_to_be_somebody_else_is_refused(visitor: Visitor) -> None:
    session = await visitor.sign_in()
    other = await visitor.sign_in()
    back = await visitor.sign_in_there(await visitor.leave(Aim.STEP_UP, session))
    for whose in (other, None):
        with pytest.raises(ProviderRefusedError):
            await visitor.come_back(back, whose)
    back = await visitor.sign_in_there(await visitor.leave(Aim.STEP_UP, session), "stranger")
    with pytest.raises(NobodyKnownError):
        await visitor.come_back(back, session)


async def test_a_provider_that_is_away_or_another_one_is_said_to_be_unavailable(visitor: Visitor) -> None:
    for issuer in ("http://localhost:1", visitor.provider.issuer + "/"):
        gone = SignInElsewhere(structs.replace(visitor.provider, issuer=issuer), lambda: 0.0)
        with pytest.raises(ProviderUnavailableError):
            await federated.leave(visitor.database, visitor.keyring, gone, Aim.SIGN_IN, None)


async def test_a_wrong_secret_of_ours_signs_nobody_in(visitor: Visitor) -> None:
    back = await visitor.sign_in_there(await visitor.leave())
    visitor.elsewhere = SignInElsewhere(structs.replace(visitor.provider, client_secret="other"), lambda: 0.0)
    with pytest.raises(ProviderRefusedError):
        await visitor.come_back(back)


async def test_through_the_pages_one_press_comes_back_and_is_in(
    visitor: Visitor, database: Database, template: Template
) -> None:
    house = House(database, template.root_key_file).reaching(Outside(PORTAL, provider=visitor.provider))
    async with httpx.AsyncClient(transport=reaching(house), base_url=PORTAL) as client:
        browser = Browser(client)
        assert "Sign in with Harbour" in (await browser.get("/signin")).text
        left = await client.get("/signin/oidc?next=/choices")
        assert left.headers["set-cookie"].startswith("__Host-oidc=")
        away = Away(left.headers["location"], left.headers["set-cookie"].partition(";")[0].partition("=")[2])
        back = await visitor.sign_in_there(away)
        browser.headers = {"cookie": f"__Host-oidc={back.cookie}"}
        asked = httpx.QueryParams({"state": back.state, "code": back.code, "iss": back.issuer})
        page = await browser.get(f"/signin/oidc/callback?{asked}")
        form = page.form_of("b-back")
        response = await browser.post(form.action, form.fields, origin=PORTAL)
        assert (response.status_code, response.headers["location"]) == (303, "/choices?done=signed-in")
        assert response.headers["set-cookie"].startswith("__Host-session=bys_")
        again = await browser.post(form.action, form.fields, origin=PORTAL)
        assert again.status_code == 403
        assert "You are not signed in" in again.text
