"""How much a plan brings, as engines tell it: an engine that tells nothing, or nonsense, delays and breaks no plan."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.app import prepare
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import InspectImage, Operation
from irkit.core.plan import Plan
from irkit.core.ports import Deadline, Intake, Outcome
from tests.app.hosts_in_memory import Place, one_each

_Room = namedtuple("_Room", "total used free")


class Telling(MemoryTarget):
    """A host that tells something of its images, or refuses where that is None; `asked` are the images asked after."""

    def __init__(self, host: Host, told: bytes | None) -> None:
        super().__init__(one_each(host.name)[host.name], host, "engine")
        self.told, self.asked = told, list[str]()

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if not isinstance(operation, InspectImage):
            return super().apply(operation, intake, deadline)
        self.asked.append(operation.image)
        if self.told is None:
            raise TargetError("No such image", Refusal.ABSENT)
        intake.put(operation.file, self.told, source="a test")
        return Outcome()


def planned(folder: Path, told: bytes | None, playbook: str = "preserve-disk") -> tuple[Plan, list[str]]:
    place = Place(special={"a@x": lambda host: Telling(host, told)})
    with prepare(
        place.setting(folder), playbook, ["all"], given={}, case="IR", responder="Ann", hosts=["a@x"]
    ) as ready:
        target = place.opened["a@x"]
        assert isinstance(target, Telling)
        return ready.plan, target.asked


def test_the_size_of_an_image_is_asked_for_where_it_tells_something(tmp_path: Path) -> None:
    plan, asked = planned(tmp_path, b'{"Size": 1200000000}')
    assert len(asked) == 1 and plan.estimate.about >= 1_200_000_000
    assert all(one.check != "plan.room" for one in plan.findings)
    assert planned(tmp_path, b'{"Size": 1200000000}', "isolate")[1] == []


@pytest.mark.parametrize(
    "told",
    [
        *(None, b"", b"[]", b'{"Size": -1}', b'{"Size": true}', b'{"Size": "9"}', b'{"Size": 1e300}'),
        *(b'{"Size": 9007199254740993000}', b"[" * 100_000, b"\xff", b'{"Size": NaN}'),
    ],
)
def test_what_is_no_size_counts_as_not_known(tmp_path: Path, told: bytes | None) -> None:
    plan, asked = planned(tmp_path, told)
    assert len(asked) == 1 and plan.estimate.about == 0 and plan.estimate.is_open


def test_what_there_is_no_room_for_is_found_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: _Room(10**9, 0, 10**9))
    plan, _ = planned(tmp_path, json.dumps({"Size": 1_200_000_000}).encode())
    assert plan.findings[0].check == "plan.room" and not plan.is_refused
    assert "1.0 GB are free" in plan.findings[0].summary
