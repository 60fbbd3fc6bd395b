"""Ansible inventories in YAML form: their anchors, merge keys and tags are read, and none of them costs anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters import ansible_yaml
from irkit.adapters.ansible_tree import Hidden
from irkit.adapters.ansible_yaml import read_plain, read_yaml
from irkit.core.errors import UsageError


def groups(text: str) -> dict[str, tuple[str, ...]]:
    found = read_yaml(text, "inv")
    resolved = found.resolve()
    return {host: resolved.groups_of(host) for host in found.hosts}


def variables(text: str, host: str = "h") -> dict[str, object]:
    return dict(read_yaml(text, "inv").resolve().variables_of(host))


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_yaml(text, "inv")
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_groups_hosts_and_children_are_read() -> None:
    text = """
all:
  hosts:
    alone:
  children:
    web:
      hosts:
        w[1:2]:
        w3: {}
    site:
      children:
        web:
        db: {hosts: d1}
other:
  hosts: {w1: }
"""
    assert groups(text) == {
        "alone": (),
        "w1": ("other", "site", "web"),
        "w2": ("site", "web"),
        "w3": ("site", "web"),
        "d1": ("db", "site"),
    }


def test_an_inventory_in_json_is_one_in_yaml_too() -> None:
    assert groups('{"all": {"children": {"web": {"hosts": {"h": null}}}}}') == {"h": ("web",)}


def test_variables_of_hosts_and_groups_are_read_as_text() -> None:
    text = """
all: {vars: {ansible_user: all, ansible_port: 22}}
web:
  vars: {ansible_become: yes, ansible_user: ~}
  hosts:
    h: {ansible_port: 2222, ansible_host: "10.0.0.1", other: [1, {a: b}]}
    p:2200: {}
"""
    assert variables(text) == {
        "ansible_user": "", "ansible_port": "2222", "ansible_become": "yes", "ansible_host": "10.0.0.1",
    }  # fmt: skip
    assert variables(text, "p")["ansible_port"] == "2200"


def test_anchors_and_merge_keys_stand_for_what_they_name() -> None:
    text = """
all:
  vars: &base {ansible_user: base, ansible_port: 1}
  hosts:
    h: {<<: *base, ansible_port: 2}
    i: {ansible_port: 3, <<: [{ansible_port: 4, ansible_host: x}, *base]}
    j: *base
"""
    assert variables(text) == {"ansible_user": "base", "ansible_port": "2"}
    assert variables(text, "i") == {"ansible_user": "base", "ansible_port": "3", "ansible_host": "x"}
    assert variables(text, "j") == {"ansible_user": "base", "ansible_port": "1"}


def test_what_is_encrypted_or_no_text_is_known_to_be_so_and_not_looked_at() -> None:
    text = """
all:
  hosts:
    h:
      ansible_user: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        6162
      ansible_host: !unsafe 10.0.0.1
      ansible_port: !!int 22
      ansible_become: !new:os.system [ls]
      ansible_connection: [ssh]
"""
    assert variables(text) == {
        "ansible_user": Hidden.VAULT,
        "ansible_host": "10.0.0.1",
        "ansible_port": "22",
        "ansible_become": Hidden.OTHER,
        "ansible_connection": Hidden.OTHER,
    }


def test_keys_that_ansible_does_not_know_are_told() -> None:
    assert list(read_yaml("all: {host: {h: }}", "inv").notes) == [
        "'host' in a group is not known: there are vars, children, hosts"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plugin: aws_ec2\nregions: [x]\n", "inv: an inventory that a plugin makes is not run"),
        ("- a\n", "inv: an inventory is a mapping"),
        ("all: [h]\n", "inv: the group 'all' must be a mapping with vars, children, hosts"),
        ("all: h\n", "inv: the group 'all' must be a mapping"),
        ("all: {hosts: [h]}\n", "inv: hosts of the group 'all' must be a mapping"),
        ("all: {children: {web: {children: [x]}}}\n", "inv: children of the group 'web' must be a mapping"),
        ("all: {hosts: {h: x}}\n", "inv: what is under the host 'h' must be a mapping of its variables"),
        ("all: {hosts: {'h[1:99999]': }}\n", "stands for too many hosts"),
        ("all: {children: {all: }}\n", "all cannot be a child"),
        ("all: {hosts\n", "inv:2:1: it is not YAML"),
        ("all: {}\n---\nall: {}\n", "inv:2:1: a second document begins here"),
        ("all: *x\n", "inv:1:6: the alias stands for nothing"),
        ("all: &x {children: {a: *x}}\n", "the alias stands for nothing"),
        ("all: {<<: x}\n", "what is merged with << must be a mapping"),
        ("all: {[a]: b}\n", "a key must be text"),
        ("all: " + "[" * 100 + "]" * 100, "nested more than 60 deep"),
        ("a\x00b: c", "inv: it is not YAML"),
        ("\x1b[31m: c", "inv: it is not YAML"),
    ],
)
def test_what_ansible_would_refuse_is_refused(text: str, words: str) -> None:
    assert words in refused(text)


def bomb(levels: int, width: int, form: str) -> str:
    """Each level names the one before many times."""
    lines = ["a0: &a0 {hosts: {h: }}"]
    for level in range(1, levels):
        below = ", ".join(form.format(number=number, anchor=f"*a{level - 1}") for number in range(width))
        lines.append(f"a{level}: &a{level} {{children: {{{below}}}}}")
    return "\n".join(lines)


def test_aliases_of_aliases_end_soon() -> None:
    assert "named more than" in refused(bomb(10, 10, "g{number}: {anchor}"))
    many = ", ".join(["*a"] * 200)
    text = "x: &a {" + ", ".join(f"k{number}: v" for number in range(1000)) + "}\n"
    text += "".join(f"y{number}: {{<<: [{many}]}}\n" for number in range(3))
    with pytest.raises(UsageError, match="more than 400000 values"):
        read_plain(text, "inv")


def test_a_long_line_of_aliases_ends_soon() -> None:
    assert "nested more than 60 deep" in refused(bomb(500, 1, "g{number}x: {anchor}"))


def test_a_large_file_is_within_reach_and_a_larger_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "all:\n  hosts:\n" + "".join(f"    h{number}: {{ansible_port: 22}}\n" for number in range(10_000))
    assert len(groups(text)) == 10_000
    monkeypatch.setattr(ansible_yaml, "_MAX_EVENTS", 1000)
    assert "more than 1000 values" in refused(text)


@given(st.text("{}[]:,&*<!ab\n '\"-|", max_size=40))
def test_whatever_stands_there_is_an_inventory_or_one_line(text: str) -> None:
    try:
        read_yaml(text, "inv")
    except UsageError as error:
        assert str(error).isprintable()
