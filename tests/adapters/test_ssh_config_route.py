"""Hops as they are written, and ProxyCommands without a shell, with the real shell as the judge of words."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from irkit.adapters.ssh_config import SshSettings, parse_hop, proxy_argv
from irkit.adapters.ssh_config_route import split_command
from irkit.core.errors import UsageError
from tests.soak import often

HOME = Path("/home/ana")


def argv(command: str, host_name: str = "10.0.0.5", user: str = "ana", alias: str = "web") -> list[str]:
    made = SshSettings(alias=alias, host_name=host_name, user=user, port=2222, proxy_command=command, home=HOME)
    return proxy_argv(made)


# Hops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("gw", ("gw", "", 0)),
        ("gw:2222", ("gw", "", 2222)),
        ("ana@gw", ("gw", "ana", 0)),
        ("ana@corp@gw:22", ("gw", "ana@corp", 22)),
        ("ana@[::1]:2222", ("::1", "ana", 2222)),
        ("[fe80::1%eth0]", ("fe80::1%eth0", "", 0)),
        ("ssh://ana@gw:2222", ("gw", "ana", 2222)),
        ("ssh://gw/", ("gw", "", 0)),
        ("ssh://[::1]:22", ("::1", "", 22)),
    ],
)
def test_a_hop_is_a_name_with_a_user_and_a_port(text: str, hop: tuple[str, str, int]) -> None:
    assert parse_hop(text) == hop


@pytest.mark.parametrize(
    "text",
    ["", " ", "-oX", "ana@", "@gw", "a@-gw", "-x@gw", "gw:", "gw:0", "gw:65536", "gw:x", "[::1", "[gw]", "a b", "gw/x",
     "ssh://", "ssh://gw/run/x", "http://gw", "g;w", "$(id)", "gw\n", '"gw"', "a,b"],
)  # fmt: skip
def test_what_is_no_hop_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_hop(text)
    assert str(caught.value).isprintable()


def test_a_password_in_a_hop_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse_hop("ssh://ana:s3cret@gw")
    assert "s3cret" not in str(caught.value)


# ProxyCommand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nc %h %p", ["nc", "10.0.0.5", "2222"]),
        ("exec nc %h %p", ["nc", "10.0.0.5", "2222"]),
        ("ssh -W [%h]:%p -l %r gw", ["ssh", "-W", "[10.0.0.5]:2222", "-l", "ana", "gw"]),
        ("p --for=%n 100%% '%h'", ["p", "--for=web", "100%", "10.0.0.5"]),
        ("sh -c \"echo '%h' | nc\"", ["sh", "-c", "echo '10.0.0.5' | nc"]),
        ("~/bin/p ~ a~ '~' ~/'a b'", ["/home/ana/bin/p", "/home/ana", "a~", "~", "/home/ana/a b"]),
        (r"p a\ b '' c\%h", ["p", "a b", "", "c10.0.0.5"]),
    ],
)
def test_a_command_is_split_and_its_tokens_are_filled_in(command: str, words: list[str]) -> None:
    assert argv(command) == words


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("nc %h %p | tee log", "| takes a shell"),
        ("a && b", "& takes a shell"),
        ("a; b", "; takes a shell"),
        ("nc $(host) %p", "$ takes a shell"),
        ("nc `host` %p", "` takes a shell"),
        ('nc "$HOST" %p', "$ takes a shell"),
        ('nc "`host`" %p', "` takes a shell"),
        ("nc %h %p 2>/dev/null", "> takes a shell"),
        ("nc < x", "< takes a shell"),
        ("(nc)", "( takes a shell"),
        ("nc *", "* takes a shell"),
        ("nc a?", "? takes a shell"),
        ("nc {a,b}", "{ takes a shell"),
        ("nc %h # host", "# takes a shell"),
        ("nc ~eve/x", "~eve/x takes a shell"),
        ("X=1 nc", "sets a variable"),
        ("nc 'a", "a quote is not closed"),
        ("nc \\", "it ends with a backslash"),
        ("nc %z", "%z stands for nothing"),
        ("nc %", "% stands for nothing"),
        ("", "names no command"),
        ("exec ", "names no command"),
        ("-", "names no command"),
    ],
)
def test_what_takes_a_shell_is_refused_with_the_reason(command: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        argv(command)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="put the command into a script"):
        argv("a | b")


@pytest.mark.parametrize("name", ["-oProxyCommand=id", "a b", "a;b", "$(id)", "a\nb", "a'b", "", "\u202ea", "a/b"])
def test_a_name_that_could_add_words_or_options_is_not_given_to_a_command(name: str) -> None:
    with pytest.raises(UsageError, match="is not given to a ProxyCommand"):
        argv("nc %h %p", host_name=name)
    with pytest.raises(UsageError, match="is not given to a ProxyCommand"):
        argv("nc %r", user=name)


@pytest.mark.parametrize("command", ["nc %n", "nc '%n'", "nc %n%n"])
def test_a_value_never_becomes_an_option(command: str) -> None:
    with pytest.raises(UsageError, match="would be taken for an option"):
        split_command(command, {"n": "-x"}, HOME)


@given(value=st.text(max_size=20).filter(lambda text: not text.startswith("-")))
def test_a_value_stays_in_its_word_whatever_it_holds(value: str) -> None:
    words = split_command("nc %h a%h '%h b' -x=%h", {"h": value}, HOME)
    assert words == ["nc", value, f"a{value}", f"{value} b", f"-x={value}"]


PIECES = st.sampled_from(
    ["a", "B", "=", ":", "[", "]", "!", ",", ".", "/", "-", "~", "~/", "'", '"', "\\", " ", "\t", "'a b'", '"c d"', "$",
     "|", ";", "#", "*", "{", "}", "`", "&", "é", "^", "@", "+"]
)  # fmt: skip


@settings(max_examples=often(150, 50), deadline=None)
@given(pieces=st.lists(PIECES, min_size=1, max_size=12))
@example(pieces=["~", "'a b'"])
@example(pieces=["~", "\\", "/"])
def test_words_are_those_that_the_shell_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    text = "".join(pieces)
    words = accepted(f"nc {text}")
    assume(words is not None)
    said = subprocess.run(
        ["/bin/sh", "-c", f'for word in {text}; do printf "%s\\0" "$word"; done'],
        env={"HOME": str(HOME)},
        cwd=tmp_path_factory.getbasetemp(),  # where no name fits what could be a pattern
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert ["nc", *(word.decode() for word in said.stdout.split(b"\0")[:-1])] == words


def accepted(command: str) -> list[str] | None:
    try:
        return split_command(command, {}, HOME)
    except UsageError:
        return None
