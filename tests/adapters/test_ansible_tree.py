"""Groups and variables of an Ansible inventory: which value counts, which groups a host is in, and what is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters import ansible_tree
from irkit.adapters.ansible_tree import Tree
from irkit.core.errors import UsageError

USER = "ansible_user"


def tree(groups: dict[str, list[str]], users: dict[str, str], hosts: dict[str, list[str]]) -> Tree:
    """Groups with their children, users of groups, and hosts with their groups."""
    made = Tree()
    for group, children in groups.items():
        made.add_group(group)
        for child in children:
            made.add_child(group, child)
    for group, user in users.items():
        made.set_variables(group, {USER: user})
    for host, of in hosts.items():
        for group in of:
            made.add_host(host, group, 0, {})
    return made


def test_the_hosts_own_value_counts_before_that_of_any_group() -> None:
    made = tree({"a": []}, {"a": "group", "all": "all"}, {"h": ["a"]})
    made.add_host("h", "a", 0, {USER: "host"})
    assert made.resolve().variables_of("h")[USER] == "host"


def test_a_childs_value_counts_before_its_parents_and_that_before_all() -> None:
    groups = {"top": ["middle"], "middle": ["low"]}
    for users, wanted in [
        ({"all": "0", "top": "1", "middle": "2", "low": "3"}, "3"),
        ({"all": "0", "top": "1", "middle": "2"}, "2"),
        ({"all": "0", "top": "1"}, "1"),
        ({"all": "0"}, "0"),
    ]:
        assert tree(groups, users, {"h": ["low"]}).resolve().variables_of("h")[USER] == wanted


def test_the_longest_way_from_all_makes_the_depth() -> None:
    made = tree({"x": ["deep", "y"], "y": ["deep"], "zz": []}, {"deep": "deep", "zz": "shallow"}, {"h": ["deep", "zz"]})
    assert made.resolve().variables_of("h")[USER] == "deep"


def test_at_one_depth_the_last_name_counts_unless_another_has_priority() -> None:
    made = tree({"a": [], "b": []}, {"a": "a", "b": "b"}, {"h": ["b", "a"]})
    assert made.resolve().variables_of("h")[USER] == "b"
    made.set_variables("a", {ansible_tree.PRIORITY: "10"})
    assert made.resolve().variables_of("h")[USER] == "a"
    made.set_variables("a", {ansible_tree.PRIORITY: "many"})
    assert made.resolve().variables_of("h")[USER] == "b"


def test_priority_counts_among_groups_of_one_depth_only() -> None:
    made = tree({"top": ["low"], "wide": []}, {"low": "low", "wide": "wide"}, {"h": ["low", "wide"]})
    made.set_variables("wide", {ansible_tree.PRIORITY: "10"})
    assert made.resolve().variables_of("h")[USER] == "low"


def test_a_host_is_in_its_groups_and_in_all_above_them() -> None:
    groups = {"all": ["top"], "top": ["a", "b"], "other": ["b"]}
    resolved = tree(groups, {}, {"h": ["b"], "alone": ["ungrouped"], "up": ["top"]}).resolve()
    assert resolved.groups_of("h") == ("b", "other", "top")
    assert resolved.groups_of("up") == ("top",)
    assert resolved.groups_of("alone") == ()


def test_variables_that_do_not_matter_are_not_kept() -> None:
    made = Tree()
    made.add_host("h", "ungrouped", 0, {"db_password": "hunter2", USER: "me"})
    made.set_variables("all", {"secret": "hunter2"})
    assert made.resolve().variables_of("h") == {USER: "me"}
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize("groups", [{"a": ["a"]}, {"a": ["b"], "b": ["a"]}, {"a": ["b"], "b": ["c"], "c": ["a"]}])
def test_groups_in_a_circle_are_refused(groups: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="children of one another: a"):
        tree(groups, {}, {}).resolve()


def test_all_is_nobodys_child() -> None:
    with pytest.raises(UsageError, match="all cannot be a child"):
        Tree().add_child("a", "all")


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in [
        ("MAX_HOSTS", "more than 5 hosts"),
        ("_MAX_GROUPS", "more than 5 groups"),
        ("_MAX_LINKS", "more than 5 members"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(ansible_tree, name, 5)
            made = Tree()
            with pytest.raises(UsageError, match=words):
                for number in range(10):
                    made.add_host(f"h{number}", f"g{number}" if name == "_MAX_GROUPS" else "g", 0, {})


def test_a_large_inventory_is_within_reach() -> None:
    """Ten thousand hosts in groups below one another."""
    made = Tree()
    for number in range(500):
        made.add_child(f"g{number}", f"g{number + 1}")
        made.set_variables(f"g{number}", {USER: f"u{number}"})
    for number in range(10_000):
        made.add_host(f"h{number}", f"g{number % 100}", 0, {})
    resolved = made.resolve()
    assert resolved.variables_of("h9999")[USER] == "u99"
    assert len(resolved.groups_of("h9999")) == 100
    assert sum(len(resolved.groups_of(host)) for host in made.hosts) == 10_000 * 101 // 2


# The same by the book: walk down from all ------------------------------------------------------------------------

_names = st.sampled_from("abcdef")


@given(
    st.dictionaries(_names, st.lists(_names, max_size=3), max_size=6),
    st.sets(_names | st.just("all")),
    st.lists(_names, min_size=1, max_size=3),
)
def test_what_counts_is_what_a_walk_down_the_groups_meets_last(
    groups: dict[str, list[str]], valued: set[str], of: list[str]
) -> None:
    made = tree(groups, {name: name for name in valued}, {"h": of})
    try:
        resolved = made.resolve()
    except UsageError:
        return
    names = {*groups, *(child for below in groups.values() for child in below), *valued, *of} - {"all"}
    depth = dict.fromkeys(names, 1)
    for _ in names:
        for parent, below in groups.items():
            for child in below:
                depth[child] = max(depth[child], depth[parent] + 1)
    member = set(of)
    for _ in names:
        member |= {parent for parent, below in groups.items() if member & set(below)}
    met = ["all"] if "all" in valued else []
    met += sorted(member & valued - {"all"}, key=lambda name: (depth[name], name))
    assert resolved.variables_of("h").get(USER) == (met[-1] if met else None)
    assert resolved.groups_of("h") == tuple(sorted(member))
