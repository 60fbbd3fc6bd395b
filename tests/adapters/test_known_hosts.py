import errno
import os
import re
import stat
import subprocess
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.adapters.known_hosts import KnownHosts, Verdict, append_host_key, fingerprint
from irkit.adapters.known_hosts_file import FILE_LIMIT, LINE_LIMIT
from irkit.adapters.known_hosts_names import hash_name, lookup_name
from irkit.core.errors import StorageError, UsageError
from tests.lab.tools import clean_environment, tool

from . import made_keys
from .made_keys import TYPES, Keys, blob_of, flip, hand_made, is_safe, keygen, strings

keys = made_keys.keys
NOW = datetime.now(UTC)
ED25519, CERTIFIED = "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"
ALL_CERTIFICATES = tuple(
    f"{name}-cert-v01@openssh.com"
    for name in (ED25519, *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)), "rsa-sha2-512", "rsa-sha2-256")
)


def known(tmp_path: Path, content: str) -> KnownHosts:
    file = tmp_path / "known_hosts"
    file.write_bytes(content.encode())
    return KnownHosts.read([file])


def check(found: KnownHosts, blob: bytes, name: str = "web", port: int = 22, key_type: str = ED25519) -> Verdict:
    verdict = found.check(name, port, key_type, blob, NOW)
    assert is_safe(verdict.reason)
    return verdict


# OpenSSH as the judge ----------------------------------------------------------------------------------------------


class Peer:
    """A real sshd that a real ssh asks for its host key, both on standard input and output: no port, no network."""

    def __init__(self, keys: Keys, root: Path) -> None:
        self.keys, self.root = keys, root
        self.certificate = keys.sign("host_ed25519", "ca_ed25519", "-h", "-n", "web", place="peer")
        self.expired = keys.sign("host_ecdsa256", "ca_ed25519", "-h", "-n", "web", "-V", "-2d:-1d", place="expired")
        self.config = root / "sshd_config"
        names = ("host_ed25519", "host_ecdsa256", "host_rsa")
        lines = [f"HostKey {keys.file(name)}" for name in names]
        lines += [f"HostCertificate {file}" for file in (self.certificate, self.expired)]
        self.config.write_text("\n".join([*lines, "PidFile none", "UsePAM no", "AuthorizedKeysFile none", ""]))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd insists on it

    def shown(self, algorithm: str) -> bytes:
        """What it shows where that algorithm was agreed on."""
        files = {CERTIFIED: self.certificate, "ecdsa-sha2-nistp256-cert-v01@openssh.com": self.expired}
        names = {ED25519: "host_ed25519", "ecdsa-sha2-nistp256": "host_ecdsa256", "rsa-sha2-512": "host_rsa"}
        return blob_of(files[algorithm]) if algorithm in files else self.keys.blob(names[algorithm])

    def ask_ssh(self, file: Path, name: str, port: int, algorithm: str, alias: str = "") -> str:
        """What OpenSSH's client makes of the host."""
        given = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": file,
            "GlobalKnownHostsFile": "none",
            "HostKeyAlgorithms": algorithm,
            "PreferredAuthentications": "none",
            "ProxyCommand": f"{tool('sshd')} -i -f {self.config}",
        } | ({"HostKeyAlias": alias} if alias else {})
        options = [f"-o{key}={value}" for key, value in given.items()]
        answer = subprocess.run(
            [tool("ssh"), "-F", "none", "-p", str(port), *options, f"nobody@{name}", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            env=clean_environment({"LC_ALL": "C"}),
            check=False,
        )
        said = answer.stderr.decode("utf-8", "replace")
        signs = {"REVOKED": "revoked", "HAS CHANGED": "changed", "is known for": "unknown", "denied": "trusted"}
        return next((state for sign, state in signs.items() if sign in said), said)


@pytest.fixture(scope="module")
def peer(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    return Peer(keys, tmp_path_factory.mktemp("peer"))


CASES = {
    "nothing": ("", "web", 22, ED25519, "unknown"),
    "its key": ("web {host}", "web", 22, ED25519, "trusted"),
    "its key and another host's": ("db {other}\nweb {host}", "web", 22, ED25519, "trusted"),
    "one of its keys": ("web {other}\nweb {host}", "web", 22, ED25519, "trusted"),
    "capitals in the file": ("WEB {host}", "web", 22, ED25519, "trusted"),
    "capitals asked for": ("web {host}", "WEB", 22, ED25519, "trusted"),
    "one of several names": ("db,web,10.0.0.5 {host}", "web", 22, ED25519, "trusted"),
    "a wildcard": ("w?b*,x {host}", "web.lab", 22, ED25519, "trusted"),
    "a name denied": ("*,!web {host}", "web", 22, ED25519, "unknown"),
    "another name denied": ("!db,* {host}", "web", 22, ED25519, "trusted"),
    "only names denied": ("!db {host}", "web", 22, ED25519, "unknown"),
    "a part of its name": ("we {host}\nweb.lab {host}", "web", 22, ED25519, "unknown"),
    "its port": ("[web]:2222 {host}", "web", 2222, ED25519, "trusted"),
    "another port": ("[web]:2222 {host}", "web", 2223, ED25519, "unknown"),
    "another port than the usual": ("[web]:2222 {host}", "web", 22, ED25519, "unknown"),
    "the usual port in brackets": ("[web]:22 {host}", "web", 22, ED25519, "unknown"),
    "any host, on any port": ("* {host}", "web", 2222, ED25519, "trusted"),
    "any host in brackets": ("[*]:2222 {host}", "web", 2222, ED25519, "trusted"),
    "another key on its port": ("[web]:2222 {other}\nweb {host}", "web", 2222, ED25519, "changed"),
    "an address": ("::1 {host}", "::1", 22, ED25519, "trusted"),
    "an address with a port": ("[::1]:2222 {host}", "::1", 2222, ED25519, "trusted"),
    "another key": ("web {other}", "web", 22, ED25519, "changed"),
    "another key for all hosts": ("* {other}", "web", 22, ED25519, "changed"),
    "a key of another type": ("web {ecdsa}", "web", 22, ED25519, "changed"),
    "an rsa key": ("web {rsa}", "web", 22, "rsa-sha2-512", "trusted"),
    "an rsa key by its algorithm": ("web rsa-sha2-512 {rsa_key}", "web", 22, "rsa-sha2-512", "trusted"),
    "a revoked key": ("@revoked * {host}", "web", 22, ED25519, "revoked"),
    "a revoked key that is known": ("web {host}\n@revoked web {host}", "web", 22, ED25519, "revoked"),
    "a key revoked for its name on all ports": ("@revoked web {host}", "web", 2222, CERTIFIED, "revoked"),
    "a key revoked elsewhere": ("web {host}\n@revoked db {host}", "web", 22, ED25519, "trusted"),
    "another key revoked": ("web {host}\n@revoked * {other}", "web", 22, ED25519, "trusted"),
    "a certificate": ("@cert-authority * {ca}", "web", 22, CERTIFIED, "trusted"),
    "a certificate on a port": ("@cert-authority [web]:2222 {ca}", "web", 2222, CERTIFIED, "trusted"),
    "a certificate for another name": ("@cert-authority * {ca}", "db", 22, CERTIFIED, "unknown"),
    "a certificate of an authority for others": ("@cert-authority db {ca}", "web", 22, CERTIFIED, "unknown"),
    "a certificate of another authority": ("@cert-authority web {ca2}", "web", 22, CERTIFIED, "unknown"),
    "an authority that is not marked as one": ("web {ca}", "web", 22, CERTIFIED, "changed"),
    "no certificate of an authority": ("@cert-authority web {ca}", "web", 22, ED25519, "unknown"),
    "an authority in place of a key": ("@cert-authority web {host}", "web", 22, ED25519, "unknown"),
    "a revoked authority": ("@cert-authority * {ca}\n@revoked * {ca}", "web", 22, CERTIFIED, "revoked"),
    "a revoked authority, its key known": ("web {host}\n@revoked * {ca}", "web", 22, CERTIFIED, "revoked"),
    "a revoked key in a certificate": ("@cert-authority * {ca}\n@revoked * {host}", "web", 22, CERTIFIED, "revoked"),
    "a revoked certificate": ("web {host}\n@revoked * {certificate}", "web", 22, ED25519, "revoked"),
    "a certificate whose key is known": ("web {host}", "web", 22, CERTIFIED, "trusted"),
    "a certificate whose key is another": ("web {other}", "web", 22, CERTIFIED, "changed"),
    "an expired certificate": ("@cert-authority * {ca}", "web", 22, ALL_CERTIFICATES[1], "unknown"),
    "an expired certificate, its key known": (
        "@cert-authority * {ca}\nweb {ecdsa}", "web", 22, ALL_CERTIFICATES[1], "trusted",
    ),
    "comments and blanks": ("# web {other}\n\n  \t \n\t web \t {host}  a comment", "web", 22, ED25519, "trusted"),
    "a line that ends as on Windows": ("web {host}\r\n\r\ndb {other}\r\n", "web", 22, ED25519, "trusted"),
    "no end of the last line": ("db {other}\nweb {host}", "web", 22, ED25519, "trusted"),
    "a marker after blanks": ("  @revoked   *  {host}\nweb {host}", "web", 22, ED25519, "revoked"),
    "a marker that is not known": ("@trusted web {host}", "web", 22, ED25519, "unknown"),
    "two markers": ("@revoked @cert-authority * {host}\nweb {host}", "web", 22, ED25519, "trusted"),
    "a key that is cut": ("web {cut}", "web", 22, ED25519, "unknown"),
    "a key of another type than it says": ("web ssh-rsa {host_key}", "web", 22, ED25519, "unknown"),
    "no type": ("web {host_key}", "web", 22, ED25519, "unknown"),
    "no key": ("web ssh-ed25519\nweb", "web", 22, ED25519, "unknown"),
    "broken lines before": ("|1|x|y {host}\nweb\n@x\n\\xff\nweb {host}", "web", 22, ED25519, "trusted"),
    "two hashed names in one": ("{hash},{hash} {host}", "web", 22, ED25519, "unknown"),
    "a hashed name": ("{hash} {host}", "web", 22, ED25519, "trusted"),
    "a hashed name, asked in capitals": ("{hash} {host}", "WEB", 22, ED25519, "trusted"),
    "a hashed name, and a port": ("{hash} {host}", "web2", 2222, ED25519, "unknown"),
    "a hashed name with its port": ("{hash_port} {host}", "web", 2222, ED25519, "trusted"),
    "a hashed name and another key": ("{hash} {other}", "web", 22, ED25519, "changed"),
    "a hashed name revoked": ("web {host}\n@revoked {hash} {host}", "web", 22, ED25519, "revoked"),
}  # fmt: skip


def fill(template: str, keys: Keys, peer: Peer) -> str:
    salt = bytes(range(20))
    host = keys.text("host_ed25519")
    return template.format(
        host=host,
        host_key=host.split()[1],
        other=keys.text("other_ed25519"),
        ecdsa=keys.text("host_ecdsa256"),
        rsa=keys.text("host_rsa"),
        rsa_key=keys.text("host_rsa").split()[1],
        ca=keys.text("ca_ed25519"),
        ca2=keys.text("ca_ecdsa256"),
        certificate=" ".join(peer.certificate.read_text().split()[:2]),
        cut=host[:-8],
        hash=hash_name(lookup_name("web", 22), salt),
        hash_port=hash_name(lookup_name("web", 2222), salt),
    )


@pytest.mark.parametrize("case", CASES)
def test_a_host_key_is_judged_as_openssh_judges_it(case: str, keys: Keys, peer: Peer, tmp_path: Path) -> None:
    template, name, port, algorithm, expected = CASES[case]
    file = tmp_path / "known_hosts"
    file.write_bytes(fill(template, keys, peer).encode())
    verdict = check(KnownHosts.read([file]), peer.shown(algorithm), name, port, algorithm)
    assert verdict.state == expected, verdict.reason
    assert peer.ask_ssh(file, name, port, algorithm) == expected


@pytest.mark.parametrize(
    ("content", "alias", "expected"),
    [
        ("lab {host}", "lab", "trusted"),
        ("lab {host}", "LAB", "trusted"),
        ("[lab]:2222 {host}", "lab", "unknown"),
        ("web {host}\n[web]:2222 {host}", "lab", "unknown"),
        ("[web]:2222 {host}\nlab {other}", "lab", "changed"),
    ],
)
def test_an_alias_is_looked_up_without_a_port_as_openssh_does(
    content: str, alias: str, expected: str, keys: Keys, peer: Peer, tmp_path: Path
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(fill(content, keys, peer))
    assert check(KnownHosts.read([file]), keys.blob("host_ed25519"), alias).state == expected
    assert peer.ask_ssh(file, "web", 2222, ED25519, alias) == expected


def test_a_key_known_on_the_usual_port_does_not_count_on_another_though_openssh_takes_it(
    keys: Keys, peer: Peer, tmp_path: Path
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web {keys.text('host_ed25519')}\n")
    verdict = check(KnownHosts.read([file]), keys.blob("host_ed25519"), "web", 2222)
    assert verdict.state == "unknown"
    assert f"recorded for the usual port only, in {file}:1" in verdict.reason
    assert peer.ask_ssh(file, "web", 2222, ED25519) == "trusted"


def test_a_marker_that_a_tab_ends_is_a_marker(keys: Keys, tmp_path: Path) -> None:
    # sshd(8) separates fields by blanks; OpenSSH 9 overlooks this line.
    found = known(tmp_path, f"@revoked\t*\t{keys.text('host_ed25519')}\nweb {keys.text('host_ed25519')}\n")
    assert check(found, keys.blob("host_ed25519")).state == "revoked"


def test_a_certificate_in_place_of_a_key_is_told_of_and_does_not_count(keys: Keys, peer: Peer, tmp_path: Path) -> None:
    text = " ".join(peer.certificate.read_text().split()[:2])
    found = known(tmp_path, f"web {text}\n@cert-authority * {text}\n")
    assert [note.split(": ")[1].partition(";")[0] for note in found.notes] == [
        "it holds a certificate in place of a key"
    ] * 2
    assert check(found, keys.blob("host_ed25519")).state == "unknown"
    assert check(found, blob_of(peer.certificate), key_type=CERTIFIED).state == "unknown"


def test_a_certificate_without_names_is_for_no_host(tmp_path: Path) -> None:
    blob = hand_made(principals=b"")
    verdict = check(knows_hand_made(tmp_path), blob, key_type=CERTIFIED)
    assert (verdict.state, "for no host" in verdict.reason) == ("unknown", True)


def knows_hand_made(tmp_path: Path) -> KnownHosts:
    """What believes the certificates made by hand."""
    return known(tmp_path, f"@cert-authority * ssh-ed25519 {b64encode(made_keys.authority_blob()).decode()}\n")


# Look-ups --------------------------------------------------------------------------------------------------------

_PIECES = st.lists(st.sampled_from(["a", "b", "A", ".", "*", "?", "[a]:22", "[a.b]:2222", "[*]:2222", "-"]), max_size=4)
_FIELDS = st.lists(
    st.tuples(st.sampled_from(["", "", "", "!"]), _PIECES).map(lambda one: one[0] + "".join(one[1])), max_size=3
).map(",".join)
_NAMES = st.lists(st.sampled_from(["a", "b", "A", "."]), min_size=1, max_size=4).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.lists(_FIELDS, min_size=1, max_size=25), name=_NAMES, port=st.sampled_from([22, 2222]))
def test_the_lines_about_a_host_are_those_that_ssh_keygen_finds(
    fields: list[str], name: str, port: int, keys: Keys, tmp_path: Path
) -> None:
    key = keys.text("host_ed25519")
    file = tmp_path / "known_hosts"
    file.write_text("".join(f"{field or 'x'} {key}\n" for field in fields))
    answer = keygen("-F", name if port == 22 else f"[{name}]:{port}", "-f", file).stdout
    theirs = set(re.findall(r"^# Host .* found: line (\d+)", answer, re.MULTILINE))
    ours = {str(n) for n, field in enumerate(fields, 1) if is_about(field or "x", name, port, key, tmp_path)}
    assert ours == theirs


def is_about(field: str, name: str, port: int, key: str, folder: Path) -> bool:
    file = folder / "one"
    file.write_text(f"{field} {key}\n")
    return bool(KnownHosts.read([file]).key_types(name, port))


def test_names_that_ssh_keygen_hashed_are_found(keys: Keys, tmp_path: Path) -> None:
    key = keys.text("host_ed25519")
    file = tmp_path / "known_hosts"
    file.write_text(f"web,10.0.0.5 {key}\n[db]:2222 {key}\n@cert-authority *.lab {keys.text('ca_rsa')}\n")
    assert keygen("-q", "-H", "-f", file).returncode == 0
    assert "web" not in file.read_text()
    found = KnownHosts.read([file])
    for name, port, there in (("web", 22, True), ("10.0.0.5", 22, True), ("db", 2222, True), ("db", 22, False)):
        assert (check(found, keys.blob("host_ed25519"), name, port).state == "trusted") is there
    assert found.key_types("x.lab", 22) == ALL_CERTIFICATES
    assert found.notes == ()


def test_patterns_that_would_take_for_ever_do_not(keys: Keys, tmp_path: Path) -> None:
    found = known(tmp_path, f"{'*a' * 2000}b {keys.text('host_ed25519')}\n")
    assert check(found, keys.blob("host_ed25519"), "a" * 250).state == "unknown"


def test_the_algorithms_asked_for_first_are_those_that_are_known(keys: Keys, tmp_path: Path) -> None:
    lines = [
        f"web {keys.text('host_rsa')}",
        f"web,db {keys.text('host_ecdsa384')}",
        f"[web]:2222 {keys.text('host_ed25519')}",
        f"@revoked web {keys.text('host_ecdsa256')}",
        f"@cert-authority *.lab {keys.text('ca_rsa')}",
        f"x.lab {keys.text('host_ed25519')}",
        "web ssh-dss AAAAB3NzaC1kc3MAAAABAwAAAAEDAAAAAQMAAAABAw==",
    ]
    found = known(tmp_path, "\n".join(lines))
    assert found.notes == ()
    assert found.key_types("web", 22) == ("ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256")
    assert found.key_types("db", 22) == ("ecdsa-sha2-nistp384",)
    assert found.key_types("WEB", 2222) == (ED25519,)
    assert found.key_types("x.lab", 22) == (*ALL_CERTIFICATES, ED25519)
    assert found.key_types("other", 22) == ()


# Reasons -----------------------------------------------------------------------------------------------------------


def test_reasons_name_the_line_the_keys_and_no_way_around(keys: Keys, tmp_path: Path) -> None:
    host, other = keys.blob("host_ed25519"), keys.blob("other_ed25519")
    file = tmp_path / "known_hosts"
    found = known(tmp_path, f"\nweb {keys.text('host_ed25519')}\n@revoked * {keys.text('host_rsa')}\n")
    changed = check(found, other)
    assert (changed.state, changed.where) == ("changed", f"{file}:2")
    assert all(part in changed.reason for part in (fingerprint(host), fingerprint(other), f"{file}:2", "web"))
    other_type = check(found, keys.blob("host_ecdsa256"), key_type="ecdsa-sha2-nistp256")
    assert "of a type that is not recorded" in other_type.reason
    assert f"ssh-ed25519 {fingerprint(host)} ({file}:2)" in other_type.reason
    revoked = check(found, keys.blob("host_rsa"), key_type="rsa-sha2-256")
    assert (revoked.state, revoked.where) == ("revoked", f"{file}:3")
    unknown = check(found, other, "db", 2222)
    assert (unknown.where, "[db]:2222" in unknown.reason, fingerprint(other) in unknown.reason) == ("", True, True)
    assert check(found, host).where == f"{file}:2"


def test_why_a_certificate_does_not_count_is_said(keys: Keys, peer: Peer, tmp_path: Path) -> None:
    found = known(tmp_path, f"@cert-authority * {keys.text('ca_ed25519')}\n")
    expired = check(found, blob_of(peer.expired), key_type=ALL_CERTIFICATES[1])
    assert "its certificate does not count: it expired at " in expired.reason
    plain = check(found, keys.blob("host_ed25519"))
    assert f"without a certificate of the authority in {tmp_path / 'known_hosts'}:1" in plain.reason
    stranger = check(known(tmp_path, ""), blob_of(peer.certificate), key_type=CERTIFIED)
    assert f"its authority ({fingerprint(keys.blob('ca_ed25519'))}) is not recorded for web" in stranger.reason


def test_a_certificate_counts_at_its_time_only(keys: Keys, tmp_path: Path) -> None:
    blob = hand_made(valid=(int(NOW.timestamp()), int(NOW.timestamp()) + 60))
    found = knows_hand_made(tmp_path)
    states = [
        found.check("web", 22, CERTIFIED, blob, NOW + timedelta(seconds=seconds)).state for seconds in (-2, 1, 30, 61)
    ]
    assert states == ["unknown", "trusted", "trusted", "unknown"]


@pytest.mark.parametrize("position", [-1, -200, 40])
def test_a_forged_certificate_is_refused_though_the_key_inside_is_known(
    keys: Keys, peer: Peer, tmp_path: Path, position: int
) -> None:
    found = known(tmp_path, f"@cert-authority * {keys.text('ca_ed25519')}\nweb {keys.text('host_ed25519')}\n")
    blob = blob_of(peer.certificate)
    assert check(found, blob, key_type=CERTIFIED).state == "trusted"
    verdict = check(found, flip(blob, position % len(blob)), key_type=CERTIFIED)
    assert verdict.state == "unknown"


def test_a_certificate_signed_with_sha1_is_refused(keys: Keys, tmp_path: Path) -> None:
    blob = blob_of(keys.sign("host_ed25519", "ca_rsa", "-h", "-n", "web", "-t", "ssh-rsa"))
    verdict = check(known(tmp_path, f"@cert-authority * {keys.text('ca_rsa')}\n"), blob, key_type=CERTIFIED)
    assert (verdict.state, "SHA-1" in verdict.reason) == ("unknown", True)


@pytest.mark.parametrize("agreed", ["rsa-sha2-512", CERTIFIED, "", "ssh-ed25519\x1b[2J"])
def test_a_key_of_another_type_than_was_agreed_on_is_refused_though_it_is_known(
    keys: Keys, tmp_path: Path, agreed: str
) -> None:
    host = keys.text("host_ed25519")
    assert check(known(tmp_path, f"web {host}\n"), keys.blob("host_ed25519"), key_type=agreed).state == "unknown"
    assert check(known(tmp_path, f"@revoked * {host}\n"), keys.blob("host_ed25519"), key_type=agreed).state == "revoked"


def test_a_certificate_shown_where_a_key_was_agreed_on_is_refused(keys: Keys, peer: Peer, tmp_path: Path) -> None:
    found = known(tmp_path, f"@cert-authority * {keys.text('ca_ed25519')}\nweb {keys.text('host_ed25519')}\n")
    assert check(found, blob_of(peer.certificate)).state == "unknown"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blob=st.binary(max_size=200), name=st.text(max_size=20), key_type=st.text(max_size=20))
def test_nothing_that_a_host_shows_makes_a_check_raise_or_trust(
    blob: bytes, name: str, key_type: str, keys: Keys, tmp_path: Path
) -> None:
    found = known(tmp_path, f"* {keys.text('host_ed25519')}\n@cert-authority * {keys.text('ca_ed25519')}\n")
    for shown in (blob, strings(ED25519.encode(), blob), strings(CERTIFIED.encode(), blob), hand_made(tail=blob)):
        for agreed in (key_type, ED25519, CERTIFIED):
            assert check(found, shown, name, 22, agreed).state != "trusted"


# Files -------------------------------------------------------------------------------------------------------------


def test_all_lines_of_all_files_count_and_missing_ones_do_not_matter(keys: Keys, tmp_path: Path) -> None:
    host = keys.text("host_ed25519")
    (tmp_path / "one").write_text(f"web {host}\n")
    (tmp_path / "two").write_text(f"@revoked * {keys.text('other_ed25519')}\n")
    (tmp_path / "link").symlink_to("one")
    found = KnownHosts.read([tmp_path / name for name in ("none", "one/none", "link", "two")] + [Path(os.devnull)])
    assert found.notes == ()
    assert check(found, keys.blob("host_ed25519")).where == f"{tmp_path / 'link'}:1"
    assert check(found, keys.blob("other_ed25519")).state == "revoked"


def test_a_file_that_cannot_be_read_is_told_of_and_the_others_count(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good").write_text(f"web {keys.text('host_ed25519')}\n")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(FILE_LIMIT + 1)
    (tmp_path / "loop").symlink_to("loop")
    names = ["folder", "pipe", "good", "huge", "loop", "nul\0", "x" * 300]
    found = KnownHosts.read([tmp_path / name for name in names])
    assert check(found, keys.blob("host_ed25519")).state == "trusted"
    assert len(found.notes) == 6
    for note, name in zip(found.notes, [name for name in names if name != "good"], strict=True):
        assert is_safe(note)
        assert "cannot be read" in note
        assert name[:3] in note


def test_broken_lines_are_told_of_each_with_its_place_and_reason(keys: Keys, tmp_path: Path) -> None:
    host = keys.text("host_ed25519")
    lines = [
        "web",
        f"@owner\x1b[2J web {host}",
        f"|2|abc|def {host}",
        f"web {host.replace('ssh-ed25519', 'ssh-rsa')}",
        f"web {host[:-4]}",
        f"web\0 {host}",
        "x" * (LINE_LIMIT + 1),
        "web ssh-none AAAACHNzaC1ub25l",
        f"good {host}",
    ]
    found = KnownHosts.read([tmp_path / "none"])
    for line in lines[:-1]:
        file = tmp_path / "known_hosts"
        file.write_text(f"# a comment\n{line}\n{lines[-1]}\n")
        found = KnownHosts.read([file])
        assert len(found.notes) == 1
        assert found.notes[0].startswith(f"{file}:2: ")
        assert is_safe(found.notes[0])
        assert check(found, keys.blob("host_ed25519"), "good").state == "trusted"


def test_many_broken_lines_are_counted_and_broken_revocations_all_named(keys: Keys, tmp_path: Path) -> None:
    lines = ["broken"] * 100 + ["@revoked * ssh-ed25519 AAAA"] + ["broken"] * 50
    notes = known(tmp_path, "\n".join(lines)).notes
    assert len(notes) == 7
    assert "known_hosts:101: " in notes[5]
    assert notes[6].endswith("145 more lines cannot be read and do not count")


@given(content=st.binary(max_size=300) | st.binary(max_size=80).map(lambda data: b"@revoked * ssh-ed25519 " + data))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_is_lines_and_notes(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(content)
    assert is_safe(all(note) for note in KnownHosts.read([file]).notes)


# Recording ---------------------------------------------------------------------------------------------------------

Recorder = Callable[..., Path]


@pytest.fixture
def record(keys: Keys) -> Recorder:
    def append(path: Path, name: str = "web", port: int = 22, hashed: bool = False, kind: str = "ed25519") -> Path:
        algorithm = TYPES[kind][2]
        return append_host_key(path, name, port, algorithm, keys.blob(f"host_{kind}"), hashed=hashed)

    return append


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize(("name", "port"), [("web", 22), ("Web.lab", 2222), ("10.0.0.5", 22), ("fe80::1%eth0", 2200)])
def test_a_recorded_key_is_trusted_here_and_by_ssh(
    record: Recorder, keys: Keys, peer: Peer, tmp_path: Path, name: str, port: int, hashed: bool
) -> None:
    file = tmp_path / "known_hosts"
    record(file, name, port, hashed)
    assert check(KnownHosts.read([file]), keys.blob("host_ed25519"), name, port).state == "trusted"
    assert peer.ask_ssh(file, name, port, ED25519) == "trusted"
    assert (name.lower() in file.read_text()) is not hashed


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_of_each_type_is_recorded_as_ssh_keygen_writes_it(
    record: Recorder, keys: Keys, tmp_path: Path, kind: str
) -> None:
    record(tmp_path / "file", kind=kind)
    assert (tmp_path / "file").read_text() == f"web {keys.text(f'host_{kind}')}\n"


def test_of_a_certificate_the_key_is_recorded(keys: Keys, peer: Peer, tmp_path: Path) -> None:
    append_host_key(tmp_path / "file", "web", 22, CERTIFIED, blob_of(peer.certificate))
    assert (tmp_path / "file").read_text() == f"web {keys.text('host_ed25519')}\n"


def test_files_and_folders_are_made_for_their_owner_alone(record: Recorder, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        record(tmp_path / "ssh" / "known_hosts")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "ssh").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "ssh" / "known_hosts").stat().st_mode) == 0o600


@pytest.mark.parametrize("before", ["", "db ssh-ed25519 AAAA\n", "# cut off", "x\r\n\n", "\n"])
def test_what_was_there_stays_and_the_new_line_is_one(record: Recorder, tmp_path: Path, before: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(before.encode())
    file.chmod(0o644)
    record(file)
    record(file, "db")
    content = file.read_bytes().decode()
    assert content.startswith(before)
    assert [line.split()[0] for line in content[len(before) :].strip().split("\n")] == ["web", "db"]
    assert content.count("\n") == before.count("\n") + 2 + (not before.endswith("\n") and bool(before))
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_link_is_followed_and_told_of(record: Recorder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    for _ in range(2):
        assert record(tmp_path / "link") == tmp_path / "elsewhere"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere").read_text().count("\n") == 2


@pytest.mark.parametrize("name", ["", "a b", "a,b", "*", "we?", "!web", "|1|x", "#web", "@revoked", "w\n", "[x]", "é"])
def test_a_name_that_would_mean_something_else_is_not_recorded(record: Recorder, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as raised:
        record(tmp_path / "file", name)
    assert is_safe(raised.value)
    assert not (tmp_path / "file").exists()


def test_what_is_no_key_or_port_is_not_recorded(keys: Keys, tmp_path: Path) -> None:
    host = keys.blob("host_ed25519")
    for port, key_type, blob in (
        (0, ED25519, host), (65536, ED25519, host), (22, "ssh-rsa", host), (22, CERTIFIED, host),
        (22, ED25519, host[:-1]), (22, ED25519, b""),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            append_host_key(tmp_path / "file", "web", port, key_type, blob)
    assert not (tmp_path / "file").exists()


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(record: Recorder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(FILE_LIMIT)
    for name in ("", "file/known_hosts", "no/such/folder", "pipe", "loop", "huge", "nul\0", "/dev/null"):
        with pytest.raises((StorageError, UsageError)) as raised:
            record(tmp_path / name)
        assert is_safe(raised.value)
        assert name[:4].rstrip("\0") in str(raised.value)


def test_a_full_disk_is_told_of_as_such(
    record: Recorder, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, file = os.write, tmp_path / "known_hosts"
    record(file, "db")

    def fill_up(descriptor: int, data: bytes) -> int:
        if len(data) < 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data)[:50])

    monkeypatch.setattr(os, "write", fill_up)
    with pytest.raises(StorageError, match="No space") as raised:
        record(file)
    assert raised.value.full
    monkeypatch.undo()
    assert check(KnownHosts.read([file]), keys.blob("host_ed25519"), "web").state == "unknown"
    record(file)
    assert check(KnownHosts.read([file]), keys.blob("host_ed25519"), "web").state == "trusted"
    assert check(KnownHosts.read([file]), keys.blob("host_ed25519"), "db").state == "trusted"
