"""Which hosts a responder means."""

import re
from pathlib import Path

import pytest

from irkit.app import Hosts, Setting, add_host, host_words, look_deadline, new_host
from irkit.core.errors import HostState, NoTargetError, UnreachableError, UsageError

INVENTORY = """
hosts:
  - {name: web1, address: 10.0.0.1, groups: [web], labels: {site: oslo}}
  - {name: web2, address: 10.0.0.2, groups: [web], labels: {site: rome}}
  - {name: db1, address: 10.0.0.3, user: ana, port: 2222}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    return tmp_path


@pytest.fixture
def setting(home: Path) -> Setting:
    path = home / "hosts.yml"
    path.write_text(INVENTORY)
    return Setting(environment={}, inventory=path)


def names(setting: Setting, *selectors: str) -> list[str]:
    return [host.name for host in setting.hosts(selectors)]


def test_without_a_word_it_is_this_machine_s_engine(setting: Setting) -> None:
    (host,) = setting.hosts()
    assert (host.name, host.reach, host.socket) == ("local", "local", "/var/run/docker.sock")
    assert setting.hosts(["local"]) == [host]


def test_local_is_what_docker_s_own_rules_name(home: Path) -> None:
    told = {"DOCKER_HOST": "ssh://ana@far:2222"}
    (host,) = Setting(environment=told).hosts()
    assert (host.name, host.reach, host.address, host.user, host.port) == ("local", "ssh", "far", "ana", 2222)


@pytest.mark.parametrize(
    ("selectors", "found"),
    [
        (["web1"], ["web1"]),
        (["web1,db1"], ["web1", "db1"]),
        (["db1", "web*"], ["db1", "web1", "web2"]),
        (["web2", "all"], ["web2", "web1", "db1"]),
        (["group:web"], ["web1", "web2"]),
        (["label:site=r*", "local"], ["web2", "local"]),
        (["web[12]"], ["web1", "web2"]),
        (["root@10.0.0.9:2222"], ["root@10.0.0.9:2222"]),
        (["ssh://root@10.0.0.9", "root@10.0.0.9"], ["root@10.0.0.9"]),
        (["root@[::1]:22"], ["root@[::1]:22"]),
        (["[2001:db8::7]:22"], ["[2001:db8::7]:22"]),
        (["[2001:db8::7]"], ["[2001:db8::7]"]),
        (["[fe80::1%eth0]:22"], ["[fe80::1%eth0]:22"]),
        (["tcp:[::1]:2375"], ["tcp:[::1]:2375"]),
        (["bastion"], ["bastion"]),
    ],
)
def test_hosts_are_named_by_inventory_address_and_ssh_s_own_names(
    setting: Setting, selectors: list[str], found: list[str]
) -> None:
    assert names(setting, *selectors) == found


def test_an_ipv6_address_is_no_glob_over_names(home: Path) -> None:
    (home / "x.yml").write_text("hosts: [{name: 'b:2299', address: 10.0.0.1}, {name: 'b:22', address: 10.0.0.2}]\n")
    setting = Setting(environment={}, inventory=home / "x.yml")
    (host,) = setting.hosts(["[2001:db8::7]:22"])
    assert (host.address, host.port, host.reach) == ("2001:db8::7", 22, "ssh")
    assert names(setting, "[ab]:22*") == ["b:2299", "b:22"]
    with pytest.raises(UsageError, match="the port must be a number"):
        setting.hosts(["[2001:db8::7]:*"])


@pytest.mark.parametrize(
    "selectors",
    [
        ["ssh://root@jump/run/docker.sock,ssh://root@jump/run/other.sock"],
        ["root@jump", "ssh://root@jump/run/other.sock"],
        ["web1", "ssh://web1"],
        ["group:web", "ssh://web2/run/x.sock"],
    ],
)
def test_two_hosts_of_one_name_are_refused_and_none_is_dropped(setting: Setting, selectors: list[str]) -> None:
    with pytest.raises(UsageError, match=r"two hosts called '\S+'.*put one of them into hosts\.yml under a name"):
        setting.hosts(selectors)


ANSIBLE = """
[web]
jump ansible_ssh_private_key_file=/k
web2 ansible_host="{{ foo }}"
web3 ansible_host=10.0.0.3 ansible_ssh_common_args='-o ProxyCommand="corkscrew p 80 %h %p"'

[other]
a/b ansible_port=none
db ansible_ssh_private_key_file=/k
local ansible_connection=local
"""


@pytest.fixture
def ansible(home: Path) -> Setting:
    (home / "inv.ini").write_text(ANSIBLE)
    return Setting(environment={}, inventory=home / "inv.ini")


@pytest.mark.parametrize(
    ("selector", "chosen", "left_out"),
    [
        ("group:web", ["jump", "web3", "web2"], ["web2"]),
        ("web*", ["web3", "web2"], ["web2"]),
        ("web2", ["web2"], ["web2"]),
        ("jump", ["jump"], []),
        ("ssh://web2", ["web2"], []),
    ],
)
def test_a_host_that_the_inventory_leaves_out_is_among_those_meant_and_is_not_reached(
    ansible: Setting, selector: str, chosen: list[str], left_out: list[str]
) -> None:
    with ansible.fleet([selector]) as fleet:
        assert [host.name for host in fleet.hosts] == chosen
        for host in fleet.hosts if left_out else ():
            if host.name in left_out:
                with pytest.raises(UnreachableError, match="its ansible_host is a template") as caught:
                    fleet.reach(host, look_deadline())
                assert caught.value.state is HostState.LEFT_OUT


def test_whatever_a_host_is_called_that_is_left_out_it_is_among_all(ansible: Setting) -> None:
    with ansible.fleet(["all"]) as fleet:
        names = [host.name for host in fleet.hosts]
    assert names[:4] == ["jump", "web3", "db", "web2"] and len(names) == 6
    assert re.fullmatch("a-b-[0-9a-f]{8}", names[4]) and re.fullmatch("local-[0-9a-f]{8}", names[5])
    assert [host.reach for host in ansible.hosts(["local"])] == ["local"]


def test_a_host_that_is_left_out_is_refused_where_one_is_wanted(ansible: Setting) -> None:
    with pytest.raises(UsageError, match="the inventory leaves host web2 out: its ansible_host is a template"):
        ansible.hosts(["web2"])


@pytest.mark.parametrize(
    ("selectors", "told"),
    [
        (["local"], []),
        (["root@10.0.0.9"], []),
        (["web3"], ["note: web3: ansible_ssh_common_args: ProxyCommand is not used (~/.ssh/config may have it)"]),
        (["db"], ["note: db: ansible_ssh_private_key_file is not used: put IdentityFile into ~/.ssh/config"]),
        (["jump,db"], ["note: jump and 1 more: ansible_ssh_private_key_file is not used"]),
        (["web2"], []),
    ],
)
def test_what_an_inventory_says_that_is_not_used_is_told_where_it_is_about_a_host_that_is_meant(
    ansible: Setting, selectors: list[str], told: list[str]
) -> None:
    lines: list[str] = []
    ansible.tell = lines.append
    ansible.fleet(selectors).close()
    assert len(lines) == len(told)
    assert all(line.startswith(words) for line, words in zip(lines, told, strict=True))


def test_what_is_beside_an_inventory_and_not_read_is_told(ansible: Setting, home: Path) -> None:
    (home / "group_vars").mkdir()
    lines: list[str] = []
    ansible.tell = lines.append
    ansible.fleet(["db"]).close()
    assert any("group_vars beside the inventory is not read" in line for line in lines)


def test_what_no_inventory_knows_is_reached_by_ssh(setting: Setting) -> None:
    (alias, address) = setting.hosts(["bastion", "ana@10.0.0.9:2222"])
    assert (alias.reach, alias.address) == ("ssh", "bastion")
    assert (address.reach, address.address, address.user, address.port) == ("ssh", "10.0.0.9", "ana", 2222)


@pytest.mark.parametrize("selector", ["nobody*", "group:none", "label:none"])
def test_what_means_no_host_of_the_inventory_is_an_error(setting: Setting, selector: str) -> None:
    with pytest.raises(NoTargetError):
        setting.hosts([selector])


@pytest.mark.parametrize(
    "selector", ["", "web1,", ",", " ", "-oProxyCommand=x", "a b", "a;b", "\x1b]0;x", "context:none"]
)
def test_what_makes_no_sense_is_refused(setting: Setting, selector: str) -> None:
    with pytest.raises(UsageError) as caught:
        setting.hosts([selector])
    assert "\x1b" not in str(caught.value)


def test_without_an_inventory_its_words_mean_nothing_and_others_do(home: Path) -> None:
    setting = Setting(environment={})
    for selector in ("all", "web*", "group:web", "label:site"):
        with pytest.raises(NoTargetError, match=r"there is none at .*hosts\.yml"):
            setting.hosts([selector])
    assert names(setting, "web1", "local") == ["web1", "local"]


def test_the_inventory_is_the_one_asked_for_or_of_the_environment_or_the_usual(home: Path) -> None:
    usual = home / ".config" / "irkit" / "hosts.yml"
    assert not Setting(environment={}).has_inventory and Setting(environment={}).inventory_file == usual
    usual.parent.mkdir(parents=True)
    usual.write_text("hosts:\n  - {name: usual}\n")
    (home / "named.yml").write_text("hosts:\n  - {name: named}\n")
    told = {"IRKIT_HOSTS": str(home / "named.yml")}
    assert names(Setting(environment={}), "all") == ["usual"]
    assert names(Setting(environment=told), "all") == ["named"]
    assert names(Setting(environment=told, inventory=usual), "all") == ["usual"]


def test_an_inventory_that_was_asked_for_must_be_there(home: Path) -> None:
    for setting in (Setting(environment={"IRKIT_HOSTS": "/none"}), Setting(environment={}, inventory=Path("/none"))):
        with pytest.raises(UsageError, match="/none"):
            setting.hosts(["web1"])
        assert names(setting) == ["local"], "what does not need it goes on"


def test_a_host_is_known_by_its_exact_name_only(setting: Setting) -> None:
    hosts = Hosts(setting)
    assert hosts.named("web1") and hosts.named("local")
    for name in ("web*", "all", "group:web", "bastion", "root@10.0.0.9"):
        assert hosts.named(name) is None


def test_words_for_a_shell_come_from_what_is_written_down(setting: Setting) -> None:
    assert host_words(setting) == ["local", "all", "web1", "web2", "db1", "group:web"]


def test_a_host_is_added_and_then_known(home: Path) -> None:
    setting = Setting(environment={})
    new = new_host("edge", "ana@10.0.0.8:2222", jump="web1", labels={"site": "oslo"}, groups=("edge",), user="", port=0)
    path = add_host(setting, new)
    assert path == setting.inventory_file and path.stat().st_mode & 0o077 == 0
    (found,) = setting.hosts(["group:edge"])
    assert (found.name, found.address, found.user, found.port, found.jump) == ("edge", "10.0.0.8", "ana", 2222, "web1")
    with pytest.raises(UsageError, match="already"):
        add_host(setting, new_host("edge", ""))


def test_a_new_host_without_an_address_is_what_ssh_knows_by_its_name() -> None:
    host = new_host("bastion", "")
    assert (host.name, host.address, host.reach) == ("bastion", "bastion", "ssh")
    with pytest.raises(UsageError):
        new_host("", "")
