import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity
from hypothesis import example, given
from hypothesis import strategies as st

from irkit.adapters.known_hosts import fingerprint
from irkit.adapters.ssh_certificate import Certificate, parse_certificate, parse_host_key
from irkit.adapters.ssh_key_blob import CERTIFIED_TYPES, KeyFormatError, parse_public_key

from . import made_keys
from .made_keys import (
    APPLICATION,
    HOST_KEY,
    TYPES,
    Keys,
    authority_blob,
    blob_of,
    flip,
    hand_made,
    is_safe,
    keygen,
    openssh_reads,
    string,
    strings,
)

keys = made_keys.keys
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALWAYS = ("-V", "20200101000000Z:20400101000000Z")
ED25519_CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"


def believe(blob: bytes) -> Certificate:
    certificate = parse_certificate(blob)
    certificate.check_signature()
    return certificate


def is_refused(blob: bytes) -> bool:
    try:
        believe(blob)
    except KeyFormatError as error:
        assert is_safe(error)
        return True
    return False


# What ssh-keygen makes


@pytest.mark.parametrize("authority", TYPES)
@pytest.mark.parametrize("kind", TYPES)
def test_a_certificate_of_any_key_by_any_authority_is_read_as_ssh_keygen_reads_it(
    keys: Keys, kind: str, authority: str
) -> None:
    public = keys.sign(f"host_{kind}", f"ca_{authority}", "-h", "-n", "web,db.lab", "-z", "77", *ALWAYS)
    certificate = believe(blob_of(public))
    assert certificate.key.blob == keys.blob(f"host_{kind}")
    assert certificate.authority.blob == keys.blob(f"ca_{authority}")
    assert (certificate.kind, certificate.principals, certificate.serial) == (2, (b"web", b"db.lab"), 77)
    assert certificate.refusal("web", NOW) == certificate.refusal("DB.lab", NOW) == ""
    shown = keygen("-L", "-f", public).stdout
    assert f"Public key: {shown_kind(kind)}-CERT {certificate.key.fingerprint}" in shown
    assert certificate.authority.fingerprint in shown
    assert re.search(r"Serial: 77\b", shown)


def shown_kind(kind: str) -> str:
    return re.sub(r"\d+$", "", kind).upper() if kind.startswith("ecdsa") else kind.upper()


@pytest.mark.parametrize("kind", TYPES)
def test_a_certificate_is_read_as_another_library_reads_it(keys: Keys, kind: str) -> None:
    public = keys.sign(f"host_{kind}", "ca_ed25519", "-h", "-n", "a,b", "-V", "20260101000000Z:20270101000000Z")
    theirs = load_ssh_public_identity(public.read_bytes())
    assert isinstance(theirs, SSHCertificate)
    ours = parse_certificate(blob_of(public))
    assert (list(ours.principals), ours.serial, ours.key_id) == (theirs.valid_principals, theirs.serial, theirs.key_id)
    assert (ours.valid_after, ours.valid_before) == (theirs.valid_after, theirs.valid_before)


@pytest.mark.parametrize("kind", TYPES)
def test_fingerprints_are_those_of_ssh_keygen_for_keys_and_certificates(keys: Keys, kind: str) -> None:
    public = keys.sign(f"host_{kind}", "ca_ed25519", "-h", "-n", "web")
    for file in (keys.public(f"host_{kind}"), public):
        assert fingerprint(blob_of(file)) == keygen("-l", "-f", file).stdout.split()[1]


@pytest.mark.parametrize("algorithm", ["rsa-sha2-256", "rsa-sha2-512"])
def test_both_sha2_signatures_of_an_rsa_authority_are_right(keys: Keys, algorithm: str) -> None:
    believe(blob_of(keys.sign("host_ed25519", "ca_rsa", "-h", "-n", "web", "-t", algorithm)))


def test_a_signature_with_sha1_is_refused(keys: Keys) -> None:
    blob = blob_of(keys.sign("host_ed25519", "ca_rsa", "-h", "-n", "web", "-t", "ssh-rsa"))
    with pytest.raises(KeyFormatError, match="SHA-1"):
        believe(blob)


# What it says of a host


def test_the_hours_count_from_the_first_second_to_the_one_before_the_last(keys: Keys) -> None:
    public = keys.sign("host_ed25519", "ca_ed25519", "-h", "-n", "web", "-V", "20260301120000Z:20260301130000Z")
    certificate, second = parse_certificate(blob_of(public)), timedelta(seconds=1)
    end = NOW + timedelta(hours=1)
    assert certificate.refusal("web", NOW) == certificate.refusal("web", end - second / 2) == ""
    assert certificate.refusal("web", NOW - second / 2) == "it is not valid before 2026-03-01T12:00:00Z"
    assert certificate.refusal("web", end) == "it expired at 2026-03-01T13:00:00Z"


def test_times_beyond_all_calendars_are_compared_and_shown() -> None:
    certificate = parse_certificate(hand_made(valid=(2**64 - 2, 2**64 - 1)))
    assert certificate.refusal("web", NOW) == f"it is not valid before {2**64 - 2} seconds after 1970"
    assert parse_certificate(hand_made()).refusal("web", datetime(1970, 1, 1, tzinfo=UTC)) == ""
    assert "not valid before" in parse_certificate(hand_made()).refusal("web", datetime(1969, 1, 1, tzinfo=UTC))


def test_a_certificate_for_logging_in_is_not_a_hosts(keys: Keys) -> None:
    certificate = believe(blob_of(keys.sign("host_ed25519", "ca_ed25519", "-n", "web", *ALWAYS)))
    assert certificate.refusal("web", NOW) == "it is not for a host but for logging in"


@pytest.mark.parametrize("option", ["critical:later@example.org=x", "force-command=id", "source-address=10.0.0.0/8"])
def test_a_critical_option_is_refused_whichever_it_is(keys: Keys, option: str) -> None:
    blob = hand_made(critical=strings(*(part.encode() for part in option.split("="))))
    assert option.partition("=")[0] in believe(blob).refusal("web", NOW)


@pytest.mark.parametrize(
    ("principals", "name", "fits"),
    [
        ((b"web",), "web", True),
        ((b"db", b"web"), "WEB", True),
        ((b"WEB",), "web", False),
        ((b"web.lab",), "web", False),
        ((b"web",), "web.lab", False),
        ((b"*.lab",), "web.lab", True),
        ((b"*.lab",), "lab", False),
        ((b"web?",), "web1", True),
        ((), "web", False),
        ((b"",), "web", False),
        ((b"!db,*",), "web", False),
        (("wéb".encode(),), "wéb", True),
    ],
)
def test_a_certificate_is_for_the_names_it_lists_and_no_others(
    principals: tuple[bytes, ...], name: str, fits: bool
) -> None:
    refusal = parse_certificate(hand_made(principals=strings(*principals))).refusal(name, NOW)
    assert (refusal == "") is fits, refusal


def test_names_in_a_certificate_reach_no_terminal_raw() -> None:
    many = strings(b"\x1b]0;owned\x07", "\u202eweb".encode(), b"\xff\xfe", b"a", b"b")
    refusal = parse_certificate(hand_made(principals=many, critical=b"")).refusal("w\x1beb", NOW)
    assert is_safe(refusal)
    assert "and 2 more" in refusal


# Keys of hardware tokens


@pytest.mark.parametrize("wrong", [False, True])
def test_an_authority_on_a_hardware_token_is_believed_as_openssh_believes_it(tmp_path: Path, wrong: bool) -> None:
    blob = hand_made(authority=authority_blob(b"sk-ssh-ed25519@openssh.com"))
    blob = flip(blob, len(blob) - 1) if wrong else blob  # the counter, which is signed too
    assert is_refused(blob) is wrong
    assert openssh_reads(blob, ED25519_CERTIFICATE, tmp_path) is not wrong


def test_a_hosts_key_on_a_hardware_token_is_known_and_not_accepted(tmp_path: Path) -> None:
    name = "sk-ssh-ed25519-cert-v01@openssh.com"
    blob = hand_made(certificate_type=name.encode(), key=strings(HOST_KEY, APPLICATION))
    assert openssh_reads(blob, name, tmp_path)
    certificate = believe(blob)
    assert certificate.key.type == "sk-ssh-ed25519@openssh.com"
    assert "not accepted of hosts" in certificate.refusal("web", NOW)


# What is not a certificate


@pytest.mark.parametrize(
    "blob",
    [
        hand_made(tail=b"\0"),
        hand_made(principals=b"\0\0\0\4web"),
        hand_made(principals=strings(b"web\0.lab")),
        hand_made(principals=strings(*[b"x"] * 257)),
        hand_made(critical=string(b"alone")),
        hand_made(extensions=b"\0\0"),
        hand_made(key=string(HOST_KEY[:31])),
        hand_made(key=string(HOST_KEY + b"\0")),
        hand_made(authority=strings(b"ssh-ed25519", b"short")),
        hand_made(authority=hand_made()),  # a certificate signed by a certificate
        hand_made(certificate_type=b"ssh-nothing-cert-v01@openssh.com"),
        hand_made(certificate_type=b""),
        b"",
    ],
)
def test_a_certificate_that_is_not_well_made_is_refused_as_openssh_refuses_it(blob: bytes, tmp_path: Path) -> None:
    assert is_refused(blob)
    assert not openssh_reads(blob, ED25519_CERTIFICATE, tmp_path)


@pytest.mark.parametrize(
    ("key_type", "fields"),
    [
        ("ssh-rsa", (b"\x01\0\x01", b"\0" + b"\x7f" * 256)),  # a zero that is not needed
        ("ssh-rsa", (b"\x01\0\x01", b"\xff" * 256)),  # negative
        ("ssh-rsa", (b"", b"\x7f" * 256)),
        ("ssh-rsa", (b"\x03", b"\x7f" * 3000)),
        ("ecdsa-sha2-nistp256", (b"nistp384", b"\4" + b"x" * 64)),
        ("ecdsa-sha2-nistp256", (b"nistp256", b"\2" + b"x" * 32)),  # half a point
        ("ecdsa-sha2-nistp256", (b"nistp256", b"\2" + b"x" * 64)),
        ("ssh-ed25519", (b"x" * 31,)),
        ("ssh-ed25519", (b"x" * 32, b"")),
        ("ssh-none", ()),
    ],
)
def test_a_key_has_one_encoding_only(key_type: str, fields: tuple[bytes, ...]) -> None:
    with pytest.raises(KeyFormatError):
        parse_public_key(strings(key_type.encode(), *fields))


def test_a_certificate_or_key_of_any_size_is_read_no_further_than_its_bound() -> None:
    for blob in (hand_made(extensions=strings(b"x" * 70_000, b"")), b"\xff\xff\xff\xff", string(b"x" * 70_000)):
        with pytest.raises(KeyFormatError):
            parse_host_key(blob)


def test_numbers_that_make_no_key_are_a_wrong_signature_and_nothing_else(keys: Keys) -> None:
    odd = strings(b"ssh-rsa", b"\x01", b"\x7f" * 256)
    small = strings(b"ssh-rsa", b"\x03", b"\x7f" * 64)
    nowhere = strings(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\x01" * 64)
    for authority, algorithm in ((odd, b"rsa-sha2-512"), (small, b"rsa-sha2-256"), (nowhere, b"ecdsa-sha2-nistp256")):
        blob = hand_made(authority=authority)
        signature = strings(algorithm, strings(b"\x01", b"\x01"))
        unsigned = parse_certificate(blob).signed
        with pytest.raises(KeyFormatError, match="cannot be used"):
            believe(unsigned + string(signature))


def test_a_signature_of_another_kind_than_the_key_is_refused() -> None:
    blob = hand_made()
    unsigned = parse_certificate(blob).signed
    for algorithm in (b"rsa-sha2-512", b"sk-ssh-ed25519@openssh.com", b"x"):
        with pytest.raises(KeyFormatError, match="another type"):
            believe(unsigned + string(strings(algorithm, b"x" * 64)))


@pytest.mark.parametrize("kind", TYPES)
def test_a_signature_has_one_encoding_only(keys: Keys, kind: str) -> None:
    certificate = believe(blob_of(keys.sign("host_ed25519", f"ca_{kind}", "-h", "-n", "web")))
    size = int.from_bytes(certificate.signature[:4], "big") + 4
    name, raw = certificate.signature[:size], certificate.signature[size + 4 :]
    believe(certificate.signed + string(name + string(raw)))
    for other in (name + string(raw) + b"\0", name + string(raw + b"\0"), name + string(raw + string(b"\1"))):
        assert is_refused(certificate.signed + string(other))


@pytest.mark.parametrize("kind", TYPES)
def test_no_certificate_with_one_byte_changed_is_believed(keys: Keys, kind: str) -> None:
    blob = blob_of(keys.sign(f"host_{kind}", f"ca_{kind}", "-h", "-n", "web"))
    believe(blob)
    for position in range(len(blob)):
        assert is_refused(flip(blob, position, 1 << position % 8)), position


@pytest.mark.parametrize("kind", TYPES)
def test_no_certificate_that_is_cut_or_has_a_byte_too_many_is_believed(keys: Keys, kind: str) -> None:
    blob = blob_of(keys.sign(f"host_{kind}", f"ca_{kind}", "-h", "-n", "web"))
    for length in range(len(blob)):
        with pytest.raises(KeyFormatError):
            parse_certificate(blob[:length])
    assert is_refused(blob + b"\0")


@given(st.binary(max_size=400))
@example(string(ED25519_CERTIFICATE.encode()))
def test_whatever_comes_is_a_key_or_a_format_error(data: bytes) -> None:
    for blob in (data, *(string(name.encode()) + data for name in CERTIFIED_TYPES)):
        try:
            parse_host_key(blob)
        except KeyFormatError as error:
            assert is_safe(error)


@given(
    key=st.binary(max_size=80),
    principals=st.binary(max_size=80),
    options=st.binary(max_size=40),
    authority=st.binary(max_size=60).map(lambda data: strings(b"ssh-ed25519") + data) | st.just(authority_blob()),
    signature=st.binary(max_size=90),
)
def test_a_certificate_of_any_content_raises_format_errors_only(
    key: bytes, principals: bytes, options: bytes, authority: bytes, signature: bytes
) -> None:
    whole = hand_made(key=string(HOST_KEY), principals=principals, critical=options, authority=authority)
    for blob in (whole, hand_made(key=key), hand_made(tail=signature), hand_made()[:-87] + string(signature)):
        try:
            parse_certificate(blob).refusal("web", NOW)
            believe(blob)
        except KeyFormatError as error:
            assert is_safe(error)
