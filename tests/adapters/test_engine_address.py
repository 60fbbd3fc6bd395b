"""Which engine is meant: DOCKER_HOST, DOCKER_CONTEXT and the current context, as docker's users expect."""

import hashlib
import json
from pathlib import Path

import pytest

from irkit.adapters.engine_address import DEFAULT_SOCKET, engine_socket
from irkit.core.errors import UsageError


def make_context(folder: Path, name: str, meta: object) -> None:
    place = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (place / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))


def at(address: str) -> object:
    return {"Name": "x", "Endpoints": {"docker": {"Host": address, "SkipTLSVerify": False}}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    docker = tmp_path / ".docker"
    make_context(docker, "lab", at("unix:///run/lab.sock"))
    make_context(docker, "far", at("ssh://root@host"))
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
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "DOCKER_HOST is 'tcp://10.0.0.1:2375'"),
        ({"DOCKER_HOST": "/run/docker.sock"}, "unix:// sockets only"),
        ({"DOCKER_HOST": "\x1b[31m"}, "␛[31m"),
        ({"DOCKER_CONTEXT": "far"}, "docker context 'far' is 'ssh://root@host'"),
        ({"DOCKER_CONTEXT": "none"}, "there is no docker context 'none'"),
        ({"DOCKER_CONTEXT": "../../x\x1b"}, "there is no docker context '../../x␛'"),
        ({"DOCKER_CONTEXT": "lone\ud800"}, "there is no docker context"),
    ],
)
def test_an_engine_that_cannot_be_meant_is_refused(home: Path, environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        engine_socket(environment, home)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "meta", ["", "{", "[" * 100_000, {}, {"Endpoints": []}, {"Endpoints": {"docker": {"Host": 7}}}, [1]], ids=range(7)
)
def test_a_broken_context_is_refused_and_not_gone_on_without(tmp_path: Path, meta: object) -> None:
    """Going on with the default engine would look at the wrong machine."""
    make_context(tmp_path / ".docker", "lab", meta)
    with pytest.raises(UsageError, match="docker context 'lab'"):
        engine_socket({"DOCKER_CONTEXT": "lab"}, tmp_path)
