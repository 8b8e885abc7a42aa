"""Settings: read once, and a wrong one is named before anything else happens."""

from pathlib import Path

import pytest

from service.entrance import Outside
from service.errors import SettingsError
from service.serving import outside
from service.settings import Urls, leave_to_children, read_settings

OURS, SEQUENCER, MIGRATE = "postgresql://app@db/byleave", "postgresql://seq@db/byleave", "postgresql://mig@db/byleave"


def test_without_any_variable_everything_has_a_default() -> None:
    settings = read_settings({})
    assert settings.database_url is None
    assert settings.root_key_file == Path(".byleave/root.key")


def test_variables_of_others_are_left_alone() -> None:
    assert read_settings({"PATH": "/bin", "PORT": "x"}).port == 8400


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BYLEAVE_PORT", "eighty"),
        ("BYLEAVE_PORT", "0"),
        ("BYLEAVE_PORT", "65536"),
        ("BYLEAVE_WORKERS", "-1"),
        ("BYLEAVE_CONNECTIONS", "many"),
        ("BYLEAVE_DATABASE_URL", "mysql://root:hunter2@db"),
        ("BYLEAVE_KEYS", ""),
        ("BYLEAVE_PROT", "8400"),
        ("BYLEAVE_PUBLIC_URL", "http://shop.example"),
        ("BYLEAVE_PUBLIC_URL", "https://shop.example/portal"),
        ("BYLEAVE_PUBLIC_URL", "https://hunter2@shop.example"),
        ("BYLEAVE_PUBLIC_URL", "http://127.0.0.1:8400"),
        ("BYLEAVE_PROXIES", "-1"),
        ("BYLEAVE_SMTP_URL", "http://hunter2@mail.example"),
        ("BYLEAVE_SMTP_URL", "smtp://mail.example?starttls=perhaps"),
        ("BYLEAVE_MAIL_FROM", "Harbour"),
        ("BYLEAVE_OIDC_ISSUER", "http://id.example"),
        ("BYLEAVE_OIDC_CLAIM", "device=sub"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings({variable: value})
    assert "hunter2" not in str(caught.value)
    assert "matching regex" not in str(caught.value)


def test_one_url_is_enough_and_each_role_may_have_its_own() -> None:
    assert read_settings({}).urls is None
    assert read_settings({"BYLEAVE_DATABASE_URL": OURS}).urls == Urls(OURS, OURS, OURS, OURS)
    own = {"BYLEAVE_DATABASE_URL": OURS, "BYLEAVE_SEQUENCER_URL": SEQUENCER, "BYLEAVE_MIGRATE_URL": MIGRATE}
    assert read_settings(own).urls == Urls(app=OURS, sequencer=SEQUENCER, auditor=OURS, migrate=MIGRATE)


@pytest.mark.parametrize("variable", ["BYLEAVE_SEQUENCER_URL", "BYLEAVE_MIGRATE_URL"])
def test_a_url_of_one_role_without_the_database_is_no_embedded_server(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable}: set BYLEAVE_DATABASE_URL too"):
        read_settings({variable: MIGRATE})


def test_children_are_left_one_role_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BYLEAVE_DATABASE_URL", "BYLEAVE_SEQUENCER_URL", "BYLEAVE_MIGRATE_URL"):
        monkeypatch.setenv(variable, MIGRATE)
    leave_to_children(OURS)
    assert read_settings().urls == Urls(OURS, OURS, OURS, OURS)


def test_the_repr_of_settings_shows_no_password() -> None:
    settings = read_settings({"BYLEAVE_DATABASE_URL": "postgresql://byleave:hunter2@db/byleave"})
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SMTP_URL": "smtps://me:hunter2@mail.example"}, "MAIL_FROM"),
        ({"OIDC_ISSUER": "https://id.example"}, "OIDC_CLIENT_ID"),
        ({"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "portal"}, "OIDC_CLIENT_SECRET"),
        ({"OIDC_CLIENT_SECRET": "hunter2"}, "OIDC_ISSUER"),
    ],
)
def test_a_way_in_that_is_set_up_by_half_is_refused(given: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=f"set BYLEAVE_{missing} too") as caught:
        read_settings({f"BYLEAVE_{name}": value for name, value in given.items()})
    assert "hunter2" not in str(caught.value)


def test_a_secret_may_be_in_a_file_and_one_that_cannot_be_read_is_said_by_its_setting(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    given = {"BYLEAVE_OIDC_ISSUER": "https://id.example", "BYLEAVE_OIDC_CLIENT_ID": "portal"}
    settings = read_settings(given | {"BYLEAVE_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert settings.oidc_secret == "hunter2"
    provider = outside(settings).provider
    assert provider is not None
    assert "hunter2" not in f"{provider} {settings}"
    file.unlink()
    with pytest.raises(SettingsError, match="BYLEAVE_OIDC_CLIENT_SECRET_FILE"):
        _ = settings.oidc_secret


def test_without_more_the_portal_is_on_this_machine_and_signs_in_by_passkey_alone() -> None:
    assert outside(read_settings({"BYLEAVE_PORT": "8401"})) == Outside("http://localhost:8401")
