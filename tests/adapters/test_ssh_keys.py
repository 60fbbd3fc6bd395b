"""Which keys are tried, and in which order: as the responder's own ssh does, with a real agent."""

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from irkit.adapters.ssh_agent import Agent
from irkit.adapters.ssh_keys import KeyRing, gather, open_agent
from irkit.adapters.ssh_secrets import Secrets
from irkit.core.errors import StorageError
from tests.adapters import made_keys
from tests.adapters.made_keys import Keys, blob_of, keygen
from tests.adapters.ssh_agents import LabAgent, false_agent, start_agent
from tests.adapters.ssh_side import Asked, deadline
from tests.lab.counting import Held, wait_released

keys = made_keys.keys


@pytest.fixture
def agent(keys: Keys) -> Iterator[LabAgent]:
    assert keys.root
    with start_agent() as started:
        yield started


def names(ring: KeyRing) -> list[str]:
    return [key.name for key in ring.keys]


def held(agent: LabAgent, *files: Path, certificates: tuple[Path, ...] = (), only_these: bool = False) -> KeyRing:
    """The ring with what the agent holds; signing is tried with every key."""
    opened = Agent(str(agent.socket))
    try:
        ring = gather(files, certificates, opened, only_these=only_these)
        for key in ring.keys:
            assert key.signer.sign_ssh_data(b"data", None)
        return ring
    finally:
        opened.close()


def test_files_are_tried_in_their_order(keys: Keys) -> None:
    files = [keys.file(name) for name in ("b_rsa", "a_ed25519", "c_ecdsa256")]
    ring = gather([*files, keys.root / "none"], (), None, only_these=False)
    assert names(ring) == [str(path) for path in files]
    assert [key.public for key in ring.keys] == [keys.blob(path.name) for path in files]
    assert not any(key.asks_first for key in ring.keys)
    assert (ring.locked, ring.notes) == ([], [])


def test_the_keys_of_an_agent_come_first_and_those_that_are_named_before_others(keys: Keys, agent: LabAgent) -> None:
    for name in ("x_ed25519", "b_rsa", "a_ed25519"):
        agent.add(keys.file(name))
    ring = held(agent, keys.file("a_ed25519"), keys.file("b_rsa"), keys.file("c_ecdsa256"))
    assert names(ring) == [
        "agent key a_ed25519",
        "agent key b_rsa",
        "agent key x_ed25519",
        str(keys.file("c_ecdsa256")),
    ]
    assert [key.asks_first for key in ring.keys] == [True, True, True, False]


def test_only_keys_that_are_named_are_taken_of_an_agent_where_that_is_configured(keys: Keys, agent: LabAgent) -> None:
    for name in ("x_ed25519", "a_ed25519"):
        agent.add(keys.file(name))
    assert names(held(agent, keys.file("a_ed25519"), only_these=True)) == ["agent key a_ed25519"]
    assert names(held(agent, keys.public("a_ed25519"), only_these=True)) == ["agent key a_ed25519"]
    assert names(held(agent, only_these=True)) == []


def test_an_encrypted_key_that_the_agent_holds_is_not_asked_for(keys: Keys, agent: LabAgent, tmp_path: Path) -> None:
    agent.add(keys.file("a_ed25519"))
    locked = tmp_path / "locked"
    locked.write_bytes(keys.file("a_ed25519").read_bytes())
    locked.chmod(0o600)
    assert keygen("-q", "-p", "-N", "a phrase", "-f", locked).returncode == 0
    ring = held(agent, locked, only_these=True)  # its public half is inside
    assert names(ring) == ["agent key a_ed25519"]
    assert ring.locked == []


def test_a_certificate_goes_before_its_key(keys: Keys, tmp_path: Path) -> None:
    certificate = keys.sign("a_ed25519", "ca_ed25519", "-n", "root", place="user")
    other = keys.sign("x_ed25519", "ca_ed25519", "-n", "root", place="not ours")
    ring = gather([keys.file("a_ed25519")], [other, certificate], None, only_these=False)
    assert names(ring) == [f"{keys.file('a_ed25519')} with {certificate.name}", str(keys.file("a_ed25519"))]
    assert ring.keys[0].public == blob_of(certificate)
    beside = tmp_path / "key"
    beside.write_bytes(keys.file("a_ed25519").read_bytes())
    beside.chmod(0o600)
    (tmp_path / "key-cert.pub").write_text(certificate.read_text())
    assert names(gather([beside], (), None, only_these=False)) == [f"{beside} with key-cert.pub", str(beside)]
    (tmp_path / "key-cert.pub").write_text("no certificate")
    assert names(gather([beside], (), None, only_these=False)) == [str(beside)]


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa256"])
def test_certificates_in_and_for_an_agent_are_shown_as_such(
    keys: Keys, agent: LabAgent, tmp_path: Path, kind: str
) -> None:
    name = f"a_{kind}"
    certificate = keys.sign(name, "ca_ed25519", "-n", "root", place=f"agent-{kind}")
    agent.add(keys.file(name))
    ring = held(agent, certificates=(certificate,), only_these=True)
    assert [key.public for key in ring.keys] == [blob_of(certificate), keys.blob(name)]
    assert [getattr(key.signer.public_blob, "key_blob", None) for key in ring.keys] == [blob_of(certificate), None]
    both = tmp_path / "both"
    both.write_bytes(keys.file(name).read_bytes())
    both.chmod(0o600)
    (tmp_path / "both-cert.pub").write_text(certificate.read_text())
    agent.add("-D")
    agent.add(both)
    ring = held(agent, certificates=(certificate,))
    assert sorted(key.public for key in ring.keys) == sorted([blob_of(certificate), keys.blob(name)])
    shown = next(key.signer for key in ring.keys if key.public == blob_of(certificate))
    assert shown.public_blob is not None
    assert shown.public_blob.key_blob == blob_of(certificate)


def test_keys_in_an_agent_that_make_no_sense_do_not_hide_the_others(keys: Keys) -> None:
    good = keys.blob("a_ed25519")
    entries = [(b"junk", b"x"), (b"\x00\x00\x00\x07ssh-rsa", b"y"), (good, b"\xff\xfe good"), (b"", b"")]
    body = b"\x0c" + len(entries).to_bytes(4, "big") + b"".join(_string(a) + _string(b) for a, b in entries)
    with false_agent(_string(body), b"") as place:
        opened = Agent(str(place))
        assert [bytes(key.blob) for key in opened.keys][-1] == good or good in [bytes(key.blob) for key in opened.keys]
        opened.close()


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\x00\x00\x01\x05", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"HTTP/1.1"]
)
def test_what_is_no_agent_is_named_and_done_without(answer: bytes) -> None:
    before = Held()
    with false_agent(answer) as place:
        notes: list[str] = []
        with open_agent("", {"SSH_AUTH_SOCK": str(place)}, notes) as found:
            assert found is None
        assert notes == [f"no agent answers at {place}"]
    assert wait_released(before) == {}


def test_an_agent_is_asked_for_where_it_is_configured(agent: LabAgent, keys: Keys, tmp_path: Path) -> None:
    agent.add(keys.file("a_ed25519"))
    notes: list[str] = []
    for wanted, environment, is_there in (
        ("", agent.environment, True),
        ("SSH_AUTH_SOCK", agent.environment, True),
        (str(agent.socket), {}, True),
        ("none", agent.environment, False),
        ("", {}, False),
        (str(tmp_path / "gone"), agent.environment, False),
    ):
        with open_agent(wanted, environment, notes) as found:
            assert (found is not None) is is_there, wanted
    assert notes == [f"no agent answers at {tmp_path / 'gone'}"]


def test_an_agent_that_refuses_to_sign_is_an_error_of_that_key(agent: LabAgent, keys: Keys) -> None:
    agent.add("-c", keys.file("a_ed25519"))  # to be confirmed, and nobody is there to do it
    opened = Agent(str(agent.socket))
    try:
        with pytest.raises(paramiko.SSHException):
            opened.keys[0].sign_ssh_data(b"data", None)
    finally:
        opened.close()


def test_a_file_that_cannot_be_used_is_noted_and_the_next_one_tried(keys: Keys, tmp_path: Path) -> None:
    junk, shown = tmp_path / "junk", tmp_path / "shown"
    junk.write_text("no key")
    shown.write_bytes(keys.file("a_ed25519").read_bytes())
    junk.chmod(0o600)
    shown.chmod(0o644)
    ring = gather([junk, shown, keys.file("b_rsa")], (), None, only_these=False)
    assert names(ring) == [str(keys.file("b_rsa"))]
    assert [str(path) in note for path, note in zip((junk, shown), ring.notes, strict=True)] == [True, True]


# Passphrases:


@pytest.fixture
def locked(keys: Keys, tmp_path: Path) -> Path:
    path = tmp_path / "locked"
    assert keygen("-q", "-t", "ed25519", "-N", "open sesame", "-f", path).returncode == 0
    return path


def unlocked(path: Path, asked: Asked | None) -> tuple[list[str], list[str]]:
    ring = gather([path], (), None, only_these=False)
    assert len(ring.locked) == 1
    secrets = Secrets(asked)
    found = [key.name for key in ring.unlock(ring.locked[0], secrets, deadline())]
    return found, ring.notes


def test_a_passphrase_is_asked_for_by_the_name_of_its_key(locked: Path) -> None:
    asked = Asked(**{str(locked): "open sesame"})
    assert unlocked(locked, asked) == ([str(locked)], [])
    assert asked.prompts == [f"Passphrase of the key {locked}: "]


def test_a_wrong_passphrase_may_be_told_again_twice(locked: Path) -> None:
    asked = Asked(**{str(locked): ["wrong", "wrong again", "open sesame"]})
    assert unlocked(locked, asked) == ([str(locked)], [])
    asked = Asked(**{str(locked): ["wrong", "worse", "worst", "open sesame"]})
    assert unlocked(locked, asked) == ([], [f"{locked}: 3 wrong passphrases"])
    assert len(asked.prompts) == 3


def test_where_nobody_tells_it_the_key_is_left_out_and_noted(locked: Path) -> None:
    for asked in (None, Asked()):
        found, notes = unlocked(locked, asked)
        assert found == []
        assert "--ask-pass" in notes[0]


def test_an_encrypted_key_is_offered_with_its_certificates(locked: Path, keys: Keys) -> None:
    signed = keygen("-q", "-s", keys.file("ca_ed25519"), "-I", "x", "-n", "root", locked.with_suffix(".pub"))
    assert signed.returncode == 0
    ring = gather([locked], (), None, only_these=False)
    certificate = locked.with_name("locked-cert.pub")
    assert ring.locked[0].offers == (blob_of(certificate), blob_of(locked.with_suffix(".pub")))
    asked = Asked(**{str(locked): "open sesame"})
    found = [key.public for key in ring.unlock(ring.locked[0], Secrets(asked), deadline())]
    assert found == [blob_of(certificate), blob_of(locked.with_suffix(".pub"))]


def test_a_file_that_goes_while_its_passphrase_is_typed_is_noted(locked: Path) -> None:
    ring = gather([locked], (), None, only_these=False)

    def ask(prompt: str) -> str:
        locked.unlink()
        return prompt

    assert list(ring.unlock(ring.locked[0], Secrets(ask), deadline())) == []
    assert "No such file" in ring.notes[0]
    with pytest.raises(StorageError):
        Agent(str(locked))
