"""Ansible inventories in INI form, read by the rules that Ansible has for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.ansible_ini import read_ini
from irkit.core.errors import PlaybookError


def variables(text: str, host: str = "h") -> dict[str, object]:
    return dict(read_ini(text, "inv").resolve().variables_of(host))


def groups(text: str) -> dict[str, tuple[str, ...]]:
    found = read_ini(text, "inv")
    resolved = found.resolve()
    return {host: resolved.groups_of(host) for host in found.hosts}


def refused(text: str) -> str:
    with pytest.raises(PlaybookError) as caught:
        read_ini(text, "inv")
    return str(caught.value)


def test_sections_are_groups_and_what_comes_first_is_in_none() -> None:
    text = """
; a comment
  alone
[web]   # the front
w[1:2]
[db]
d1
w2
[site:children]
web
db  # and this
[web:vars]
# nothing
"""
    assert groups(text) == {
        "alone": (),
        "w1": ("site", "web"),
        "w2": ("db", "site", "web"),
        "d1": ("db", "site"),
    }


def test_groups_may_be_named_before_they_are_declared() -> None:
    text = "[a:children]\nb\n[b:vars]\nansible_user=x\n[b:children]\nc\n[c]\nh\n"
    assert groups(text) == {"h": ("a", "b", "c")}
    assert variables(text) == {"ansible_user": "x"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("h ansible_user=root", "root"),
        ("h  ansible_user=root   # root=x", "root"),
        ("h ansible_user=root#x", "root"),
        ("h ansible_user='root'", "root"),
        ('h ansible_user="ro ot"', "ro ot"),
        ("h ansible_user=\"'root'\"", "root"),
        ("h ansible_user=ro\\ ot", "ro ot"),
        ("h ansible_user=a=b", "a=b"),
        ("h ansible_user=", ""),
        ("h ansible_user=a ansible_user=b", "b"),
        ("h ansible_user='a#b'", "a#b"),
        ("h\tansible_user=root", "root"),
    ],
)
def test_a_hosts_line_is_split_as_a_shell_would(line: str, value: str) -> None:
    assert variables(line) == {"ansible_user": value}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ansible_user=root", "root"),
        ("  ansible_user  =  root  ", "root"),
        ("ansible_user = ro ot", "ro ot"),
        ("ansible_user = 'ro ot'", "ro ot"),
        ('ansible_user = "root"  # the first', "root"),
        ("ansible_user = root # the first", "root # the first"),
        ("ansible_user = 22 # the port", "22"),
        ("ansible_user = a=b", "a=b"),
        ("ansible_user = 'a' 'b'", "'a' 'b'"),
        ("ansible_user =", ""),
    ],
)
def test_a_value_under_vars_is_the_rest_of_the_line(line: str, value: str) -> None:
    assert variables(f"[g]\nh\n[g:vars]\n{line}\n") == {"ansible_user": value}


def test_a_port_behind_the_host_counts_unless_a_variable_says_another() -> None:
    assert variables("h:2222") == {"ansible_port": "2222"}
    assert variables("h:2222 ansible_port=22") == {"ansible_port": "22"}


def test_a_host_that_is_named_twice_has_the_variables_of_both_lines() -> None:
    text = "[a]\nh ansible_user=x ansible_port=1\n[b]\nh ansible_user=y\n"
    assert variables(text) == {"ansible_user": "y", "ansible_port": "1"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[web\n", "inv:1: '[web': a range looks like"),
        ("x\n[we b]\nh\n", "inv:2: a section is [group]"),
        ("[web:]\n", "inv:1: a section is [group]"),
        ("[web:hots]\n", "inv:1: a section [group:hots] is not known"),
        ("[web:vars]\nansible_user=x\n", "inv:1: there is no group 'web' to have variables"),
        ("h\n[a:children]\n\nb\n", "inv:4: there is no group 'b' to be a child"),
        ("[a:children]\nb:c\n", "inv:2: under [group:children]"),
        ("[a]\nh\n[a:vars]\nansible_user\n", "inv:4: under [group:vars] each line is variable=value"),
        ("h root\n", "inv:1: after the host each word must be variable=value"),
        ("h ansible_password=hunter2 hunter3\n", "inv:1: after the host each word must be variable=value"),
        ("h ansible_user='x\n", "inv:1: a quote in the line is not closed"),
        ("h: x\n", "inv:1: after the host"),
        ("h:\n", "inv:1: a host must not end with a colon"),
        ("h[1:99999]\n", "inv:1: 'h[1:99999]' stands for too many hosts"),
        ("a[1:9999]\nb[1:9]\n", "inv:2: more than 10000 hosts"),
        ("[a:children]\nall\n", "inv:2: the group all cannot be a child"),
        ("h ansible_user=" + "x" * 70_000, "inv:1: the line is too long"),
        ("\x1b[31m\n", "inv:1: '␛[31m'"),
    ],
)
def test_what_ansible_would_refuse_is_refused_with_its_line(text: str, words: str) -> None:
    assert words in refused(text)
    assert "hunter" not in refused(text)


@given(st.lists(st.text("[]:=#;'\"\\ab19 \t", max_size=20), max_size=6))
def test_whatever_stands_there_is_an_inventory_or_one_line(lines: list[str]) -> None:
    try:
        read_ini("\n".join(lines), "inv")
    except PlaybookError as error:
        assert str(error).isprintable()
