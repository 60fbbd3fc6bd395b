"""Hosts of Ansible inventories: what their variables mean for irkit, who is left out, and what is said of the rest."""

import pytest

from irkit.adapters.ansible_inventory import read_ansible_ini, read_ansible_yaml
from irkit.core.errors import UsageError
from irkit.core.host import Host


def read(line: str) -> tuple[tuple[Host, ...], tuple[str, ...]]:
    hosts, notes = read_ansible_ini(line, "inv")
    return hosts, notes.lines


def only(line: str) -> Host:
    (host,), notes = read(line)
    assert notes == ()
    return host


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("web1", Host(name="web1", address="web1", reach="ssh")),
        ("web1:2222", Host(name="web1", address="web1", reach="ssh", port=2222)),
        ("web1 ansible_host=10.0.0.5", Host(name="web1", address="10.0.0.5", reach="ssh")),
        ("web1 ansible_host=fe80::1%eth0", Host(name="web1", address="fe80::1%eth0", reach="ssh")),
        ("web1 ansible_ssh_host=10.0.0.5", Host(name="web1", address="10.0.0.5", reach="ssh")),
        ("web1 ansible_user=ana ansible_port=22", Host(name="web1", address="web1", reach="ssh", user="ana", port=22)),
        ("web1 ansible_user=a ansible_ssh_user=b", Host(name="web1", address="web1", reach="ssh", user="b")),
        ("2001:db8::1", Host(name="2001:db8::1", address="2001:db8::1", reach="ssh")),
        ("web1 ansible_become=yes", Host(name="web1", address="web1", reach="ssh", sudo=True)),
        (
            "web1 ansible_become=True ansible_become_user=root",
            Host(name="web1", address="web1", reach="ssh", sudo=True),
        ),
        ("web1 ansible_become=no", Host(name="web1", address="web1", reach="ssh")),
        ("web1 ansible_connection=paramiko", Host(name="web1", address="web1", reach="ssh")),
        ("web1 ansible_connection=ansible.builtin.ssh", Host(name="web1", address="web1", reach="ssh")),
        ("localhost ansible_connection=local", Host(name="localhost", reach="local")),
        ("web1 other=x ansible_python_interpreter=/x", Host(name="web1", address="web1", reach="ssh")),
    ],
)
def test_a_host_is_reached_as_its_variables_say(line: str, host: Host) -> None:
    assert only(line) == host


@pytest.mark.parametrize("text", ["yes", "True", "true", "1", "on", "Y", "t"])
def test_what_ansible_takes_for_true_is_true(text: str) -> None:
    assert only(f"h ansible_become={text}").sudo


@pytest.mark.parametrize("text", ["no", "False", "0", "off", "maybe", ""])
def test_what_ansible_takes_for_false_is_false(text: str) -> None:
    assert not only(f"h ansible_become={text}").sudo


@pytest.mark.parametrize(
    ("arguments", "jump"),
    [
        ("-J gw", "gw"),
        ("-Jme@gw:22,inner", "me@gw:22,inner"),
        ("-o ProxyJump=gw", "gw"),
        ("-oProxyJump=me@gw", "me@gw"),
        ("-o 'ProxyJump gw'", "gw"),
        ("-o proxyjump=ssh://me@gw:22", "me@gw:22"),
        ("-o ProxyJump=none", ""),
        ("-o ProxyJump=one -J two", "one"),
        ('-o ProxyCommand="ssh -W %h:%p -q me@gw"', "me@gw"),
        ('-o ProxyCommand="ssh -p 2222 -W %h:%p gw"', "gw:2222"),
        ('-o ProxyCommand="ssh gw -W %h:%p"', ""),
        ("", ""),
    ],
)
def test_the_hops_in_the_arguments_for_ssh_are_read(arguments: str, jump: str) -> None:
    quoted = arguments.replace("'", '"') if '"' not in arguments else arguments
    (host,), _ = read(f"h ansible_ssh_common_args='{quoted}'")
    assert host.jump == jump


def test_the_arguments_are_those_that_ansible_gives_to_ssh_in_its_order() -> None:
    line = "h ansible_ssh_extra_args='-J extra' ansible_ssh_common_args='-J common'"
    assert read(line)[0][0].jump == "common"
    assert read(f"{line} ansible_ssh_args='-J first'")[0][0].jump == "first"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("-o StrictHostKeyChecking=no", "StrictHostKeyChecking"),
        ("-F /etc/x", "-F"),
        ("-i key", "-i"),
        ('-o ProxyCommand="nc %h %p"', "ProxyCommand"),
        ('-o ProxyCommand="ssh -W %h:%p gw; id"', "ProxyCommand"),
        ('-o ProxyCommand="ssh -W %h:%p -o ProxyCommand=x gw"', "ProxyCommand"),
        ("-J one -o ProxyJump=two -C", "-C"),
        ("-o", ""),
    ],
)
def test_other_arguments_are_told_by_name_and_not_used(arguments: str, option: str) -> None:
    (host,), notes = read(f"h ansible_ssh_common_args='{arguments}'")
    assert host.name == "h"
    assert notes == (f"h: ansible_ssh_common_args: {option} is not used (~/.ssh/config may have it)",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("h ansible_connection=winrm", "irkit has no connection like 'winrm'"),
        ("h ansible_connection=community.docker.docker", "no connection like 'community.docker.docker'"),
        ("h ansible_host={{x}}", "its ansible_host is a template, and irkit evaluates none"),
        ("h ansible_user='{% if x %}a{% endif %}'", "its ansible_user is a template"),
        ("h ansible_ssh_common_args='-J {{ gw }}'", "its ansible_ssh_common_args is a template"),
        ("h ansible_become={{x}}", "its ansible_become is a template"),
        ("h ansible_port=ssh", "its port is not a number from 1 to 65535"),
        ("h ansible_port=65536", "its port is not a number"),
        ("h ansible_port=022", "its port is not a number"),
        ("h ansible_host=me@x", "its ansible_host is neither a host's name nor an IP address"),
        ("h ansible_host=-oProxyCommand=x", "its address: "),
        ("h ansible_host='a b'", "its address: "),
        ("h ansible_user=-x", "its ansible_user is not a user's name"),
        ("h ansible_user='a;id'", "its ansible_user is not a user's name"),
        ("h ansible_ssh_common_args='-J x:y'", "the way in its ansible_ssh_common_args is not user@host:port"),
        ("h ansible_ssh_common_args='-J $(id)@x'", "the way in its ansible_ssh_common_args is not"),
        ('h ansible_ssh_common_args="-J \'x"', "its ansible_ssh_common_args has a quote that is not closed"),
        ("all", "its name has a meaning of its own"),
        ("local", "its name has a meaning of its own"),
        ("local ansible_connection=local", "its name has a meaning of its own"),
        ("group:x ansible_host=y", "its name is not one that irkit takes"),
        ("-x", "its name is not one that irkit takes"),
        ("a/b", "its name is not one that irkit takes"),
        ("é", "its name is not one that irkit takes"),
        ("h*", "its name is not one that irkit takes"),
        ("x" * 101, "its name is not one that irkit takes"),
    ],
)
def test_a_host_that_only_ansible_could_reach_is_left_out_and_that_is_said(line: str, reason: str) -> None:
    hosts, (note, *_) = read(line)
    assert hosts == ()
    assert " is left out: " in note
    assert reason in note
    assert note.isprintable()


def test_what_is_left_out_does_not_keep_others_out() -> None:
    hosts, notes = read("a ansible_host={{x}}\nb\n")
    assert [host.name for host in hosts] == ["b"]
    assert len(notes) == 1


def test_many_that_are_left_out_are_counted() -> None:
    hosts, notes = read("h[1:200] ansible_connection=winrm\nok\n")
    assert [host.name for host in hosts] == ["ok"]
    assert len(notes) == 51
    assert notes[-1] == "and 150 more hosts are left out"


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("ansible_ssh_private_key_file=/secret/key", "IdentityFile"),
        ("ansible_password=hunter2", "--ask-pass"),
        ("ansible_ssh_pass='{{ vault_pass }}'", "--ask-pass"),
        ("ansible_become_password=hunter2", "sudo -n"),
        ("ansible_host_key_checking=False", "always checks host keys"),
        ("ansible_become=1 ansible_become_method=su", "irkit knows sudo"),
        ("ansible_become=1 ansible_become_user=postgres", "becomes root or nobody"),
    ],
)
def test_what_is_not_used_is_said_once_for_all_and_never_shown(variable: str, words: str) -> None:
    hosts, notes = read(f"h[1:3] {variable}")
    assert len(hosts) == 3
    assert not any(host.sudo for host in hosts)
    (note,) = notes
    assert note.startswith("h1 and 2 more: ")
    assert words in note
    assert "hunter2" not in note
    assert "secret" not in note


def test_secrets_are_in_no_host_and_no_note() -> None:
    text = """
all:
  vars:
    ansible_password: hunter2
    db_password: hunter2
    ansible_user: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      hunter2
  hosts: {h: {ansible_user: me}, i: }
"""
    hosts, notes = read_ansible_yaml(text, "inv")
    assert [host.user for host in hosts] == ["me"]
    assert notes.lines[0] == "i is left out: its ansible_user is encrypted with ansible-vault"
    assert "hunter2" not in repr((hosts, notes))


def test_groups_become_the_hosts_groups_and_odd_ones_are_told() -> None:
    hosts, notes = read("[web]\nh\n[w*b]\nh\n[site:children]\nweb\nw*b\n")
    assert hosts[0].groups == ("site", "web")
    assert notes == (
        "h: groups with other characters than letters, digits and _.:@- in their names are not taken over",
    )


def test_both_forms_of_one_inventory_give_the_same_hosts() -> None:
    ini = """
gw:2222
[web]
w[01:03] ansible_user=root
[db]
d1 ansible_host=10.0.0.9 ansible_become=yes
[site:children]
web
db
[site:vars]
ansible_user=deploy
ansible_ssh_common_args='-J gw'
"""
    yaml = """
ungrouped: {hosts: {"gw:2222": }}
site:
  vars: {ansible_user: deploy, ansible_ssh_common_args: -J gw}
  children:
    web: {hosts: {"w[01:03]": {ansible_user: root}}}
    db: {hosts: {d1: {ansible_host: 10.0.0.9, ansible_become: true}}}
"""
    assert read_ansible_ini(ini, "inv") == read_ansible_yaml(yaml, "inv")
    assert [host.user for host in read_ansible_ini(ini, "inv")[0]] == ["", "root", "root", "root", "deploy"]


@pytest.mark.parametrize("text", ["[a:children]\nb\n[b:children]\na\n"])
def test_groups_in_a_circle_are_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="inv: groups are children of one another: a, b"):
        read(text)
