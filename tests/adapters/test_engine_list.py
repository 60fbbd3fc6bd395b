"""Summaries from an engine's answer to a list: what is odd or hostile in it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.adapters.engine_list import summaries_of
from irkit.core import codec
from irkit.core.errors import Refusal, TargetError
from tests.acceptance.fake_engine import listed
from tests.soak import often


@pytest.mark.parametrize("where", ["Names", "Id", "Labels", "Ports", "NetworkSettings", "State", "Image", "Created"])
@pytest.mark.parametrize("odd", [7, "x", [1], {"a": 1}, True, 1.5, 10**400, [[]], {"": {"": ""}}], ids=range(9))
def test_a_list_is_read_or_refused_and_what_is_read_can_be_logged(where: str, odd: object) -> None:
    check(json.dumps([{**listed(), where: odd}]).encode())


def check(body: bytes) -> None:
    try:
        found = summaries_of(body, "local")
    except TargetError as error:
        assert error.kind is Refusal.GARBLED and len(error.reason) < 400
    else:
        codec.canonical(found)


@settings(max_examples=often(200, 66), deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_lead_to_a_traceback(body: bytes) -> None:
    check(body)
    check(b"[" + body + b"]")


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_a_port_that_could_not_be_logged_is_refused(number: int) -> None:
    for port in ({"PrivatePort": number}, {"PrivatePort": 80, "PublicPort": number}):
        with pytest.raises(TargetError, match="expected form"):
            summaries_of(json.dumps([listed(Ports=[port])]).encode(), "local")
