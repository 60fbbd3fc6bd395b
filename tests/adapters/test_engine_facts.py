"""Facts from an engine's answers: what is absent, null, odd or hostile in them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.adapters.engine_facts import container_of
from irkit.core import codec
from irkit.core.container import UNLIMITED, Limits, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from tests.acceptance.fake_engine import ID, inspected
from tests.soak import often


def facts(**more: Any) -> Any:
    return container_of(json.dumps(inspected(**more)).encode(), "local")


def test_absent_and_null_are_the_same() -> None:
    bare = container_of(json.dumps({"Id": ID, "Name": "/x", "State": {"Status": "created"}}).encode(), "local")
    nulls = {"Networks": None, "Ports": None}
    host = {"CapAdd": None, "SecurityOpt": None, "Tmpfs": None}
    same = facts(NetworkSettings=nulls, HostConfig=host, Mounts=None, Config={"Labels": None})
    assert bare.attachments == same.attachments == () and bare.mounts == same.mounts == ()
    assert bare.labels == same.labels == {} and bare.restart_policy == same.restart_policy == RestartPolicy()


def test_how_often_the_engine_restarted_it_is_told_where_it_tells_so() -> None:
    assert facts(RestartCount=7).restarts == 7
    assert facts().restarts == 0


def test_the_last_of_two_equal_keys_counts_as_in_every_other_reader() -> None:
    body = json.dumps(inspected()).replace('"Status": "running"', '"Status": "exited", "Status": "paused"')
    assert container_of(body.encode(), "local").state == json.loads(body)["State"]["Status"] == "paused"


def test_an_address_is_fixed_where_it_was_asked_for_and_the_short_id_is_no_alias() -> None:
    networks = {
        "fixed": {"IPAMConfig": {"IPv4Address": "10.0.0.5"}, "IPAddress": "10.0.0.5", "Aliases": ["web", ID[:12]]},
        "chosen": {"IPAMConfig": None, "IPAddress": "10.0.1.5", "Aliases": None},
        "nothing": None,
    }
    found = {one.network: one for one in facts(NetworkSettings={"Networks": networks}).attachments}
    assert set(found) == {"fixed", "chosen"}
    assert (found["fixed"].fixed_ipv4, found["fixed"].aliases) == ("10.0.0.5", ("web",))
    assert (found["chosen"].fixed_ipv4, found["chosen"].ipv4) == ("", "10.0.1.5")


def test_environment_and_command_are_no_facts() -> None:
    config = {"Env": ["API_TOKEN=hunter2"], "Cmd": ["--password=hunter2"], "Entrypoint": ["hunter2"]}
    assert "hunter2" not in repr(facts(Config=config, Args=["hunter2"], Path="hunter2"))


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_a_number_that_could_not_be_logged_is_refused(number: int) -> None:
    for more in (
        {"State": {"Status": "running", "Pid": number}},
        {"HostConfig": {"RestartPolicy": {"MaximumRetryCount": number}}},
        {"NetworkSettings": {"Networks": {"a": {"GwPriority": number}}}},
    ):
        with pytest.raises(TargetError, match="expected form"):
            facts(**more)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["State", "Config", "HostConfig", "NetworkSettings", "Mounts", "Image", "Created", "Name", "Networks", "Ports"]
KEYS += [
    "RestartPolicy",
    "Labels",
    "Tmpfs",
    "IPAMConfig",
    "Aliases",
    "LogConfig",
    "Memory",
    "PidsLimit",
    "Healthcheck",
    "Status",
    "Pid",
    "80/tcp",
    "HostPort",
]
keys = st.sampled_from(KEYS)
shaped = st.recursive(
    json_values, lambda inner: st.dictionaries(keys, inner, max_size=4) | st.lists(inner, max_size=2), max_leaves=12
)


@settings(max_examples=often(200, 66), deadline=None)
@given(st.dictionaries(keys, shaped, max_size=6))
def test_no_answer_to_an_inspect_leads_to_a_traceback(more: dict[str, Any]) -> None:
    try:
        found = container_of(json.dumps(inspected(**more)).encode(), "local")
    except TargetError as error:
        assert error.kind is Refusal.GARBLED
    else:
        codec.canonical(found)


# Limits and health checks -----------------------------------------------------------------------------------------

MIB = 2**20


@pytest.mark.parametrize(
    ("told", "limits"),
    [
        ({}, Limits()),
        (dict.fromkeys(["NanoCpus", "CpuQuota", "CpuPeriod", "Memory", "MemorySwap", "PidsLimit"]), Limits()),
        ({"CpuQuota": -1, "MemorySwap": -1, "PidsLimit": -1}, Limits()),
        ({"CpuQuota": 0, "Memory": 0, "MemorySwap": 0, "PidsLimit": 0}, Limits()),
        ({"Memory": 2**51, "MemorySwap": 2**52}, Limits()),
        ({"Memory": 2**63 - 1, "MemorySwap": 2**63 - 1}, Limits()),
        ({"NanoCpus": 500_000_000, "PidsLimit": 20}, Limits(nano_cpus=500_000_000, pids=20)),
        ({"CpuQuota": 30_000, "CpuPeriod": 50_000}, Limits(cpu_quota=30_000, cpu_period=50_000)),
        ({"Memory": MIB, "MemorySwap": 2 * MIB}, Limits(memory=MIB, memory_swap=2 * MIB)),
        ({"Memory": MIB, "MemorySwap": -1}, Limits(memory=MIB, memory_swap=UNLIMITED)),
        ({"Memory": MIB, "MemorySwap": 0}, Limits(memory=MIB)),
    ],
)
def test_no_limit_is_one_fact_however_it_is_told(told: dict[str, int | None], limits: Limits) -> None:
    assert facts(HostConfig=told).limits == limits


@pytest.mark.parametrize(
    ("told", "has_one"),
    [
        ({}, False),
        ({"Healthcheck": None}, False),
        ({"Healthcheck": {}}, False),
        ({"Healthcheck": {"Test": []}}, False),
        ({"Healthcheck": {"Test": ["NONE"]}}, False),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 30}}, True),
    ],
)
def test_a_health_check_is_known(told: dict[str, Any], has_one: bool) -> None:
    assert facts(Config=told).health_check is has_one
