"""What happens between the plan and its operations, or in the middle of one, is noticed: nothing passes for done."""

from pathlib import Path

import pytest

from irkit import app
from irkit.cli.execution import Result, Shown, carry_out
from irkit.core.errors import UsageError
from tests.acceptance.command import Irkit, connect
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.acceptance.fake_engine import FakeEngine
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine


@pytest.fixture
def suspect(lab: Lab) -> str:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.network(Network("back", subnet="10.77.2.0/24"))
    return lab.make(Suspect(name="suspect", networks=(Attach("front", ipv4="10.77.1.50"),)))


@pytest.fixture
def setting(lab: Lab, irkit: Irkit) -> app.Setting:
    return app.Setting(environment={"DOCKER_HOST": irkit.socket}, evidence=irkit.evidence)


def prepare(setting: app.Setting, playbook: str = "isolate") -> app.Prepared:
    return app.prepare(setting, playbook, ["suspect"], given={}, case="T", responder="tester")


def run(setting: app.Setting, prepared: app.Prepared) -> Result:
    return carry_out(setting, prepared, Shown(lines=False), parallel=4)


def test_a_network_joined_after_the_plan_is_not_taken_for_isolation(
    lab: Lab, setting: app.Setting, suspect: str
) -> None:
    prepared = prepare(setting)
    lab.engine.docker("network", "connect", "back", "suspect")
    result = run(setting, prepared)
    assert result.status == 1
    assert "NOT isolated" in result.run.failures[0].reason and "back" in result.run.failures[0].reason
    run(setting, app.prepare_undo(setting, str(result.bundle), [], responder="tester"))


def test_an_engine_that_dies_after_a_change_took_hold_leaves_it_in_doubt_and_undo_restores_it(
    lab: Lab, irkit: Irkit, suspect: str, tmp_path: Path
) -> None:
    before = lab.engine.inspect(suspect)
    path = tmp_path / "engine.sock"

    def answer(method: str, asked: str) -> bytes | None:
        if not asked.endswith("/disconnect"):
            return None
        lab.engine.docker("network", "disconnect", "front", "suspect")
        path.unlink()  # nobody answers from now on
        return b""

    with FakeEngine(path, answer, behind=lab.engine.socket):
        through = connect(lab.engine, irkit.evidence).__class__(f"unix://{path}", irkit.evidence)
        summary = through.run("isolate", "suspect", status=1)
    assert summary["changes"][0]["took_hold"] == "in doubt" and summary["to_undo"] == 1
    assert lab.engine.inspect(suspect)["NetworkSettings"]["Networks"] == {}
    irkit("undo", summary["bundle"], "--approve", "change")
    assert differences(before, lab.engine.inspect(suspect), ASSIGNED_ANEW) == []


def test_a_container_that_another_run_contained_after_the_plan_is_left_alone(
    setting: app.Setting, suspect: str
) -> None:
    late = prepare(setting)
    first = run(setting, prepare(setting))
    with pytest.raises(UsageError, match="since the plan was made"):
        run(setting, late)
    run(setting, app.prepare_undo(setting, str(first.bundle), [], responder="tester"))


def test_two_runs_never_change_a_container_at_once(setting: app.Setting, suspect: str) -> None:
    execution = app.start(setting, prepare(setting))
    with pytest.raises(UsageError, match="another run is changing suspect now"):
        app.start(setting, prepare(setting))
    assert len(list(execution.records())) > 0
    path = execution.seal()
    run(setting, app.prepare_undo(setting, str(path), [], responder="tester"))


def test_the_evidence_folder_is_made_for_its_owner_alone(setting: app.Setting, suspect: str) -> None:
    assert not setting.folder.exists()
    result = run(setting, prepare(setting))
    assert setting.folder.stat().st_mode & 0o777 == 0o700
    run(setting, app.prepare_undo(setting, str(result.bundle), [], responder="tester"))


def test_an_older_run_is_not_taken_back_under_a_newer_one(
    lab: Lab, irkit: Irkit, setting: app.Setting, suspect: str, tmp_path: Path
) -> None:
    first = run(setting, prepare(setting))
    elsewhere = connect(lab.engine, tmp_path / "elsewhere")
    elsewhere("undo", str(first.bundle), "--approve", "change")
    second = elsewhere.run("isolate", "suspect")
    refused = elsewhere("undo", str(first.bundle), "--approve", "change", status=None)
    assert "nothing is left" in refused.out or refused.status == 1, refused
    assert lab.engine.inspect(suspect)["NetworkSettings"]["Networks"] == {}
    elsewhere("undo", second["bundle"], "--approve", "change")
