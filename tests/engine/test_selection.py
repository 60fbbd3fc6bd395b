"""Which containers a responder means."""

import pytest

from irkit.adapters.memory import full_id
from irkit.core.container import Summary
from irkit.core.errors import NoTargetError, UsageError
from irkit.engine.selection import select


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
