"""What a responder's ssh configuration says of a host, read by the real ssh and where there is none."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.ssh_config import SshSettings, read_ssh_settings
from irkit.core.errors import UsageError
from tests.adapters.ssh_configs import LOGIN, OWN_HOME, WAYS, WITH_OPENSSH, WITHOUT, environment, fake_ssh, read

ways = pytest.mark.parametrize("way", WAYS)
KEYS = "publickey,password"


@ways
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"host_name": "web", "port": 22, "user": LOGIN, "proxy_jump": (), "proxy_command": ""}),
        ("HostName %h.Example.org", {"host_name": "web.example.org"}),
        ("HostName fe80:0::1", {"host_name": "fe80::1"}),
        ("Host w?b\n Port 1\nHost *\n Port 2", {"port": 1}),
        ("Host * !web\n Port 1\nHost *\n Port 2", {"port": 2}),
        ("Host [w]eb\n Port 1\nHost WEB\n Port 2", {"port": 22}),
        ("Match host db\n User late\nHost web\n HostName db", {"user": LOGIN}),
        ("Host web\n HostName db\nMatch host DB user root,ana\n Port 7\nMatch !host web\n Port 9", {"host_name": "db"}),
        ("HostName %h.org\nMatch host web.org originalhost web\n User ana", {"user": "ana"}),
        ("User ana\nMatch user root\n Port 1\nMatch user a*\n Port 2", {"port": 2}),
        (f"Match localuser {LOGIN}\n Port 3", {"port": 3}),
        ("Match all\n User 'ana' # hers\n", {"user": "ana"}),
        ("user=ana\n\tPORT =\t5  \r\n", {"user": "ana", "port": 5}),
        ("User dom\\ain\n", {"user": "dom\\ain"}),
        ("HostKeyAlias Web.KEY", {"host_key_alias": "web.key"}),
        ("ConnectTimeout 1m30", {"connect_timeout": 90.0}),
        ("ConnectTimeout none", {"connect_timeout": 0.0}),
        ("IdentitiesOnly yes", {"identities_only": True}),
        ("ProxyJump none\nProxyJump gw\nProxyCommand nc", {"proxy_command": "nc", "proxy_jump": ()}),
        ("ProxyJump None # not for this one", {"proxy_jump": ()}),
        ("ProxyCommand none\nProxyJump gw", {"proxy_jump": ()}),
        ("ProxyCommand nc %h %p\nProxyJump gw", {"proxy_command": "nc %h %p", "proxy_jump": ()}),
        ("ProxyJump gw\nProxyCommand nc %h %p", {"proxy_command": "", "proxy_jump": ("gw",)}),
        ("ProxyJump ana@a:2,b,eve@[::1]:2222", {"proxy_jump": ("ana@a:2", "b", "eve@[::1]:2222")}),
        ("ProxyJump %r@gw-%h\nUser ana", {"proxy_jump": ("ana@gw-web",)}),
        ("ProxyCommand nc -x '[p]:1' %h %p # all of it", {"proxy_command": "nc -x '[p]:1' %h %p # all of it"}),
        ("PubkeyAuthentication no", {"public_key": False, "password": True, "keyboard_interactive": True}),
        ("PubkeyAuthentication unbound", {"public_key": True}),
        ("PasswordAuthentication no", {"public_key": True, "password": False, "keyboard_interactive": True}),
        ("KbdInteractiveAuthentication no", {"keyboard_interactive": False, "password": True}),
        ("ChallengeResponseAuthentication no", {"keyboard_interactive": False, "password": True}),
        ("BatchMode yes", {"public_key": True, "password": False, "keyboard_interactive": False}),
        (f"PreferredAuthentications {KEYS}", {"public_key": True, "password": True, "keyboard_interactive": False}),
        ("PreferredAuthentications none", {"public_key": False, "password": False, "keyboard_interactive": False}),
        ("UserKnownHostsFile none\nGlobalKnownHostsFile none", {"user_known_hosts": (), "global_known_hosts": ()}),
        ("RevokedHostKeys none", {"revoked_host_keys": ()}),
        ("RevokedHostKeys /r/%h", {"revoked_host_keys": (Path("/r/web"),)}),
        ("HostKeyAlgorithms ssh-ed25519,rsa-sha2-512", {"host_key_algorithms": ("ssh-ed25519", "rsa-sha2-512")}),
        ("IdentityAgent none", {"identity_agent": "none"}),
        ("IdentityAgent SSH_AUTH_SOCK", {"identity_agent": ""}),
        ("", {"identity_agent": ""}),
        ("IdentityAgent $AGENT", {"identity_agent": "/run/agent"}),
        ("IdentityAgent $NO_AGENT", {"identity_agent": "none"}),
        ("IdentityAgent ${AGENT}.%u", {"identity_agent": f"/run/agent.{LOGIN}"}),
        ("IdentityAgent ~/a", {"identity_agent": f"{OWN_HOME}/a"}),
    ],
)
def test_a_value_means_what_it_means_to_ssh(tmp_path: Path, way: str, text: str, expected: dict[str, Any]) -> None:
    found = read(tmp_path, text, way=way, variables={"AGENT": "/run/agent"})
    assert {name: getattr(found, name) for name in expected} == expected


@ways
def test_a_user_and_a_port_that_are_given_go_before_the_file(tmp_path: Path, way: str) -> None:
    text = "User eve\nPort 2\nMatch user ana\n HostName for-ana"
    found = read(tmp_path, text, way=way, user="ana", port=2222)
    assert (found.user, found.port, found.host_name) == ("ana", 2222, "for-ana")


@ways
def test_an_alias_in_capitals_is_matched_as_it_stands_and_looked_up_in_small_letters(tmp_path: Path, way: str) -> None:
    found = read(tmp_path, "Host web\n Port 1\nHost WEB\n Port 2\nMatch originalhost web\n User ana", "WEB", way=way)
    assert (found.host_name, found.port, found.user, found.alias) == ("web", 2, "ana", "WEB")


# Files -----------------------------------------------------------------------------------------------------------


@ways
def test_files_are_found_by_tokens_variables_and_quotes(tmp_path: Path, way: str) -> None:
    names = [f"web-db-ana-{LOGIN}-2-alias-k%", "with space", "var"]
    for name in names:
        (tmp_path / name).touch()
    text = f"""HostName db
        User ana
        Port 2
        HostKeyAlias Alias
        IdentityFile {tmp_path}/%n-%h-%r-%u-%p-%k-k%%
        IdentityFile "{tmp_path}/with space"
        IdentityFile {tmp_path}/${{NAME}}
        IdentityFile {tmp_path}/absent
        IdentityFile none"""
    found = read(tmp_path, text, way=way, variables={"NAME": "var"})
    assert found.identity_files == tuple(tmp_path / name for name in names)
    assert found.notes == (f"IdentityFile {tmp_path}/absent is not there",)


@ways
def test_an_identity_of_which_only_the_public_half_is_there_is_named_by_that(tmp_path: Path, way: str) -> None:
    (tmp_path / "key.pub").touch()
    found = read(tmp_path, f"IdentityFile {tmp_path}/key", way=way)
    assert (found.identity_files, found.notes) == ((tmp_path / "key.pub",), ())


@ways
def test_certificates_are_those_configured_or_else_those_beside_the_identities(tmp_path: Path, way: str) -> None:
    for name in ("key", "key-cert.pub", "first", "second"):
        (tmp_path / name).touch()
    identity = f"IdentityFile {tmp_path}/key\n"
    assert read(tmp_path, identity, way=way).certificate_files == (tmp_path / "key-cert.pub",)
    chosen = identity + "".join(f"CertificateFile {tmp_path}/{name}\n" for name in ("first", "absent", "second"))
    assert read(tmp_path, chosen, way=way).certificate_files == (tmp_path / "first", tmp_path / "second")


@ways
def test_the_usual_identities_are_not_missed_where_they_are_absent(tmp_path: Path, way: str) -> None:
    assert read(tmp_path, "", way=way).notes == ()


def test_the_usual_identities_are_those_of_the_home(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").touch()
    found = read(tmp_path, "", way=WITHOUT, home=tmp_path)
    assert found.identity_files == (tmp_path / ".ssh/id_ed25519",)
    assert found.user_known_hosts == (tmp_path / ".ssh/known_hosts", tmp_path / ".ssh/known_hosts2")


@ways
def test_several_known_hosts_files_stand_on_one_line(tmp_path: Path, way: str) -> None:
    text = "UserKnownHostsFile ~/kh_%h /a/%%b\nGlobalKnownHostsFile /g1 ~/g2"
    found = read(tmp_path, text, way=way)
    assert found.user_known_hosts == (OWN_HOME / "kh_web", Path("/a/%b"))
    assert found.global_known_hosts == (Path("/g1"), OWN_HOME / "g2")


def test_a_known_hosts_file_with_a_space_in_its_name_is_guessed_at_and_the_guess_is_said(tmp_path: Path) -> None:
    text = 'UserKnownHostsFile "/a b/kh" /c'
    with_openssh, without = (read(tmp_path, text, way=way) for way in WAYS)
    assert with_openssh.user_known_hosts == without.user_known_hosts == (Path("/a b/kh"), Path("/c"))
    assert "/a b/kh and /c" in with_openssh.notes[0]
    assert without.notes == ()


def test_the_home_is_the_one_that_ssh_takes_and_not_the_one_of_the_environment(tmp_path: Path) -> None:
    found = read(tmp_path, "", way=WITH_OPENSSH, home=tmp_path, variables={"HOME": str(tmp_path)})
    assert found.home == OWN_HOME
    assert found.user_known_hosts[0] == OWN_HOME / ".ssh/known_hosts"


def test_a_hash_of_the_connection_is_the_one_that_ssh_itself_makes(tmp_path: Path) -> None:
    argv = ["ssh", "-G", "-F", "none", "-o", "ControlPath=%C", "--", "web"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout
    hashed = next(line for line in said.splitlines() if line.startswith("controlpath ")).split()[1]
    (tmp_path / hashed).touch()
    found = read(tmp_path, f"IdentityFile {tmp_path}/%C", way=WITH_OPENSSH)
    assert found.identity_files == (tmp_path / hashed,)


@ways
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IdentityFile /k/${UNSET}", "${UNSET} stands for nothing"),
        ("IdentityFile /k/%z", "%z stands for nothing"),
        ("IdentityFile ~no-such-user/k", "there is no user 'no-such-user'"),
        ("HostName a/b", "neither a name nor an address"),
        ("HostName 'a b'", ""),
        ("Port 0", ""),
        ("Port 65536", ""),
        ("Port ten", ""),
        ("ConnectTimeout soon", ""),
        ("ProxyJump ana@gw:0", ""),
        ("ProxyJump ,", ""),
        ("ProxyCommand nc %h\nProxyUseFdpass yes", "ProxyUseFdpass cannot be done"),
        ("User", ""),
        ("User ana eve", ""),
        ("User 'ana", ""),
        ("User \x1b[31m", "User '␛[31m' holds characters"),
        ("Match nosuch web", ""),
        ("Match host", ""),
        ("???", ""),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path: Path, way: str, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, way=way)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


@ways
def test_a_configuration_that_is_asked_for_must_be_there(tmp_path: Path, way: str) -> None:
    with pytest.raises(UsageError, match=r"absent.*No such file"):
        read_ssh_settings("web", environment=environment(way), home=tmp_path, config=tmp_path / "absent")


# Notes -----------------------------------------------------------------------------------------------------------


@ways
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("StrictHostKeyChecking no", "StrictHostKeyChecking no is not obeyed"),
        ("StrictHostKeyChecking off", "StrictHostKeyChecking no is not obeyed"),
        ("StrictHostKeyChecking accept-new", "StrictHostKeyChecking accept-new is not obeyed"),
        ("NoHostAuthenticationForLocalhost yes", "NoHostAuthenticationForLocalhost is not obeyed"),
        ("VerifyHostKeyDNS ask", "VerifyHostKeyDNS is not obeyed"),
        ("KnownHostsCommand /bin/keys %h", "KnownHostsCommand is not run"),
        ("UserKnownHostsFile /dev/null", "no host key can be recorded"),
        ("RequiredRSASize 3072", "RequiredRSASize 3072 is not obeyed"),
        ("CanonicalizeHostname yes", "CanonicalizeHostname"),
        ("BatchMode yes", "no password is asked for"),
        ("PKCS11Provider /lib/x.so", "PKCS11Provider is not used"),
        ("AddressFamily inet6", "AddressFamily inet6 is not obeyed"),
        ("BindAddress 127.0.0.1", "BindAddress 127.0.0.1 is not obeyed"),
        ("BindInterface lo", "BindInterface lo is not obeyed"),
    ],
)
def test_what_is_not_obeyed_is_said(tmp_path: Path, way: str, text: str, note: str) -> None:
    (said,) = read(tmp_path, text, way=way).notes
    assert note in said


@ways
@pytest.mark.parametrize("text", ["StrictHostKeyChecking yes", "StrictHostKeyChecking ask", "VerifyHostKeyDNS no"])
def test_what_asks_for_nothing_else_than_irkit_does_is_not_noted(tmp_path: Path, way: str, text: str) -> None:
    assert read(tmp_path, text, way=way).notes == ()


# Names -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "-oProxyCommand=touch ran", "-F/etc/passwd", "--", "", " ", "a b", "a\tb", "a\nProxyCommand x", "a\0b", "$(id)",
    "`id`", "a;b", "a|b", "a&b", "a'b", 'a"b', "a\\b", "../x", "a/b", "ana@web", "ssh://web", "[::1]", "web:22",
    "x" * 254,
    "\u202eweb", "\udcff", "*", "a,b", "%h", "~root", "#", "!web",
]  # fmt: skip


@pytest.mark.parametrize("alias", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_that_could_be_more_than_a_name_is_refused_before_anything_is_run(tmp_path: Path, alias: str) -> None:
    ran = tmp_path / "ran"
    with pytest.raises(UsageError) as caught:
        read_ssh_settings(alias, environment=fake_ssh(tmp_path, f"touch {ran}"), home=tmp_path)
    assert str(caught.value).isprintable()
    assert not ran.exists()


@pytest.mark.parametrize(("user", "port"), [("-oX", 0), ("a b", 0), ("a\n", 0), ("$x", 0), ("", -1), ("", 65536)])
def test_a_user_or_port_that_could_not_be_one_is_refused(tmp_path: Path, user: str, port: int) -> None:
    with pytest.raises(UsageError):
        read_ssh_settings("web", user=user, port=port, environment=environment(WITHOUT), home=tmp_path)


def test_the_real_ssh_takes_nothing_after_the_two_hyphens_for_an_option() -> None:
    argv = ["ssh", "-G", "-T", "-F", "none", "--", "-oProxyCommand=touch"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert "proxycommand" not in answer.stdout
    assert "hostname" in answer.stdout + answer.stderr


def test_settings_show_no_more_than_what_was_configured(tmp_path: Path) -> None:
    secret = {"TOKEN": "s3cret"}
    assert "s3cret" not in repr(read(tmp_path, "User ana", way=WITHOUT, variables=secret))


def test_both_ways_agree_on_a_configuration_as_people_have_it(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("Host db\n User from-include\n ProxyJump web\nHost *\n Port 2022\n", "utf-8")
    text = f"""
        # the lab
        Include {tmp_path}/wo*
        Host web web.example.org
            HostName 192.0.2.7
            User ana
            IdentityFile ~/.ssh/lab
            UserKnownHostsFile ~/.ssh/known_hosts_lab ~/.ssh/known_hosts
        Match originalhost db,db2 host db
            ConnectTimeout 3
        Host *
            IdentitiesOnly yes
            ServerAliveInterval 30
            SendEnv LANG LC_*"""
    for alias in ("web", "web.example.org", "db", "db2", "other", "192.0.2.9", "::1"):
        found = [_comparable(read(tmp_path, text, alias, way=way)) for way in WAYS]
        assert found[0] == found[1]


def _comparable(settings: SshSettings) -> dict[str, Any]:
    """What both ways must agree on: only ssh knows its own list of algorithms."""
    return {name: value for name, value in vars(settings).items() if name != "host_key_algorithms"}
