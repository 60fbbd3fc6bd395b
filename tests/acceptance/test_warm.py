"""What is forked from a process that has irkit loaded ends as what is started anew does: the other tests rely on it."""

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.bundles import playbook
from tests.acceptance.command import Irkit
from tests.acceptance.fake_engine import FakeEngine
from tests.acceptance.warm import run_warm
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def suspect(shared: Lab) -> str:
    return shared.make(Suspect(name="suspect", command=("sleep", "1000")))


@pytest.mark.parametrize(
    "words",
    [
        *(
            (),
            ("--help",),
            ("--version",),
            ("nonsense",),
            ("ls", "name:\udcff"),
            ("ls", "nobody", "--json"),
        ),
        *(("inspect", "suspect"), ("plan", "freeze", "suspect")),
        *(("run", "isolate", "suspect"), ("playbooks", "show", "isolate"), ("playbooks", "schema"), ("hosts", "list")),
        *(("verify", "nothing"), ("undo", "nothing"), ("seal", "nothing"), ("completion", "bash")),
    ],
    ids=" ".join,
)
def test_what_is_forked_tells_what_is_told_by_what_is_started_anew(
    irkit: Irkit, suspect: str, words: tuple[str, ...]
) -> None:
    assert irkit(*words, status=None) == replace(irkit, cold=True)(*words, status=None)


def test_a_bundle_is_shown_verified_exported_and_undone_alike(irkit: Irkit, suspect: str, tmp_path: Path) -> None:
    bundle = irkit.run(playbook(tmp_path, "{id: facts, action: collect.inspect}"), "suspect")["bundle"]
    for words in (("show", bundle, "--log"), ("verify", bundle, "--json"), ("export", "timeline", bundle)):
        assert irkit(*words) == replace(irkit, cold=True)(*words), words
    assert irkit("undo", bundle) == replace(irkit, cold=True)("undo", bundle)


def test_each_has_an_environment_and_a_folder_of_its_own(
    irkit: Irkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/own.yaml").write_text("name: own\nversion: 1\nsteps:\n  - {id: a, action: collect.inspect}\n")
    assert irkit("playbooks", "validate", "own.yaml", status=None).status != 0
    monkeypatch.chdir(tmp_path / "here")
    assert irkit("playbooks", "validate", "own.yaml").status == 0
    assert irkit("ls", "-H", "nobody", status=3).err != replace(irkit, socket="unix:///none")("ls", status=3).err


def test_one_that_takes_too_long_is_killed(socket_path: Path, tmp_path: Path) -> None:
    asked, over = threading.Event(), threading.Event()

    def hang(method: str, path: str) -> Iterator[bytes]:
        asked.set()
        over.wait(600)
        yield b""

    with FakeEngine(socket_path, hang):
        irkit = Irkit(f"unix://{socket_path}", tmp_path / "evidence")
        for seconds in (3, 20, 60):  # in which it comes to ask
            with pytest.raises(subprocess.TimeoutExpired):
                run_warm(["ls"], irkit.environment(), seconds)
            if asked.is_set():
                break
        assert asked.is_set()
        over.set()
