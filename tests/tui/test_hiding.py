"""Secrets in what an engine tells: hidden wherever they stand, and what a responder needs to see is not."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.tui.hiding import HIDDEN, hide, hide_within
from irkit.tui.panes.inspect import tree_lines

SECRET = "hunter2-Zq9"
secrets = st.text(st.sampled_from(string.ascii_letters + string.digits + "!%*_.~"), min_size=6, max_size=40).map(
    lambda text: f"Z{text}z"
)
NAMES = (
    *("DB_PASSWORD", "db_password", "DbPassword", "MYSQL_PWD", "API_KEY", "apiKey", "AUTH", "JWT", "SESSION", "Cookie"),
    *("spring.data.password", "my-secret-name", "SENTRY_DSN", "aws_secret_access_key", "GITHUB_TOKEN"),
)


@pytest.mark.parametrize("name", NAMES)
def test_variables_whose_names_sound_like_secrets_are_hidden_in_every_case(name: str) -> None:
    assert hide("0", f"{name}={SECRET}") == f"{name}={HIDDEN}"
    assert hide(name, SECRET) == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://app:{SECRET}@db:5432/app",
        f"redis://:{SECRET}@cache",
        f"amqp://u:p@{SECRET}@mq/v",
        f"amqp://u:p/{SECRET}@mq/v",
        f"https://x/y?user=a&password={SECRET}&z=1",
        f"mysql -u root -p{SECRET} db",
        f"app --password={SECRET} --port=80",
        f"app --password {SECRET} --port 80",
        f"app --db-pass '{SECRET}'",
        f"PGPASSWORD={SECRET} psql -h db",
        f"curl -u admin:{SECRET} http://x",
        f"curl --user admin:{SECRET} http://x",
        f"curl -H 'Authorization: Bearer {SECRET}' http://x",
        f'{{"user": "a", "password": "{SECRET}"}}',
        f"sshpass -p {SECRET} ssh x",
        f"password: {SECRET}",
    ],
)
def test_a_secret_within_a_command_or_a_text_is_hidden(text: str) -> None:
    assert SECRET not in hide("Cmd", text)
    assert SECRET not in hide_within(text)


@given(secrets)
def test_no_form_of_a_secret_is_left(secret: str) -> None:
    for text in (
        f"u://a:{secret}@h/p",
        f"x --token={secret}",
        f"x --token {secret} y",
        f"A_TOKEN={secret}",
        f"y -p{secret}",
    ):
        assert secret not in hide("Cmd", text), text


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
        "x3Jv9kLw2mQz8pRt5yUa7sDf4gHj6kLz/ab==",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\ndef",
        "-----BEGIN PRIVATE KEY-----\nabc",
    ],
)
def test_what_looks_like_a_key_is_hidden_whatever_it_goes_by(text: str) -> None:
    assert text[12:] not in hide("VALUE", text) and text[12:] not in hide("0", f"VALUE={text}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Id", "a" * 64),
        ("Image", "sha256:" + "0123456789abcdef" * 4),
        ("LogPath", "/var/lib/docker/containers/4F" + "a" * 60 + "/x-json.log"),
        ("0", "PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/bin"),
        ("0", "HOSTNAME=web-1"),
        ("0", "/etc:/host/etc:ro"),
        ("Created", "2026-01-31T14:02:11.123456789Z"),
        ("Privileged", "True"),
        ("Cmd", "nginx -g daemon off; --port 8080"),
        ("HostPort", "8080"),
        ("org.opencontainers.image.source", "https://example.org/app:1/x"),
        ("MacAddress", "02:42:ac:11:00:02"),
        ("SandboxID", "0123456789abcdef" * 4),
        ("1", "-p 8080"),
    ],
)
def test_what_an_examination_needs_is_shown(name: str, text: str) -> None:
    assert hide(name, text) == text


def test_the_argument_of_an_option_is_hidden_where_both_are_items_of_a_list() -> None:
    value = {"Cmd": ["app", "--password", SECRET, "--port", "80"], "Args": ["-p", SECRET + ":x"]}
    lines = list(tree_lines(value, reveal=False))
    assert all(SECRET not in line.text and SECRET not in (line.value or "") for line in lines)
    assert any("80" in line.text for line in lines)


def test_all_below_a_name_that_sounds_like_a_secret_is_hidden() -> None:
    value = {
        "Secrets": {"a": [SECRET, {"b": SECRET}]},
        "Labels": {"com.example.token": SECRET, "u": f"x://a:{SECRET}@h"},
    }
    lines = list(tree_lines(value, reveal=False))
    assert all(SECRET not in line.text and SECRET not in (line.value or "") for line in lines)


def test_a_name_is_no_place_for_a_secret_either() -> None:
    value = {f"u://a:{SECRET}@h": "x", "m": {f"v --token={SECRET}": {"deep": 1}}}
    lines = list(tree_lines(value, reveal=False))
    assert all(SECRET not in line.text and SECRET not in (line.path or "") for line in lines)


def test_revealed_all_is_as_it_is() -> None:
    value = {"Env": [f"A_PASSWORD={SECRET}"], "Nothing": None, "Yes": True, "No": [], "n": 3}
    lines = {str(line.path): line for line in tree_lines(value, reveal=True)}
    assert lines[".Env[0]"].value == f"A_PASSWORD={SECRET}"
    assert lines[".Nothing"].text == "Nothing: " and lines[".Yes"].text == "Yes: True" and lines[".n"].text == "n: 3"


def test_what_is_nested_beyond_reason_is_cut_and_said() -> None:
    value: object = "x"
    for _ in range(500):
        value = {"a": value}
    lines = list(tree_lines(value, reveal=False))
    assert len(lines) < 100 and "deeper than is shown" in lines[-1].text


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_json_is_shown_hidden_or_not(value: object) -> None:
    hidden, shown = list(tree_lines({"a": value}, reveal=False)), list(tree_lines({"a": value}, reveal=True))
    assert len(hidden) == len(shown)


@pytest.mark.parametrize("piece", ["pass", "://a:", "--token ", "-p x", "A1b", "x=", "'", "eyJ", "password:"])
def test_a_text_made_to_take_long_is_gone_through_soon(piece: str) -> None:
    assert len(hide("Cmd", piece * 1_000_000)) < 100_000
