"""Which containers a responder means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.memory_changes import full_id
from irkit.core.container import Summary
from irkit.core.errors import NoTargetError, UsageError
from irkit.engine.selection import concerned, select


def listed(name: str, id: str = "", **facts: object) -> Summary:
    known = {"host": "local", "image": "app:1", "state": "running", **facts}
    return Summary(id=(id or full_id(name)).ljust(64, "0"), name=name, **known)  # type: ignore[arg-type]


WEB = listed("web", "abc123", image="shop/web:2", labels={"team": "red", "tier": "front"})
DB = listed("db-1", "abd456", image="registry:5000/shop/db:9", labels={"team": "blue"})
OLD = listed("old", "fff000", image="shop/web@sha256:1234", state="exited")
ALL = [WEB, DB, OLD]


def names(*selectors: str, among: list[Summary] = ALL) -> list[str]:
    return [one.name for one in select(among, selectors)[0]]


@pytest.mark.parametrize("text", [WEB.id, "abc123", "abc", "web", "/web"])
def test_full_id_prefix_and_name_mean_the_container(text: str) -> None:
    assert names(text) == ["web"]


def test_a_prefix_of_several_lists_the_candidates() -> None:
    with pytest.raises(UsageError, match=r"may mean 2 containers: abc123000000 \(web\), abd456000000 \(db-1\)"):
        names("ab")


def test_many_candidates_are_not_all_listed() -> None:
    with pytest.raises(UsageError, match="and 5 more"):
        names("a", among=[listed(f"n{number}", f"a{number:x}") for number in range(15)])


def test_a_container_named_like_the_prefix_of_another_is_ambiguous() -> None:
    decoy = listed("abc123", "999999")
    with pytest.raises(UsageError, match="may mean 2 containers"):
        names("abc123", among=[WEB, decoy])
    assert names("name:abc123", among=[WEB, decoy]) == ["abc123"]


def test_a_full_id_is_never_ambiguous_whatever_others_are_named() -> None:
    decoy = listed(WEB.id, "999999")
    assert names(WEB.id, among=[decoy, WEB]) == ["web"]


def test_a_full_id_of_a_container_that_is_gone_means_none_whatever_others_are_named() -> None:
    decoy = listed(WEB.id, "999999")
    for selector in (WEB.id, f"local/{WEB.id}"):
        with pytest.raises(NoTargetError):
            names(selector, among=[decoy, DB])
    assert names(f"name:{WEB.id}", among=[decoy, DB]) == [WEB.id]


def test_one_name_on_two_hosts_is_ambiguous() -> None:
    with pytest.raises(UsageError):
        names("web", among=[WEB, listed("web", "eee", host="other")])


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("all", ["web", "db-1", "old"]),
        ("name:*b*", ["web", "db-1"]),
        ("name:WEB*", None),
        ("label:team", ["web", "db-1"]),
        ("label:team=r*", ["web"]),
        ("label:team=", None),
        ("label:", None),
        ("image:shop/web", ["web", "old"]),
        ("image:shop/web:2", ["web"]),
        ("image:registry:5000/shop/db", ["db-1"]),
        ("image:registry", None),
        ("image:*:9", ["db-1"]),
    ],
)
def test_globs_select_by_name_image_and_label(selector: str, found: list[str] | None) -> None:
    if found is None:
        with pytest.raises(NoTargetError):
            names(selector)
    else:
        assert names(selector) == found


@pytest.mark.parametrize("text", ["nothing", "", "/", "abcx", "*", "we", "label"])
def test_what_means_no_container_is_an_error(text: str) -> None:
    with pytest.raises(NoTargetError, match="the host has 3"):
        names(text)


def test_where_there_are_no_containers_the_error_says_so() -> None:
    with pytest.raises(NoTargetError, match="has no containers"):
        names("web", among=[])


def test_hostile_text_does_not_reach_the_message_raw() -> None:
    with pytest.raises(UsageError) as caught:
        names("a", among=[listed("\x1b[2J", "a1"), listed("ok", "a2")])
    assert "\x1b" not in str(caught.value)
    with pytest.raises(NoTargetError) as missing:
        names("\x1b]52;c;x\a")
    assert "\x1b" not in str(missing.value)


def test_who_is_named_twice_is_chosen_once_and_told() -> None:
    chosen, twice = select(ALL, ["web", "label:team", "old", "old"])
    assert [one.name for one in chosen] == ["web", "db-1", "old"]
    assert twice == {f"local/{WEB.id}", f"local/{OLD.id}"}


# Several hosts ---------------------------------------------------------------------------------------------------

NEAR, FAR = listed("web", "aaa111", host="near"), listed("web", "bbb222", host="far")
LONE = listed("lone", "ccc333", host="far", image="far/web:1", labels={"a/b": "c"})
BOTH = [NEAR, FAR, LONE]


def keys(*selectors: str, lost: tuple[str, ...] = (), hosts: tuple[str, ...] = ("near", "far")) -> list[str]:
    return [f"{one.host}/{one.name}" for one in select(BOTH, selectors, hosts, lost)[0]]


def test_a_name_on_several_hosts_is_shown_with_each_of_them() -> None:
    with pytest.raises(UsageError) as caught:
        keys("web")
    said = str(caught.value)
    assert said.startswith(
        "'web' may mean 2 containers: near/web (aaa111000000), far/web (bbb222000000): give HOST/NAME"
    )


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("near/web", ["near/web"]),
        ("far/bbb", ["far/web"]),
        ("far//web", ["far/web"]),
        ("far/all", ["far/web", "far/lone"]),
        ("far/name:l*", ["far/lone"]),
        ("far/image:far/web", ["far/lone"]),
        ("lone", ["far/lone"]),
        ("image:far/web", ["far/lone"]),
        ("label:a/b", ["far/lone"]),
        ("all", ["near/web", "far/web", "far/lone"]),
    ],
)
def test_a_host_before_a_target_limits_it_to_that_host(selector: str, found: list[str]) -> None:
    assert keys(selector) == found


def test_a_host_that_was_not_chosen_is_an_error_that_says_how_to_choose_it() -> None:
    with pytest.raises(UsageError, match=r"host 'other' is not among those chosen \(near, far\): --host chooses it"):
        keys("other/web")


def test_what_is_on_a_host_that_was_not_reached_means_nothing_and_is_no_error() -> None:
    assert keys("gone/web", "lone", lost=("gone",)) == ["far/lone"]
    assert keys("gone/all", lost=("gone",)) == []


@pytest.mark.parametrize(
    ("selector", "lost", "said"),
    [
        ("nothing", (), r"the hosts have 3: irkit ls lists them\)"),
        ("nothing", ("gone",), r"the hosts have 3: irkit ls lists them; not reached: gone\)"),
        ("near/nothing", ("gone",), r"the host has 1: irkit ls lists them\)"),
        ("name:nothing", ("gone",), r"not reached: gone\)"),
    ],
)
def test_what_means_nothing_says_what_there_is(selector: str, lost: tuple[str, ...], said: str) -> None:
    with pytest.raises(NoTargetError, match=said):
        keys(selector, lost=lost)


def test_a_host_without_containers_is_one_that_was_asked() -> None:
    with pytest.raises(NoTargetError, match=r"the host has no containers"):
        keys("empty/web", hosts=("near", "far", "empty"))


def test_the_same_id_on_two_hosts_is_ambiguous_and_never_named_twice() -> None:
    twin = listed("twin", NEAR.id, host="far")
    with pytest.raises(UsageError, match="may mean 2"):
        select([NEAR, twin], [NEAR.id])
    chosen, twice = select([NEAR, twin], ["near/all", "far/all"])
    assert len(chosen) == 2 and twice == frozenset()
    assert select([NEAR, twin], ["near/web", "all"])[1] == {f"near/{NEAR.id}"}


def test_which_hosts_may_be_meant() -> None:
    hosts = ["near", "far", "third"]
    assert concerned(hosts, ["near/web", "third/all"]) == ["near", "third"]
    assert concerned(hosts, ["near/web", "web"]) == hosts
    assert concerned(hosts, ["image:near/web"]) == hosts
    assert concerned(hosts, ["nowhere/web"]) == hosts, "to say what there is"
    assert concerned(hosts, []) == hosts


MADE = st.tuples(st.sampled_from("ab"), st.sampled_from(["web", "db", "0", "all"]), st.text("01", max_size=2))
GIVEN = st.sampled_from(["web", "db", "0", "01", "all", "a/web", "b/0", "a/all", "b/name:*", "name:w*"])


@given(st.lists(MADE), st.lists(GIVEN, max_size=3))
def test_what_is_chosen_was_listed_and_is_on_the_host_that_was_named(
    made: list[tuple[str, str, str]], selectors: list[str]
) -> None:
    listing = list({(host, id): listed(name, id, host=host) for host, name, id in made}.values())
    try:
        chosen, twice = select(listing, selectors, ("a", "b"))
    except (NoTargetError, UsageError):
        return
    assert all(one in listing for one in chosen) and len({(one.host, one.id) for one in chosen}) == len(chosen)
    assert twice <= {f"{one.host}/{one.id}" for one in chosen}
    named = {selector.partition("/")[0] for selector in selectors if "/" in selector}
    if selectors and all("/" in selector for selector in selectors):
        assert {one.host for one in chosen} <= named
