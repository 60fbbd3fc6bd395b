"""The audit surface: every operation's text, opposite, check and loss."""

import inspect
from typing import Any

import msgspec
import pytest

from irkit.core import changes, operations
from irkit.core.codec import canonical, decode
from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.operation import RUNNING
from irkit.core.operations import (
    AnyOperation,
    BlockTraffic,
    CapturePackets,
    Commit,
    Connect,
    CopyOut,
    Diff,
    Disconnect,
    DumpMemory,
    DumpMemoryByCommand,
    Export,
    Inspect,
    InspectImage,
    InspectNetwork,
    InspectVolume,
    Kill,
    ListProcesses,
    MakeNetwork,
    MeasureClock,
    Operation,
    Pause,
    ReadChanges,
    ReadDeletedFiles,
    ReadEngine,
    ReadEvents,
    ReadHost,
    ReadHostByCommand,
    ReadImage,
    ReadImageHistory,
    ReadLogFiles,
    ReadLogs,
    ReadProcesses,
    ReadSockets,
    ReadStats,
    ReadTmpfs,
    ReadVolume,
    RemoveImage,
    RemoveNetwork,
    ResetConnections,
    SaveImage,
    SeeIsolated,
    SetLimits,
    SetRestartPolicy,
    Start,
    Stop,
    Touch,
    Trace,
    TryReach,
    UnblockTraffic,
    Unpause,
    all_operations,
)

ID = "ab" * 32
PLACE = Attachment(network="front", ipv4="10.0.0.5", fixed_ipv4="10.0.0.5", fixed_ipv6="fd00::5", aliases=("web", "w"))
ALWAYS = RestartPolicy(name="always")
TRICKY = "../../etc/x\n\x1b"
ONE_OF_EACH: list[AnyOperation] = [
    ReadEngine(TRICKY), MeasureClock("end"), InspectImage("sha256:12"), ReadImageHistory("sha256:12"),
    InspectNetwork(TRICKY), InspectVolume(TRICKY), ReadEvents("1h"), Inspect(ID), ReadProcesses(ID), ReadSockets(ID),
    ListProcesses(ID), ReadStats(ID),
    ReadLogs(ID, "1h", "5m", 10), Diff(ID), CopyOut(ID, TRICKY, 99, 7), Export(ID, False, 1, False),
    ReadChanges(ID, 99), ReadVolume(ID, "volume", TRICKY, TRICKY, TRICKY, 99),
    Commit(ID, "x:1", False, {"case": TRICKY}), SaveImage(ID, "x:1"), RemoveImage(ID, "x:1"), Disconnect(ID, "front"),
    Connect(ID, PLACE), Pause(ID), Unpause(ID), Stop(ID, 3), Kill(ID), Start(ID), SetRestartPolicy(ID, ALWAYS),
    MakeNetwork(ID, "irkit-x", "irk0"), RemoveNetwork(ID, "irkit-x"), BlockTraffic(ID, "irkit_x"),
    UnblockTraffic(ID, "irkit_x"), ResetConnections(ID), SeeIsolated(ID), SetLimits(ID, Limits(memory=1 << 20)),
    TryReach(ID, {"10.0.0.5": "front"}),
    ReadImage("sha256:12", "run"), ReadLogFiles(ID, 10), CapturePackets(ID, 2.5, 10), ReadHost(60.0, 10),
    ReadHostByCommand("1h"), DumpMemory(ID, 99, 9, (7,)), DumpMemoryByCommand(ID, 99, 9), ReadDeletedFiles(ID, 99),
    ReadTmpfs(ID, 99),
]  # fmt: skip
each = pytest.mark.parametrize("operation", ONE_OF_EACH, ids=lambda one: type(one).__name__)


def web(**facts: Any) -> Container:
    return Container(id=ID, name="web", host="local", image="app", **{"attachments": (PLACE,), **facts})


# The list --------------------------------------------------------------------------------------------------------


def test_the_closed_list_holds_every_operation_of_the_module() -> None:
    inner = (Operation, changes._Ending)
    found = {
        one
        for one in vars(operations).values()
        if inspect.isclass(one) and issubclass(one, Operation) and one not in inner
    }
    assert found == set(all_operations())
    assert len(all_operations()) == len(found)


def test_this_file_tests_one_of_each() -> None:
    assert [type(one) for one in ONE_OF_EACH] == list(all_operations())


def test_no_two_have_one_tag() -> None:
    tags = [one.__struct_config__.tag for one in all_operations()]
    assert len(set(tags)) == len(tags)
    assert all(tag and tag == tag.lower() for tag in tags)


@each
def test_it_says_what_it_is_and_does(operation: AnyOperation) -> None:
    assert inspect.getdoc(type(operation))
    assert inspect.getdoc(type(operation)) != inspect.getdoc(Operation)
    assert operation.text()
    assert operation.text()[0].islower()


@each
def test_it_comes_back_from_its_json_as_it_was(operation: AnyOperation) -> None:
    assert decode(canonical(operation), AnyOperation) == operation  # type: ignore[arg-type]


def test_an_unknown_field_or_operation_does_not_decode() -> None:
    for line in (b'{"operation":"pause","container":"a","now":1}', b'{"operation":"wipe","container":"a"}'):
        with pytest.raises(ValueError, match=r"."):
            decode(line, AnyOperation)  # type: ignore[arg-type]


@each
def test_where_its_evidence_goes_stays_below_its_folder(operation: AnyOperation) -> None:
    parts = operation.file.split("/") if operation.file else []
    assert all(part and part[0] not in ".-" for part in parts)
    assert set(operation.file) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-/")
    looks = isinstance(operation, SeeIsolated)  # of which nothing is kept but what the log says
    writes = (operation.touch is Touch.READ and not looks) or operation.takes_back or isinstance(operation, Commit)
    assert bool(operation.file) is writes


@each
def test_a_read_changes_nothing_and_has_no_way_back(operation: AnyOperation) -> None:
    if operation.touch is Touch.READ:
        assert operation.undo(web()) == ()
        assert operation.destroys == frozenset()
        assert operation.collects or isinstance(operation, SeeIsolated)
        assert operation.verify(web()) == "" or isinstance(operation, SeeIsolated)


@each
def test_its_subject_is_its_container_or_none(operation: AnyOperation) -> None:
    assert operation.subject == (ID if hasattr(operation, "container") else "")


# Every change and its opposite -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "before", "undo"),
    [
        (Pause(ID), web(), (Unpause(ID),)),
        (Unpause(ID), web(state="paused"), (Pause(ID),)),
        (Stop(ID), web(), (Start(ID),)),
        (Stop(ID), web(state="paused"), (Start(ID), Pause(ID))),
        (Kill(ID), web(), (Start(ID),)),
        (Kill(ID), web(auto_remove=True), ()),
        (Start(ID), web(state="exited"), (Stop(ID),)),
        (Disconnect(ID, "front"), web(), (Connect(ID, PLACE),)),
        (Disconnect(ID, "back"), web(), ()),
        (Connect(ID, PLACE), web(attachments=()), (Disconnect(ID, "front"),)),
        (SetRestartPolicy(ID, RestartPolicy()), web(restart_policy=ALWAYS), (SetRestartPolicy(ID, ALWAYS),)),
        (Commit(ID, "x:1"), web(), ()),
        (RemoveImage(ID, "x:1"), web(), ()),
    ],
)
def test_the_way_back_is_the_opposite_as_the_facts_have_it(
    operation: AnyOperation, before: Container, undo: tuple[AnyOperation, ...]
) -> None:
    assert operation.undo(before) == undo


@pytest.mark.parametrize(
    ("operation", "applies", "does_not"),
    [
        (Pause(ID), [web(), web(state="restarting")], [web(state="paused"), web(state="exited"), web(state="created")]),
        (Unpause(ID), [web(state="paused")], [web(), web(state="exited")]),
        (Stop(ID), [web(), web(state="paused"), web(state="restarting")], [web(state="exited"), web(state="dead")]),
        (Kill(ID), [web(), web(state="paused")], [web(state="exited"), web(state="created")]),
        (Start(ID), [web(state="exited"), web(state="created")], [web(), web(state="paused"), web(state="restarting")]),
        (Disconnect(ID, "front"), [web()], [web(attachments=())]),
        (Connect(ID, PLACE), [web(attachments=())], [web()]),
        (SetRestartPolicy(ID, ALWAYS), [web(), web(auto_remove=True)], [web(restart_policy=ALWAYS)]),
        (SetRestartPolicy(ID, RestartPolicy()), [web(restart_policy=ALWAYS)], [web(), web(auto_remove=True)]),
        (ListProcesses(ID), [web(), web(state="paused")], [web(state="exited"), web(state="restarting")]),
        (ReadStats(ID), [web(), web(state="paused")], [web(state="exited")]),
        (ReadProcesses(ID), [web(), web(state="paused")], [web(state="exited"), web(state="restarting")]),
        (ReadSockets(ID), [web(), web(state="paused")], [web(state="exited"), web(state="created")]),
        (ReadLogs(ID), [web(), web(state="exited")], []),
    ],
)
def test_when_it_applies_and_when_not(
    operation: AnyOperation, applies: list[Container], does_not: list[Container]
) -> None:
    assert [operation.inapplicable(now) for now in applies] == [""] * len(applies)
    assert all(operation.inapplicable(now) for now in does_not)


def moved(**facts: Any) -> Container:
    return web(attachments=(msgspec.structs.replace(PLACE, **facts),))


@pytest.mark.parametrize(
    ("operation", "holds", "does_not"),
    [
        (Pause(ID), [web(state="paused")], [web(), web(state="exited"), None]),
        (Unpause(ID), [web(), web(state="exited"), None], [web(state="paused")]),
        (Stop(ID), [web(state="exited"), None], [web(), web(state="paused"), web(state="restarting")]),
        (Kill(ID), [web(state="exited"), None], [web()]),
        (Start(ID), [web(), web(state="restarting")], [web(state="exited"), None]),
        (Disconnect(ID, "front"), [web(attachments=()), None], [web()]),
        (
            Connect(ID, PLACE),
            [web(), moved(aliases=("w", "more", "web")), moved(ipv4="", network_id="n")],
            [web(attachments=()), moved(fixed_ipv4=""), moved(fixed_ipv6="fd00::6"), moved(aliases=("web",)), None],
        ),
        (SetRestartPolicy(ID, ALWAYS), [web(restart_policy=ALWAYS)], [web(), None]),
    ],
)
def test_facts_tell_whether_it_took_hold(
    operation: AnyOperation, holds: list[Container | None], does_not: list[Container | None]
) -> None:
    assert [operation.verify(after) for after in holds] == [""] * len(holds)
    assert all(operation.verify(after) for after in does_not)


def test_a_failed_isolation_is_called_that() -> None:
    assert "NOT isolated" in Disconnect(ID, "front").verify(web())


# What is lost ----------------------------------------------------------------------------------------------------


def test_ending_a_live_container_loses_what_only_a_live_one_has() -> None:
    lost = Stop(ID).losses(web())
    assert set(RUNNING) == lost and Trace.DELETED in lost
    assert Kill(ID).losses(web(state="paused")) == lost


def test_ending_one_made_with_rm_loses_everything() -> None:
    assert {Trace.LAYER, Trace.LOGS, Trace.CONFIG} <= Kill(ID).losses(web(auto_remove=True))


@pytest.mark.parametrize("state", ["exited", "created", "dead"])
def test_what_does_not_run_has_nothing_to_lose(state: str) -> None:
    assert Stop(ID).losses(web(state=state, auto_remove=True)) == frozenset()


def test_disconnecting_loses_connections_and_pausing_nothing() -> None:
    assert Disconnect(ID, "front").losses(web()) == {Trace.SOCKETS}
    assert Pause(ID).losses(web()) == frozenset()


def test_what_is_approved_covers_what_is_below_it() -> None:
    assert Touch.READ.degree < Touch.CHANGE.degree < Touch.DESTROY.degree
