"""Which engine is meant: DOCKER_HOST, DOCKER_CONTEXT and the current context, as docker's users expect."""

import hashlib
import json
from pathlib import Path

import pytest

from irkit.adapters.engine_address import (
    DEFAULT_SOCKET,
    context_host,
    context_names,
    engine_socket,
    list_contexts,
    local_engine,
)
from irkit.core.errors import UsageError
from irkit.core.host import Host


def make_context(folder: Path, name: str, meta: object) -> None:
    place = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    named = {"Name": name, **meta} if isinstance(meta, dict) else meta
    (place / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(named))


def at(address: str, *, blind: bool = False) -> object:
    return {"Endpoints": {"docker": {"Host": address, "SkipTLSVerify": blind}}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    docker = tmp_path / ".docker"
    make_context(docker, "lab", at("unix:///run/lab.sock"))
    make_context(docker, "far", at("ssh://root@host"))
    make_context(docker, "bare", at("tcp://engine.example.org:2375"))
    make_context(docker, "blind", at("tcp://engine.example.org:2376", blind=True))
    make_context(docker, "pipe", at("npipe:////./pipe/docker_engine"))
    make_context(docker, "tls", at("tcp://engine.example.org"))
    tls = docker / "contexts/tls" / hashlib.sha256(b"tls").hexdigest() / "docker"
    tls.mkdir(parents=True)
    (tls / "ca.pem").touch()
    (docker / "config.json").write_text('{"currentContext": "lab"}')
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({}, "/run/lab.sock"),
        ({"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "far"}, "/x.sock"),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": "lab"}, "/run/lab.sock"),
        ({"DOCKER_HOST": "unix://"}, DEFAULT_SOCKET),
        ({"DOCKER_CONTEXT": "default"}, DEFAULT_SOCKET),
        ({"DOCKER_CONFIG": "/nowhere"}, DEFAULT_SOCKET),
    ],
)
def test_the_nearest_setting_counts(home: Path, environment: dict[str, str], path: str) -> None:
    assert engine_socket(environment, home) == path


def test_another_configuration_folder_has_contexts_of_its_own(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_context(other, "lab", at("unix:///run/other.sock"))
    assert engine_socket({"DOCKER_CONFIG": str(other), "DOCKER_CONTEXT": "lab"}, home) == "/run/other.sock"


@pytest.mark.parametrize("config", ["", "[]", "{", '{"currentContext": 7}', "[" * 100_000, "\x00"], ids=range(6))
def test_a_broken_configuration_is_gone_on_without_as_docker_does(tmp_path: Path, config: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(config)
    assert engine_socket({}, tmp_path) == DEFAULT_SOCKET


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "DOCKER_HOST: tcp to 10.0.0.1 without TLS is refused"),
        ({"DOCKER_HOST": "/run/docker.sock"}, "DOCKER_HOST: an engine's address begins with unix://"),
        ({"DOCKER_HOST": "\x1b[31m://x"}, "␛[31m://"),
        ({"DOCKER_HOST": "npipe:////./pipe/docker_engine"}, "a pipe of Windows"),
        ({"DOCKER_HOST": "ssh://-oProxyCommand=x"}, "DOCKER_HOST: "),
        ({"DOCKER_CONTEXT": "none"}, "there is no docker context 'none'"),
        ({"DOCKER_CONTEXT": "../../x\x1b"}, "there is no docker context '../../x␛'"),
        ({"DOCKER_CONTEXT": "lone\ud800"}, "there is no docker context"),
        ({"DOCKER_CONTEXT": "bare"}, "docker context 'bare': tcp to engine.example.org without TLS is refused"),
        ({"DOCKER_CONTEXT": "blind"}, "docker context 'blind' says not to check whom it talks to"),
        ({"DOCKER_CONTEXT": "pipe"}, "docker context 'pipe': 'npipe://"),
    ],
)
def test_an_engine_that_cannot_be_meant_is_refused(home: Path, environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        local_engine(environment, home)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["ssh", "tcp", "http"])
def test_a_password_in_an_address_is_refused_and_not_repeated(home: Path, scheme: str) -> None:
    make_context(home / ".docker", "secret", at(f"{scheme}://root:hunter2@web1:22"))
    for environment in ({"DOCKER_HOST": f"{scheme}://root:hunter2@web1:22"}, {"DOCKER_CONTEXT": "secret"}):
        with pytest.raises(UsageError, match="must hold no password") as caught:
            local_engine(environment, home)
        assert "hunter2" not in str(caught.value)


def test_an_engine_elsewhere_has_no_socket_here(home: Path) -> None:
    with pytest.raises(UsageError, match="the engine meant is at host, and this needs one of this machine"):
        engine_socket({"DOCKER_CONTEXT": "far"}, home)


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, Host(name="local", socket="/run/lab.sock")),
        ({"DOCKER_HOST": "unix:///x.sock"}, Host(name="local", socket="/x.sock")),
        ({"DOCKER_CONTEXT": "default"}, Host(name="local", socket=DEFAULT_SOCKET)),
        ({"DOCKER_CONTEXT": "far"}, Host(name="local", reach="ssh", address="host", user="root")),
        (
            {"DOCKER_HOST": "ssh://me@[::1]:2222/run/user/5/docker.sock", "DOCKER_TLS_VERIFY": "1"},
            Host(name="local", reach="ssh", address="::1", user="me", port=2222, socket="/run/user/5/docker.sock"),
        ),
        ({"DOCKER_HOST": "tcp://127.0.0.1"}, Host(name="local", reach="tcp", address="127.0.0.1", port=2375)),
        ({"DOCKER_HOST": " tcp://:4000 "}, Host(name="local", reach="tcp", address="localhost", port=4000)),
        (
            {"DOCKER_HOST": "tcp://10.0.0.1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"},
            Host(name="local", reach="tcp", address="10.0.0.1", port=2376, tls="/certs"),
        ),
        (
            {"DOCKER_HOST": "tcp://10.0.0.1:9", "DOCKER_TLS": "1", "DOCKER_CONFIG": "/conf"},
            Host(name="local", reach="tcp", address="10.0.0.1", port=9, tls="/conf"),
        ),
    ],
)
def test_the_local_engine_is_the_one_that_docker_would_talk_to(
    home: Path, environment: dict[str, str], host: Host
) -> None:
    assert local_engine(environment, home) == host


def test_certificates_without_the_word_to_use_them_are_not_used_as_docker_does_not(home: Path) -> None:
    with pytest.raises(UsageError, match="without TLS is refused"):
        local_engine({"DOCKER_HOST": "tcp://10.0.0.1:2376", "DOCKER_CERT_PATH": "/certs"}, home)


def test_a_context_with_certificates_is_reached_with_them(home: Path) -> None:
    host = context_host("tls", {}, home)
    folder = str(home / ".docker/contexts/tls" / hashlib.sha256(b"tls").hexdigest() / "docker")
    assert host == Host(name="context:tls", reach="tcp", address="engine.example.org", port=2376, tls=folder)


@pytest.mark.parametrize(
    ("name", "environment", "socket"),
    [
        ("lab", {"DOCKER_HOST": "unix:///x.sock"}, "/run/lab.sock"),
        ("default", {"DOCKER_CONTEXT": "lab"}, DEFAULT_SOCKET),
        ("default", {"DOCKER_HOST": "unix:///x.sock"}, "/x.sock"),
    ],
)
def test_a_context_asked_for_by_name_is_that_context(
    home: Path, name: str, environment: dict[str, str], socket: str
) -> None:
    assert context_host(name, environment, home) == Host(name=f"context:{name}", socket=socket)


@pytest.mark.parametrize("name", ["../x", "a/b", "\x1b", "none", "-x"])
def test_a_context_that_cannot_be_is_refused(home: Path, name: str) -> None:
    with pytest.raises(UsageError, match="context"):
        context_host(name, {}, home)


def test_contexts_are_listed_by_name_and_those_that_cannot_be_used_are_not_offered(home: Path) -> None:
    folder = home / ".docker/contexts/meta"
    (folder / "not-a-context").mkdir()
    (folder / hashlib.sha256(b"broken").hexdigest()).mkdir()
    (folder / hashlib.sha256(b"broken").hexdigest() / "meta.json").write_text("{")
    (folder / hashlib.sha256(b"other").hexdigest()).mkdir()
    (folder / hashlib.sha256(b"other").hexdigest() / "meta.json").write_text('{"Name": "lab"}')
    assert context_names({}, home) == ["bare", "blind", "far", "lab", "pipe", "tls"]
    assert [host.name for host in list_contexts({}, home)] == ["context:far", "context:lab", "context:tls"]


def test_without_contexts_none_are_listed(tmp_path: Path) -> None:
    assert list_contexts({}, tmp_path) == []


@pytest.mark.parametrize(
    "meta", ["", "{", "[" * 100_000, {}, {"Endpoints": []}, {"Endpoints": {"docker": {"Host": 7}}}, [1]], ids=range(7)
)
def test_a_broken_context_is_refused_and_not_gone_on_without(tmp_path: Path, meta: object) -> None:
    """Going on with the default engine would look at the wrong machine."""
    make_context(tmp_path / ".docker", "lab", meta)
    with pytest.raises(UsageError, match="docker context 'lab'"):
        engine_socket({"DOCKER_CONTEXT": "lab"}, tmp_path)
