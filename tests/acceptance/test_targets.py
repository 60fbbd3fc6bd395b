"""Which containers are meant: every way to say it, and what is said where it is not clear (the real engine)."""

import pytest

from tests.acceptance.command import Irkit
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEP = ("sleep", "1000")


@pytest.fixture(scope="module")
def fleet(shared: Lab) -> dict[str, str]:
    """Containers by name; `twin` is named like the start of another one's id."""
    made = {
        "web-1": shared.make(Suspect(name="web-1", labels={"tier": "web", "zone": "a"}, command=SLEEP)),
        "web-2": shared.make(Suspect(name="web-2", labels={"tier": "web"}, command=SLEEP, state="exited")),
        "db": shared.make(Suspect(name="db", labels={"tier": "db"}, command=SLEEP, state="created")),
    }
    made["other-image"] = shared.make(Suspect(name="other-image"))
    made["twin"] = shared.make(Suspect(name=made["db"][:12], command=SLEEP))
    return made


def listed(irkit: Irkit, *words: str) -> set[str]:
    return {one["id"] for one in irkit.here("ls", *words, "--json").json}


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("web-1", ["web-1"]),
        ("/web-1", ["web-1"]),
        ("web-2", ["web-2"]),
        ("name:web-*", ["web-1", "web-2"]),
        ("name:web-1", ["web-1"]),
        ("name:*b*", ["web-1", "web-2", "db"]),
        ("label:tier", ["web-1", "web-2", "db"]),
        ("label:tier=web", ["web-1", "web-2"]),
        ("label:tier=w*", ["web-1", "web-2"]),
        ("label:zone=a", ["web-1"]),
        ("image:irkit-lab/base", ["web-1", "web-2", "db", "twin"]),
        ("image:irkit-lab/base:1", ["web-1", "web-2", "db", "twin"]),
        ("image:*/other-image*", ["other-image"]),
        ("all", ["web-1", "web-2", "db", "other-image", "twin"]),
    ],
)
def test_each_way_to_say_it_means_these(fleet: dict[str, str], irkit: Irkit, selector: str, names: list[str]) -> None:
    expected = {fleet[name] for name in names}
    found = listed(irkit, selector)
    if selector == "name:*b*":  # the twin's name is by chance
        found.discard(fleet["twin"])
        found.discard(fleet["other-image"])
    assert found == expected
    assert {one["id"] for one in irkit.here("inspect", selector, "--json").json} >= expected


def test_a_full_id_and_each_unique_prefix_mean_the_container(fleet: dict[str, str], irkit: Irkit) -> None:
    for name in ("web-1", "web-2", "other-image"):
        mine = fleet[name]
        assert listed(irkit, mine) == {mine}
        others = [other for other in fleet.values() if other != mine]
        shortest = next(size for size in range(1, 65) if not any(other.startswith(mine[:size]) for other in others))
        assert listed(irkit, mine[:shortest]) == listed(irkit, mine[:12]) == {mine}


def test_several_are_named_at_once_and_all_of_them_are_collected(fleet: dict[str, str], irkit: Irkit) -> None:
    both = {fleet["web-1"], fleet["db"]}
    assert listed(irkit, "web-1", "label:tier=db", "name:web-1") == both
    summary = irkit.run("triage", "web-1", "label:tier=db", "name:web-1")
    paths = [one["path"] for one in summary["evidence"]]
    for name in ("web-1", "db"):
        assert sum(f"/{name}-{fleet[name][:8]}/inspect.json" in path for path in paths) == 1
        assert sum(f"/{name}-{fleet[name][:8]}/logs/stdout.log" in path for path in paths) == 1


def test_a_prefix_that_several_have_lists_the_candidates(fleet: dict[str, str], lab: Lab, irkit: Irkit) -> None:
    ids = list(fleet.values())
    while len({one[0] for one in ids}) == len(ids):  # by the seventeenth two must begin alike
        ids.append(lab.make(Suspect(name=f"more-{len(ids)}", command=SLEEP, state="created")))
    first = ids[-1] if len(ids) > len(fleet) else next(one for one in ids if [two[0] for two in ids].count(one[0]) > 1)
    alike = [one for one in ids if one[0] == first[0]]
    for verb in (("ls",), ("inspect",), ("plan", "triage"), ("run", "triage")):
        ended = irkit.here(*verb, first[:1], status=2)
        assert len(ended.error_lines) == 1 and ended.out == ""
        assert f"may mean {len(alike)} containers" in ended.err and all(one[:12] in ended.err for one in alike)


def test_a_name_that_is_the_start_of_an_id_is_ambiguous(fleet: dict[str, str], irkit: Irkit) -> None:
    """Whoever may name a container must not have another one contained in its place."""
    name = fleet["db"][:12]
    for verb in (("ls",), ("inspect",), ("plan", "freeze"), ("run", "freeze", "--approve", "change")):
        ended = irkit.here(*verb, name, status=2)
        assert len(ended.error_lines) == 1
        assert f"{name} (db)" in ended.err and f"({name})" in ended.err
    assert listed(irkit, f"name:{name}") == {fleet["twin"]}
    assert listed(irkit, fleet["db"][:13]) == listed(irkit, fleet["db"]) == {fleet["db"]}


@pytest.mark.parametrize(
    "selector",
    ["nobody", "name:web", "name:WEB-*", "label:tier=none", "label:none", "image:none", "image:irkit-lab", "f" * 64],
)
def test_nothing_matched_is_exit_3(fleet: dict[str, str], irkit: Irkit, selector: str) -> None:
    for verb in (("ls",), ("inspect",), ("plan", "triage"), ("run", "triage")):
        ended = irkit.here(*verb, selector, status=3)
        assert len(ended.error_lines) == 1 and ended.out == ""
        assert selector[:20] in ended.err and "irkit ls lists them" in ended.err
    assert not irkit.evidence.exists()


@pytest.mark.parametrize("selector", ["", "/", "name:", "label:", "image:", "*"])
def test_what_names_nothing_means_nothing(fleet: dict[str, str], irkit: Irkit, selector: str) -> None:
    ended = irkit.here("run", "triage", selector, status=3)
    assert len(ended.error_lines) == 1


def test_one_of_several_that_matches_nothing_stops_the_whole(fleet: dict[str, str], irkit: Irkit) -> None:
    irkit.here("run", "triage", "web-1", "nobody", status=3)
    assert not irkit.evidence.exists()


def test_named_twice_is_collected_once_and_not_contained(fleet: dict[str, str], irkit: Irkit) -> None:
    ended = irkit("run", "freeze", "web-1", "label:zone=a", "--approve", "change", "--json", status=1)
    assert "named twice" in ended.json["refused"][0]["reason"]
    assert ended.json["changes"] == []
