"""Kinds by first bytes, and file capabilities in words: right for what is known, and never an error."""

import struct

import pytest

from irkit.adapters.file_kinds import capabilities_of, mime_of

KINDS = {
    b"": "inode/x-empty",
    b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0": "application/x-executable",
    b"\x7fELF\x02\x02\x01" + bytes(9) + b"\0\x03": "application/x-pie-executable",
    b"\x7fELF": "application/x-elf",
    b"#!/bin/sh\n": "text/x-shellscript",
    b"#!/usr/bin/env -S python3 -u\n": "text/x-script.python",
    b"#!": "text/x-script",
    b"MZ\x90": "application/vnd.microsoft.portable-executable",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b\x08": "application/gzip",
    b"<?php echo 1;": "text/x-php",
    b"<html><?php echo 1;": "text/x-php",
    b"-----BEGIN OPENSSH PRIVATE KEY-----": "application/x-pem-file",
    bytes(257) + b"ustar\0": "application/x-tar",
    b"plain\ttext\r\n": "text/plain",
    "caf\u00e9".encode(): "text/plain",
    b"x" * 4095 + "\u00e9".encode()[:1]: "text/plain",
    b"x\xff": "application/octet-stream",
    b"x\0": "application/octet-stream",
}


@pytest.mark.parametrize(("start", "kind"), KINDS.items(), ids=range(len(KINDS)))
def test_a_kind_is_told_by_the_first_bytes(start: bytes, kind: str) -> None:
    assert mime_of(start) == kind


def test_no_bytes_are_an_error() -> None:
    for first in range(256):
        for second in range(256):
            assert mime_of(bytes([first, second]))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0), "cap_net_raw=ep"),
        (struct.pack("<5I", 0x02000000, 1 << 13 | 1 << 12, 0, 0, 0), "cap_net_admin,cap_net_raw=p"),
        (struct.pack("<5I", 0x02000001, 1, 1, 1 << 7, 0), "cap_chown=eip cap_bpf=ep"),
        (struct.pack("<6I", 0x03000001, 1 << 21, 0, 0, 0, 100000), "cap_sys_admin=ep [rootid=100000]"),
        (struct.pack("<3I", 0x01000001, 1 << 21, 0), "cap_sys_admin=ep"),
        (struct.pack("<5I", 0x02000000, 0, 0, 0, 0), "="),
        (struct.pack("<5I", 0x02000001, 0, 0, 1 << 31, 0), "cap_63=ep"),
        (b"", "not decoded: "),
        (b"\x01\0\0\x02", "not decoded: 01000002"),
        (struct.pack("<5I", 0x09000001, 0, 0, 0, 0), "not decoded: 0100000900000000000000000000000000000000"),
    ],
)
def test_file_capabilities_are_told_as_getcap_does(raw: bytes, words: str) -> None:
    assert capabilities_of(raw) == words
