"""What a target must do, whichever it is: facts, every change and its opposite, and why it says no."""

from collections.abc import Callable, Iterator

import msgspec
import pytest

from irkit.actions.snapshot_commit import SnapshotCommit
from irkit.core.action import RunFacts
from irkit.core.container import UNLIMITED, Attachment, Container, Limits, RestartPolicy
from irkit.core.engine_event import WATCHING, EngineEvent
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import (
    AnyOperation,
    Commit,
    Connect,
    CopyOut,
    Diff,
    Disconnect,
    Export,
    Inspect,
    InspectImage,
    InspectNetwork,
    Kill,
    ListProcesses,
    MakeNetwork,
    Pause,
    ReadEngine,
    ReadImage,
    ReadImageHistory,
    ReadLogFiles,
    ReadLogs,
    ReadStats,
    RemoveImage,
    RemoveNetwork,
    SaveImage,
    SetLimits,
    SetRestartPolicy,
    Start,
    Stop,
    Unpause,
)
from irkit.core.proof import Proof
from irkit.engine.deadline import Cancel
from tests.contract.sites import Site
from tests.lab.description import Attach, State

Make = Callable[[str], AnyOperation]
NO_SUCH = "0" * 64
MIB = 1024 * 1024
FRONT = Attach("front", ipv4="10.88.1.7", aliases=("web", "shop"))
NO_RESTART = RestartPolicy()


def disconnect(network: str) -> Make:
    return lambda container: Disconnect(container, network)


def connect(network: str, **wanted: object) -> Make:
    return lambda container: Connect(container, Attachment(network=network, **wanted))  # type: ignore[arg-type]


def set_policy(name: str, retries: int = 0) -> Make:
    return lambda container: SetRestartPolicy(container, RestartPolicy(name=name, maximum_retries=retries))


def set_limits(**wish: int) -> Make:
    return lambda container: SetLimits(container, Limits(**wish))


def quarantine(container: str) -> MakeNetwork:
    """A network as one is made for a container to be held on."""
    short = container[:12]
    return MakeNetwork(container, f"irkit-tried-{short}", f"irk{short}", labels={"irkit.run": "tried"})


def standing(one: Container) -> Container:
    """A container's facts without what is new at each start and each connect."""
    places = tuple(
        msgspec.structs.replace(place, ipv4=place.fixed_ipv4, mac="", network_id="") for place in one.attachments
    )
    return msgspec.structs.replace(one, pid=0, started_at="", attachments=places)


# Facts -----------------------------------------------------------------------------------------------------------


def test_it_lists_every_container_whether_it_runs_or_not(site: Site) -> None:
    made = {
        site.suspect("up", "front", labels={"team": "red"}): ("up", "running", ("front",)),
        site.suspect("frozen", "none", state="paused"): ("frozen", "paused", ("none",)),
        site.suspect("never", state="created"): ("never", "created", ("bridge",)),
    }
    listed = {one.id: one for one in site.target.list_containers(site.deadline()) if one.id in made}
    assert {key: (one.name, one.state, one.networks) for key, one in listed.items()} == made
    for key, one in listed.items():
        facts = site.examine(key)
        assert (facts.id, facts.name, facts.host, facts.state) == (one.id, one.name, one.host, one.state)
        assert (facts.image, facts.image_digest) == (one.image, one.image_id)
        assert facts.labels.get("team") == one.labels.get("team")


def test_it_examines_by_full_id(site: Site) -> None:
    web = site.examine(site.suspect("web", FRONT, restart="on-failure:3"))
    place = web.attachment("front")
    assert place is not None
    assert (place.fixed_ipv4, place.ipv4, set(place.aliases)) == ("10.88.1.7", "10.88.1.7", {"web", "shop"})
    assert web.restart_policy == RestartPolicy(name="on-failure", maximum_retries=3)
    assert web.network_mode == "front"
    assert not web.auto_remove


def test_a_container_named_like_the_id_of_one_that_is_gone_is_not_taken_for_it(site: Site) -> None:
    assert site.examine(site.suspect(NO_SUCH)).name == NO_SUCH
    with pytest.raises(TargetError) as caught:
        site.examine(NO_SUCH)
    assert caught.value.kind is Refusal.ABSENT


def test_an_absent_container_is_absent(site: Site) -> None:
    with pytest.raises(TargetError) as caught:
        site.examine(NO_SUCH)
    assert caught.value.kind is Refusal.ABSENT


# Every change and its opposite -----------------------------------------------------------------------------------

CHANGES: list[tuple[str, State, Make]] = [
    ("pause", "running", Pause),
    ("unpause", "paused", Unpause),
    ("stop", "running", lambda one: Stop(one, 0)),
    ("stop a paused one", "paused", lambda one: Stop(one, 0)),
    ("kill", "running", Kill),
    ("start", "exited", Start),
    ("set restart policy", "running", set_policy("no")),
    ("set restart policy of a paused one", "paused", set_policy("always")),
    ("limit CPU", "running", set_limits(cpu_quota=10_000)),
    ("limit CPU of a paused one", "paused", set_limits(cpu_quota=10_000)),
    ("limit memory", "running", set_limits(memory=64 * MIB, memory_swap=128 * MIB)),
    ("limit memory of one that ended", "exited", set_limits(memory=64 * MIB, memory_swap=64 * MIB)),
    ("limit processes", "running", set_limits(pids=20)),
    ("limit processes of one that ended", "exited", set_limits(pids=20)),
    ("limit all", "paused", set_limits(cpu_quota=50_000, memory=64 * MIB, memory_swap=128 * MIB, pids=20)),
    ("disconnect", "running", disconnect("front")),
    ("disconnect a paused one", "paused", disconnect("front")),
    ("disconnect one that ended", "exited", disconnect("front")),
    ("disconnect from an address the engine chose", "running", disconnect("back")),
    ("disconnect from the default bridge", "running", disconnect("bridge")),
    ("connect", "running", connect("spare", fixed_ipv4="10.88.3.9", aliases=("other",))),
    ("connect one that ended", "exited", connect("spare")),
]


@pytest.mark.parametrize(("state", "make"), [one[1:] for one in CHANGES], ids=[one[0] for one in CHANGES])
def test_a_change_takes_hold_and_its_opposite_takes_it_back(site: Site, state: State, make: Make) -> None:
    on_bridge = make("") == Disconnect("", "bridge")
    places = ("bridge",) if on_bridge else (FRONT, "back")
    web = site.suspect("web", *places, state=state, restart="no" if state == "exited" else "on-failure:3")
    before = site.examine(web)
    operation = make(web)
    assert operation.inapplicable(before) == ""
    undo = operation.undo(before)
    assert undo
    site.apply(operation)
    after = site.examine(web)
    assert operation.verify(after) == ""
    assert operation.inapplicable(after) != ""
    assert standing(after) != standing(before)
    for step in undo:
        now = site.examine(web)
        assert step.inapplicable(now) == ""
        site.apply(step)
        assert step.verify(site.examine(web)) == ""
    assert standing(site.examine(web)) == standing(before)


def test_off_one_network_it_stays_on_the_other(site: Site) -> None:
    web = site.suspect("web", "front", "back")
    site.apply(Disconnect(web, "front"))
    assert [place.network for place in site.examine(web).attachments] == ["back"]


def test_off_all_networks_it_stays_off_when_it_is_started_again(site: Site) -> None:
    web = site.suspect("web", "front")
    site.apply(Disconnect(web, "front"), Stop(web, 0), Start(web))
    assert site.examine(web).attachments == ()


def test_stopping_one_made_with_rm_removes_it(site: Site) -> None:
    web = site.suspect("web", auto_remove=True)
    site.apply(Stop(web, 0))
    assert site.is_gone(web)


# Limits ----------------------------------------------------------------------------------------------------------

MADE_WITH = [
    ({"nano_cpus": 500_000_000}, {"nano_cpus": 100_000_000}),
    ({"cpu_quota": 30_000, "cpu_period": 50_000}, {"cpu_quota": 5_000, "cpu_period": 50_000}),
    ({"cpu_quota": 30_000}, {"cpu_quota": 10_000}),
    ({"memory": 100 * MIB, "memory_swap": 200 * MIB}, {"memory": 64 * MIB}),
    ({"memory": 100 * MIB, "memory_swap": UNLIMITED}, {"memory": 64 * MIB, "memory_swap": UNLIMITED}),
    ({"pids": 50}, {"pids": 20}),
]


@pytest.mark.parametrize("state", ["running", "paused", "exited"])
@pytest.mark.parametrize(("made_with", "wish"), MADE_WITH)
def test_limits_it_was_made_with_come_back(
    site: Site, made_with: dict[str, int], wish: dict[str, int], state: State
) -> None:
    web = site.suspect("web", state=state, limits=made_with)
    before = site.examine(web)
    assert before.limits == Limits(**made_with)
    operation = SetLimits(web, Limits(**wish))
    site.apply(operation)
    assert operation.verify(site.examine(web)) == ""
    site.apply(*operation.undo(before))
    assert site.examine(web) == before


def test_a_limit_that_was_taken_away_is_none_after_a_start_either(site: Site) -> None:
    web = site.suspect("web")
    wish = Limits(cpu_quota=10_000, memory=64 * MIB, memory_swap=128 * MIB, pids=20)
    site.apply(SetLimits(web, wish), SetLimits(web, Limits().for_undo_of(wish)), Stop(web, 0), Start(web))
    now = site.examine(web)
    assert (now.state, now.limits) == ("running", Limits())


WRONG_LIMITS = [
    ({"nano_cpus": 500_000_000}, {"cpu_quota": 10_000, "cpu_period": 50_000}),
    ({"cpu_quota": 30_000, "cpu_period": 50_000}, {"nano_cpus": 100_000_000}),
    ({}, {"memory": 64 * MIB}),
    ({}, {"memory": 1 * MIB, "memory_swap": 64 * MIB}),
    ({"memory": 64 * MIB, "memory_swap": 64 * MIB}, {"memory": 128 * MIB}),
    ({"memory": 100 * MIB, "memory_swap": UNLIMITED}, {"memory": 64 * MIB}),
    ({"nano_cpus": 500_000_000}, {"nano_cpus": UNLIMITED}),
]


@pytest.mark.parametrize(("made_with", "wish"), WRONG_LIMITS)
def test_limits_that_cannot_be_are_refused_and_nothing_is_changed(
    site: Site, made_with: dict[str, int], wish: dict[str, int]
) -> None:
    web = site.suspect("web", limits=made_with)
    error = site.refusal(SetLimits(web, Limits(**wish)))
    assert error.kind is Refusal.REFUSED, error.reason
    assert site.examine(web).limits == Limits(**made_with)


# Networks for one container --------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_host", [True, False])
def test_a_network_is_made_used_and_removed(site: Site, has_host: bool) -> None:
    web = site.suspect("web", "front")
    make = msgspec.structs.replace(quarantine(web), has_host=has_host)
    outcome = site.apply(make)
    assert outcome.proof == Proof.asserted("the engine calls it internal")
    made = site.target.examine_network(make.network, site.deadline())
    assert (made.name, made.internal, made.endpoints) == (make.network, True, ())
    assert made.labels.items() >= make.labels.items()
    try:
        site.apply(Disconnect(web, "front", ()), Connect(web, Attachment(network=make.network), alone=True))
        made = site.target.examine_network(make.network, site.deadline())
        place = site.examine(web).attachment(make.network)
        assert place is not None and place.ipv4
        assert [(one.container, one.name, one.ipv4) for one in made.endpoints] == [(web, "web", place.ipv4)]
    finally:
        site.apply(Disconnect(web, make.network), RemoveNetwork(web, make.network))
    with pytest.raises(TargetError) as caught:
        site.target.examine_network(make.network, site.deadline())
    assert caught.value.kind is Refusal.ABSENT


def test_a_network_that_is_gone_need_not_be_removed(site: Site) -> None:
    web = site.suspect("web", "front")
    assert site.apply(RemoveNetwork(web, "irkit-never-made")).detail == "it is gone already"


def test_a_network_that_irkit_did_not_make_is_not_removed(site: Site) -> None:
    error = site.refusal(RemoveNetwork(site.suspect("web"), "spare"))
    assert error.kind is Refusal.REFUSED and "irkit did not make it" in error.reason
    assert site.target.examine_network("spare", site.deadline()).name == "spare"


@pytest.mark.parametrize("state", ["running", "exited"])
def test_a_network_that_others_have_joined_stays_and_they_are_named(site: Site, state: State) -> None:
    web, make = site.suspect("web", "front"), quarantine(site.suspect("other", "front", state=state))
    site.apply(make, Connect(make.container, Attachment(network=make.network)))
    try:
        error = site.refusal(RemoveNetwork(web, make.network))
        assert error.kind is Refusal.REFUSED and "in use by other" in error.reason
    finally:
        site.apply(Disconnect(make.container, make.network), RemoveNetwork(web, make.network))


def test_a_network_of_that_name_is_not_made_twice(site: Site) -> None:
    make = quarantine(site.suspect("web", "front"))
    site.apply(make)
    try:
        assert site.refusal(make).kind is Refusal.REFUSED
        other = msgspec.structs.replace(make, network=f"{make.network}-2")
        assert site.refusal(other).reason, "its device is taken"
        with pytest.raises(TargetError):
            site.target.examine_network(other.network, site.deadline())
    finally:
        site.apply(RemoveNetwork(make.container, make.network))


# Why it says no --------------------------------------------------------------------------------------------------

TWICE = (Refusal.ALREADY, Refusal.REFUSED)
REFUSALS: list[tuple[str, State, str, Make, tuple[Refusal, ...]]] = [
    ("disconnect twice", "running", "back", disconnect("front"), (Refusal.ALREADY,)),
    ("connect twice", "running", "front", connect("front"), TWICE),
    ("pause twice", "paused", "front", Pause, TWICE),
    ("pause one that ended", "exited", "front", Pause, TWICE),
    ("unpause one that runs", "running", "front", Unpause, TWICE),
    ("kill one that ended", "exited", "front", Kill, TWICE),
    ("off the host's network", "running", "host", disconnect("host"), (Refusal.REFUSED,)),
    ("host network, onto another", "running", "host", connect("front"), (Refusal.REFUSED,)),
    ("network of another, off it", "running", "container:owner", disconnect("front"), TWICE),
    ("network of another, onto one", "running", "container:owner", connect("back"), (Refusal.REFUSED,)),
    ("off a network that is not there", "running", "front", disconnect("nowhere"), (Refusal.ABSENT,)),
    ("onto a network that is not there", "running", "front", connect("nowhere"), (Refusal.ABSENT,)),
    ("alias on the default bridge", "running", "front", connect("bridge", aliases=("web",)), (Refusal.REFUSED,)),
    ("address on the default bridge", "running", "front", connect("bridge", fixed_ipv4="172.17.0.9"), TWICE),
    ("list processes of one that ended", "exited", "front", ListProcesses, (Refusal.REFUSED,)),
]


@pytest.mark.parametrize(
    ("state", "network", "make", "kinds"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS]
)
def test_it_says_why_not_and_leaves_things_as_they_are(
    site: Site, state: State, network: str, make: Make, kinds: tuple[Refusal, ...]
) -> None:
    if network.startswith("container:"):
        site.suspect("owner", "front")
    web = site.suspect("web", network, state=state)
    before = site.examine(web)
    error = site.refusal(make(web))
    assert error.kind in kinds, error.reason
    assert error.reason
    assert site.examine(web) == before


OF_A_CONTAINER: list[Make] = [
    Pause,
    Unpause,
    Stop,
    Kill,
    Start,
    Inspect,
    ListProcesses,
    ReadStats,
    ReadLogs,
    Diff,
    Export,
]
OF_A_CONTAINER += [disconnect("front"), connect("front"), set_policy("no"), lambda one: CopyOut(one, "/", 10)]
OF_A_CONTAINER += [lambda one: Commit(one, "irkit/x:1"), set_limits(pids=20)]


def test_an_absent_container_refuses_everything(site: Site) -> None:
    for make in OF_A_CONTAINER:
        error = site.refusal(make(NO_SUCH))
        assert error.kind is Refusal.ABSENT, f"{make}: {error.reason}"


def test_the_restart_policy_of_one_made_with_rm_stays(site: Site) -> None:
    web = site.suspect("web", auto_remove=True)
    assert site.refusal(set_policy("always")(web)).kind is Refusal.REFUSED
    assert site.examine(web).restart_policy == NO_RESTART


def test_an_address_that_is_taken_is_refused(site: Site) -> None:
    site.suspect("first", FRONT)
    web = site.suspect("web", "none")
    site.apply(Disconnect(web, "none"))
    wanted = connect("front", fixed_ipv4="10.88.1.7")(web)
    assert site.refusal(wanted).kind is Refusal.REFUSED
    now = site.examine(web)
    assert now.attachment("front") is None
    assert wanted.inapplicable(now) == ""
    assert wanted.verify(now) != ""


def test_one_that_ended_may_wish_for_an_address_that_is_taken_but_not_start_with_it(site: Site) -> None:
    site.suspect("first", FRONT)
    web = site.suspect("web", "back", state="exited")
    site.apply(connect("front", fixed_ipv4="10.88.1.7")(web))
    assert site.examine(web).attachment("front") is not None
    assert site.refusal(Start(web)).kind is Refusal.REFUSED


def test_what_is_so_already_is_no_failure_of_stop_and_start(site: Site) -> None:
    web = site.suspect("web", state="exited")
    site.apply(Stop(web, 0))
    assert site.examine(web).state == "exited"
    site.apply(Start(web), Start(web))
    assert site.examine(web).state == "running"


def test_a_cancelled_operation_is_not_begun(site: Site) -> None:
    web = site.suspect("web")
    cancel = Cancel()
    cancel.set()
    with pytest.raises(TargetError) as caught:
        site.collect(Pause(web), cancel)
    assert caught.value.kind is Refusal.CANCELLED
    assert site.examine(web).state == "running"


# Evidence --------------------------------------------------------------------------------------------------------

READS: list[Make] = [Inspect, ListProcesses, ReadStats, Diff, Export, lambda one: CopyOut(one, "/app", 10**9)]
READS += [lambda one: ReadEngine("info"), lambda one: ReadEngine("version"), lambda one: InspectNetwork("front")]


def test_what_is_read_is_evidence_where_the_operation_says(site: Site) -> None:
    web = site.suspect("web", "front")
    for operation in (make(web) for make in READS):
        _, evidence = site.collect(operation)
        assert operation.file in [item.path.split("/", 3)[3] for item in evidence]
        assert all(item.size for item in evidence)
        assert not any(item.partial for item in evidence)


NOT_THERE: list[Make] = [lambda one: CopyOut(one, "/no/such", 10), lambda one: SaveImage(one, "irkit/no:1")]
NOT_THERE += [lambda one: RemoveImage(one, "irkit/no:1"), lambda one: InspectImage("sha256:" + NO_SUCH)]
NOT_THERE += [lambda one: ReadImageHistory("sha256:" + NO_SUCH), lambda one: InspectNetwork("nowhere")]
NOT_THERE += [lambda one: ReadImage("sha256:" + NO_SUCH, "run")]


def test_what_is_not_there_is_absent(site: Site) -> None:
    web = site.suspect("web")
    for make in NOT_THERE:
        error = site.refusal(make(web))
        assert error.kind is Refusal.ABSENT, error.reason


def test_the_engines_own_log_files_are_evidence(site: Site) -> None:
    _, evidence = site.collect(ReadLogFiles(site.suspect("web"), 10**9))
    assert [item.path.endswith("/files.json") for item in evidence].count(True) == 1


def test_both_streams_of_the_logs_are_evidence(site: Site) -> None:
    _, evidence = site.collect(ReadLogs(site.suspect("web")))
    assert {"stdout.log", "stderr.log"} <= {item.path.rpartition("/")[2] for item in evidence}


def test_the_image_of_a_container_has_facts_and_history(site: Site) -> None:
    image = site.examine(site.suspect("web")).image_digest
    for operation in (InspectImage(image), ReadImageHistory(image), ReadImage(image, "run")):
        _, evidence = site.collect(operation)
        assert [item.path.endswith(operation.file) for item in evidence].count(True) == 1


@pytest.mark.parametrize("case", ["IR-2026/042", "..", "_x__y_", "é" * 80])
def test_an_image_is_made_saved_and_removed_whatever_the_case_is_called(site: Site, case: str) -> None:
    web = site.suspect("web", state="paused")
    action = SnapshotCommit(save=True, remove=True)
    run = RunFacts(id="ab" * 16, case=case, responder="Ann")
    for operation in action.plan(site.examine(web), run):
        site.apply(operation)  # type: ignore[arg-type]
    assert site.examine(web).state == "paused"
    assert site.refusal(operation).kind is Refusal.ABSENT  # type: ignore[arg-type]


def test_a_name_that_no_engine_takes_makes_no_image(site: Site) -> None:
    assert site.refusal(Commit(site.suspect("web"), "irkit/_:1")).kind is Refusal.REFUSED


# Events ----------------------------------------------------------------------------------------------------------


def test_a_watch_tells_of_each_change_and_goes_on_where_it_ended(site: Site) -> None:
    web = site.suspect("web", "front", labels={"team": "red"})
    cancel = Cancel()
    watch = site.target.watch("", site.deadline(cancel))
    began = next(watch)
    assert (began.kind, began.action) == (WATCHING, "")
    site.apply(Pause(web), Unpause(web))
    unpaused = next_of(watch, web, "unpause")
    assert (unpaused.kind, unpaused.attributes["name"], unpaused.attributes["team"]) == ("container", "web", "red")
    site.apply(Kill(web))
    cancel.set()
    with pytest.raises(TargetError):
        list(watch)
    site.apply(Start(web), connect("back")(web))
    again = site.target.watch(unpaused.at, site.deadline(cancel := Cancel()))
    found = [next_of(again, web, action) for action in ("die", "start", "connect")]
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert (found[-1].kind, found[-1].network) == ("network", "back")
    cancel.set()
    with pytest.raises(TargetError):
        list(again)


def next_of(watch: Iterator[EngineEvent], container: str, action: str) -> EngineEvent:
    """The next event of that kind; an engine may tell more than was done."""
    return next(one for one in watch if one.container == container and one.action == action)
