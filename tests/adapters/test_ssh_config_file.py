"""ssh's configuration files read without OpenSSH, with the real `ssh -G` as the judge wherever it can be one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.adapters import ssh_config_file
from irkit.adapters.ssh_config import SshSettings, read_ssh_settings
from irkit.core.errors import UsageError
from tests.adapters.ssh_configs import WAYS, WITH_OPENSSH, WITHOUT, environment, read
from tests.soak import often


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with an ssh folder, on a machine whose own configuration is beside it."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(ssh_config_file, "SYSTEM_FOLDER", tmp_path / "etc")
    yield tmp_path


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def read_home(home: Path, alias: str = "web") -> SshSettings:
    return read_ssh_settings(alias, environment=environment(WITHOUT), home=home)


# Random files ----------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["web", "db", "web.example.org", "ana", "root"])
PATTERNS = st.sampled_from(["web", "WEB", "w?b", "*", "db", "!web", "*.org", "web.example.org", "ana", "r*", "a,b"])
SETTINGS = st.one_of(
    st.builds("HostName {}".format, st.sampled_from(["db", "%h.example.org", "Web", "192.0.2.1", "'x%%y'"])),
    st.builds("User {}".format, NAMES),
    st.builds("Port = {}".format, st.integers(1, 65535)),
    st.builds("ProxyJump {}".format, st.sampled_from(["none", "gw", "ana@gw:2,b", "[::1]:3 # c"])),
    st.builds("ProxyCommand {}".format, st.sampled_from(["none", "nc %h %p", '"a b" # c'])),
    st.builds("UserKnownHostsFile {}".format, st.sampled_from(["none", "/a ~/b", '"/q%h"', "/a#b /c #d", "/e'f'"])),
    st.builds("ConnectTimeout {}".format, st.sampled_from(["none", "7", "1m", "2H1"])),
    st.builds("{} {}".format, st.sampled_from(["IdentitiesOnly", "BatchMode"]), st.sampled_from(["yes", "no"])),
    st.builds("HostKeyAlias\t{}".format, NAMES),
    st.builds("PreferredAuthentications {}".format, st.sampled_from(["publickey", "password,publickey"])),
    st.sampled_from(["# User comment", "", "  ", "StrictHostKeyChecking no", "SendEnv LANG LC_*"]),
)
MATCH = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["host", "!host", "originalhost", "user", "!user"]), PATTERNS),
    st.builds("{} {},{}".format, st.sampled_from(["host", "user"]), PATTERNS, PATTERNS),
)
BLOCKS = st.one_of(
    st.builds("Host {}".format, st.lists(PATTERNS, min_size=1, max_size=3).map(" ".join)),
    st.builds("Match {}".format, st.lists(MATCH, min_size=1, max_size=2).map(" ".join)),
    st.just("Match all"),
)
LINES = st.lists(st.one_of(SETTINGS, SETTINGS, BLOCKS), max_size=14)


@settings(max_examples=often(150, 50), deadline=None)
@given(lines=LINES, alias=st.sampled_from(["web", "WEB", "db", "web.example.org"]), user=st.sampled_from(["", "ana"]))
def test_any_file_means_what_it_means_to_the_real_ssh(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], alias: str, user: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    found = [comparable(read(folder, "\n".join(lines), alias, way=way, user=user)) for way in WAYS]
    assert found[0] == found[1]


def comparable(found: SshSettings) -> dict[str, Any]:
    """What both must agree on: only ssh knows its own algorithms, and it does not say where names of files end."""
    notes = [note for note in found.notes if "ssh does not say" not in note]
    return {**vars(found), "notes": notes, "host_key_algorithms": ()}


@pytest.mark.parametrize(
    "value",
    [
        r"a\b",
        r"'a\'",
        r'"a\"b"',
        r"a\ b",
        r"'a\ b'",
        r"a\"b",
        "a'b c'd",
        "a'b",
        "a#b",
        "a #b",
        '""x',
        "''",
        "=a",
        "'a#b'",
    ],
)
def test_quotes_and_backslashes_are_read_as_the_real_ssh_reads_them(tmp_path: Path, value: str) -> None:
    said = []
    for way in WAYS:
        try:
            said.append(read(tmp_path, f"HostKeyAlias {value}", way=way).host_key_alias)
        except UsageError:
            said.append("refused")
    assert said[0] == said[1]


# Match and Include -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "match",
    ["exec 'touch RAN'", "host web exec true", "!exec false", "final all", "canonical", "localnetwork 10.0.0.0/8"],
)
def test_a_match_that_needs_openssh_is_left_out_and_noted(tmp_path: Path, match: str) -> None:
    ran = tmp_path / "ran"
    text = f"Match {match.replace('RAN', str(ran))}\n User eve\nHost *\n User ana"
    found = read(tmp_path, text, way=WITHOUT)
    assert found.user == "ana"
    assert f"{tmp_path}/config:1: Match " in found.notes[0]
    assert "needs OpenSSH" in found.notes[0]
    assert not ran.exists()


def test_a_match_that_could_not_fit_anyway_is_not_noted(tmp_path: Path) -> None:
    assert read(tmp_path, "Match host db exec true\n User eve", way=WITHOUT).notes == ()


def test_match_exec_counts_where_openssh_is_there(tmp_path: Path) -> None:
    text = 'Match exec "test %h = web"\n User ana\nMatch exec false\n Port 9'
    found = read(tmp_path, text, way=WITH_OPENSSH)
    assert (found.user, found.port) == ("ana", 22)


@pytest.mark.parametrize("way", WAYS)
def test_included_files_apply_where_they_are_included(tmp_path: Path, way: str) -> None:
    write(tmp_path / "1.conf", "Port 1\nHost db\n User in-db\n")
    write(tmp_path / "2.conf", f"User second\nInclude {tmp_path}/absent {tmp_path}/none*\n")
    text = f"Host db\n Include {tmp_path}/?.conf\nHost web\n Include {tmp_path}/2.conf\n Port 3\n"
    web, db, other = (read(tmp_path, text, alias, way=way) for alias in ("web", "db", "other"))
    assert (web.port, web.user) == (3, "second")
    assert (db.port, db.user) == (1, "in-db")
    assert other.port == 22


def test_a_relative_include_is_beside_the_file_of_the_responder_or_of_the_system(home: Path) -> None:
    write(home / ".ssh/config", "Include conf.d/*\n")
    (home / ".ssh/conf.d").mkdir()
    write(home / ".ssh/conf.d/a", "User ana\n")
    write(home / ".ssh/conf.d/.hidden", "Port 9\n")
    write(home / "etc/ssh_config", "Include more\nUser eve\n", 0o644)
    write(home / "etc/more", "ConnectTimeout 4\n", 0o644)
    found = read_home(home)
    assert (found.user, found.port, found.connect_timeout) == ("ana", 22, 4.0)


def test_a_file_given_stands_in_the_place_of_all_others(home: Path) -> None:
    write(home / ".ssh/config", "User eve\n")
    write(home / "etc/ssh_config", "Port 9\n")
    config = write(home / "own", "ConnectTimeout 4\n")
    found = read_ssh_settings("web", environment=environment(WITHOUT), home=home, config=config)
    assert (found.user, found.port, found.connect_timeout) == (read_home(home / "nowhere").user, 22, 4.0)


def test_a_configuration_may_be_a_link_into_another_folder(home: Path) -> None:
    write(home / "dotfile", "User ana\n")
    (home / ".ssh/config").symlink_to(home / "dotfile")
    assert read_home(home).user == "ana"


def test_no_configuration_at_all_is_none(tmp_path: Path) -> None:
    assert read_home(tmp_path / "nobody").host_name == "web"


def test_algorithms_that_are_added_to_ssh_s_own_are_not_known_and_noted(tmp_path: Path) -> None:
    found = read(tmp_path, "HostKeyAlgorithms +ssh-rsa", way=WITHOUT)
    assert found.host_key_algorithms == ()
    assert "HostKeyAlgorithms is not read" in found.notes[0]


# Bad files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_refused(home: Path, mode: int) -> None:
    write(home / ".ssh/config", "ProxyCommand evil\n", mode)
    with pytest.raises(UsageError, match="others may write to it"):
        read_home(home)


@pytest.mark.parametrize("way", WAYS)
def test_an_included_file_that_others_may_write_to_is_refused(tmp_path: Path, way: str) -> None:
    more = write(tmp_path / "more", "ProxyCommand evil\n", 0o666)
    with pytest.raises(UsageError):
        read(tmp_path, f"Include {more}", way=way)


def test_files_that_include_themselves_come_to_an_end(home: Path) -> None:
    write(home / ".ssh/config", "Include config config\n")
    with pytest.raises(UsageError, match="too deep, or in circles"):
        read_home(home)


def test_a_crowd_of_included_files_comes_to_an_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_config_file, "_MOST_FILES", 20)
    for number in range(5):
        write(home / f".ssh/{number}", f"Include {number + 1} {number + 1}\n" if number < 4 else "")
    write(home / ".ssh/config", "Include 0 0\n")
    with pytest.raises(UsageError, match="too deep, or in circles"):
        read_home(home)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"User a\0b\n", "it is not text"),
        (b"# " + b"x" * (1 << 20), "more than 1048576 bytes"),
        (b"User 'ana\n", "config:1: user: a quote is not closed"),
        (b"Port 1\nUser\n", "config:2: user has no value"),
        (b"Match host\n", "config:1: Match host says not what it has to match"),
        (b"Match nosuch x\n", "config:1: there is no Match by 'nosuch'"),
        (b"\xff\xfe\n", "is not a line of an ssh configuration"),
        (b"\x1b]0;x\n", "config:1: '␛]0;x' is not a line"),
    ],
)
def test_a_bad_file_is_named_with_the_line(home: Path, content: bytes, reason: str) -> None:
    config = home / ".ssh/config"
    config.write_bytes(content)
    config.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        read_home(home)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_is_no_regular_file_is_not_waited_for(home: Path) -> None:
    os.mkfifo(home / ".ssh/config", 0o600)
    with pytest.raises(UsageError, match="not a regular file"):
        read_home(home)


@settings(max_examples=often(200, 66), deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("text")
    config = folder / "config"
    config.write_text(f"Host *\n{text}\nUser ana\n", encoding="utf-8", errors="surrogateescape")
    try:
        read_ssh_settings("web", environment=environment(WITHOUT), home=folder, config=config)
    except UsageError as error:
        assert str(error).isprintable()
