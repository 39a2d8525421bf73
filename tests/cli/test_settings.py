"""Which value counts: options over the environment over the file, and no secret to whom it does not belong."""

import pytest

from asyncup import PasswordLogin, TokenLogin
from asyncup.cli.config_file import ConfigFile
from asyncup.cli.settings import Setting, VaultSettings, environment_login, resolve
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import ConfigurationError

PLACES = {"dns": "VEEVA_VAULT_DNS", "api_version": "VEEVA_VAULT_API_VERSION", "username": "VEEVA_VAULT_USERNAME"}
PROD = {"dns": "prod.example.com", "api_version": "v24.1", "username": "file@example.com"}
FILE = ConfigFile("/f/asyncup.toml", None, {"prod": PROD, "bare": {"dns": "bare.example.com"}}, {})
IN_FILE = "[vault.prod] of /f/asyncup.toml"
SOMEWHERE = {"VEEVA_VAULT_DNS": "somewhere.example.com"}


# An option, a variable and a key of the file's profile (chosen by ASYNCUP_PROFILE): which counts, and where it is from.
PRECEDENCE = [
    # option, variable, in the file -> value, place
    ("o", "v", True, "o", "option"),
    ("o", "v", False, "o", "option"),
    ("o", None, True, "o", "option"),
    ("o", None, False, "o", "option"),
    (None, "v", True, "v", "variable"),
    (None, "v", False, "v", "variable"),
    (None, None, True, "file", "file"),
    (None, "", True, "file", "file"),
    (None, None, False, None, None),
    (None, "", False, None, None),
]


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(("option", "variable", "in_file", "value", "place"), PRECEDENCE)
def test_precedence(
    name: str, option: str | None, variable: str | None, in_file: bool, value: str | None, place: str | None
) -> None:
    environ = dict(SOMEWHERE) if name != "dns" else {}
    if variable is not None:
        environ[PLACES[name]] = variable
    if in_file:
        environ["ASYNCUP_PROFILE"] = "prod"
    options = VaultOptions() if option is None else VaultOptions(**{name: option})
    if name == "dns" and value is None:
        with pytest.raises(ConfigurationError, match="no Vault is named"):
            resolve(options, environ, FILE)
        return
    found: Setting | None = getattr(resolve(options, environ, FILE), name)
    default = Setting("v25.2", "the default") if name == "api_version" else None
    expected = {
        "option": Setting("o", f"--{name.replace('_', '-')}"),
        "variable": Setting("v", PLACES[name]),
        "file": Setting(PROD[name], IN_FILE),
        None: default,
    }[place]
    assert found == expected


@pytest.mark.parametrize(
    ("option", "variable", "in_file", "chosen", "source"),
    [
        ("bare", "prod", "prod", "bare", "--profile"),
        (None, "bare", "prod", "bare", "ASYNCUP_PROFILE"),
        (None, None, "bare", "bare", "/f/asyncup.toml"),
        (None, "", "bare", "bare", "/f/asyncup.toml"),
    ],
)
def test_precedence_of_the_profile(
    option: str | None, variable: str | None, in_file: str | None, chosen: str, source: str
) -> None:
    environ = {} if variable is None else {"ASYNCUP_PROFILE": variable}
    file = ConfigFile("/f/asyncup.toml", in_file, FILE.vaults, {})
    settings = resolve(VaultOptions(profile=option), environ, file)
    assert settings.profile == Setting(chosen, source)
    assert settings.dns.value == f"{chosen}.example.com"
    assert settings.file == "/f/asyncup.toml"


@pytest.mark.parametrize("name", PLACES)
def test_a_profile_on_the_command_line_and_a_variable_that_says_otherwise_are_refused(name: str) -> None:
    options = VaultOptions(profile="prod")
    with pytest.raises(ConfigurationError, match=f"--profile prod has {name} = .*Unset {PLACES[name]}"):
        resolve(options, {PLACES[name]: "other"}, FILE)
    assert resolve(options, {PLACES[name]: PROD[name]}, FILE).profile == Setting("prod", "--profile")
    settled = VaultOptions(profile="prod", **{name: "mine"})
    assert getattr(resolve(settled, {PLACES[name]: "other"}, FILE), name).value == "mine"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, "there is no asyncup.toml"),
        (FILE, "/f/asyncup.toml has no profile 'nope': it has prod, bare"),
        (ConfigFile("/f", None, {}, {}), "it has none"),
    ],
)
def test_an_unknown_profile(file: ConfigFile | None, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(VaultOptions(profile="nope"), SOMEWHERE, file)
    assert words in str(caught.value)


def test_without_a_vault_the_profiles_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Set VEEVA_VAULT_DNS .* --profile: prod, bare"):
        resolve(VaultOptions(), {}, FILE)


def settings_for(username: str | None) -> VaultSettings:
    return resolve(VaultOptions(username=username), SOMEWHERE, None)


@pytest.mark.parametrize(
    ("username", "environ", "login"),
    [
        ("me", {"VEEVA_VAULT_TOKEN": "T", "VEEVA_VAULT_PASSWORD": "P"}, (TokenLogin("T"), "VEEVA_VAULT_TOKEN")),
        ("me", {"VEEVA_VAULT_PASSWORD": "P"}, (PasswordLogin("me", "P"), "VEEVA_VAULT_PASSWORD")),
        (
            "me",
            {"VEEVA_VAULT_PASSWORD": "P", "VEEVA_VAULT_USERNAME": "me"},
            (PasswordLogin("me", "P"), "VEEVA_VAULT_PASSWORD"),
        ),
        # Another user's password: it would be refused, and refusals lock a user out.
        ("me", {"VEEVA_VAULT_PASSWORD": "P", "VEEVA_VAULT_USERNAME": "you"}, None),
        (None, {"VEEVA_VAULT_PASSWORD": "P"}, None),
        ("me", {}, None),
        ("me", {"VEEVA_VAULT_TOKEN": "", "VEEVA_VAULT_PASSWORD": ""}, None),
    ],
)
def test_the_secret_of_the_environment(
    username: str | None, environ: dict[str, str], login: tuple[object, str] | None
) -> None:
    assert environment_login(settings_for(username), environ) == login


def test_no_setting_holds_a_secret() -> None:
    environ = {**SOMEWHERE, "VEEVA_VAULT_TOKEN": "hunter2", "VEEVA_VAULT_PASSWORD": "hunter3"}
    assert "hunter" not in repr(resolve(VaultOptions(), environ, FILE))


def test_the_options_can_be_written_again() -> None:
    assert VaultOptions().words() == []
    assert VaultOptions(profile="p", dns="d", api_version="v25.1", username="u").words() == [
        "--profile", "p", "--dns", "d", "--api-version", "v25.1", "--username", "u",
    ]  # fmt: skip
