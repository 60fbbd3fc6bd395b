"""The JSON Schema of hosts.yml: it is one, it says of every key what it is for, and it takes what the reader takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from irkit.adapters.hosts_file import read_hosts
from irkit.adapters.inventory_schema import fits, inventory_schema
from irkit.adapters.schema_problems import schema_problems
from irkit.adapters.yaml_document import read_document
from irkit.core.errors import PlaybookError
from irkit.core.host import Host

WHOLE = b"""
defaults: {user: root, port: 22, jump: gw, socket: /run/x.sock, sudo: true, labels: {a: b}, groups: [c]}
hosts:
  - {name: gw, address: 10.0.0.1, reach: ssh, user: "", port: 0, jump: "", socket: "", sudo: false}
  - {name: far, reach: tcp, address: engine.example.org, port: 2376, tls: certs, labels: {site: a}, groups: [web]}
"""


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(inventory_schema())


def test_every_key_says_what_it_is_for() -> None:
    schema = inventory_schema()
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        for name, key in part["properties"].items():
            assert "description" in key or "$ref" in key, name


def test_every_way_to_reach_a_host_is_in_it() -> None:
    """What a host is made of stands in a file of hosts; what is found out on the way does not."""
    found_out = {"host_key", "route", "engine_id"}
    assert set(inventory_schema()["$defs"]["Entry"]["properties"]) == set(Host.__struct_fields__) - found_out


def test_a_file_with_every_key_is_taken() -> None:
    value = read_document(WHOLE, "hosts.yml").value
    Draft202012Validator(inventory_schema()).validate(value)
    keys = {key for entry in value["hosts"] for key in entry}
    assert keys == set(inventory_schema()["$defs"]["Entry"]["properties"])
    assert set(value["defaults"]) == set(inventory_schema()["$defs"]["Defaults"]["properties"])
    assert len(read_hosts(WHOLE, "hosts.yml", Path("/etc"))) == 2


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"hosts": {}},
        {"hosts": [{}]},
        {"hosts": [{"name": "a b"}]},
        {"hosts": [{"name": "a\n"}]},
        {"hosts": [{"name": "-a"}]},
        {"hosts": [{"name": "a", "x": 1}]},
        {"hosts": [{"name": "a", "port": 65536}]},
        {"hosts": [{"name": "a", "reach": "telnet"}]},
        {"hosts": [{"name": "a", "user": "-x"}]},
        {"hosts": [{"name": "a", "socket": "x"}]},
        {"hosts": [{"name": "a", "labels": {"a b": "c"}}]},
        {"hosts": [{"name": "a", "groups": "web"}]},
        {"hosts": [], "defaults": {"name": "a"}},
    ],
    ids=str,
)
def test_what_an_editor_marks_the_reader_refuses(value: Any) -> None:
    assert not Draft202012Validator(inventory_schema()).is_valid(value)
    with pytest.raises(PlaybookError):
        read_hosts(json.dumps(value).encode(), "hosts.yml", Path("/etc"))


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 70_000)
    | st.floats(0, 9)
    | st.sampled_from(["", "a", "/a", "-", "a b", "ssh"])
)
_values = _scalars | st.lists(_scalars, max_size=2) | st.dictionaries(st.sampled_from(["a", "-"]), _scalars, max_size=2)
_entries = st.dictionaries(
    st.sampled_from(["name", "reach", "port", "sudo", "user", "labels", "groups", "socket", "jump", "x"]),
    _values,
    max_size=3,
)


@given(
    st.dictionaries(st.sampled_from(["hosts", "defaults", "x"]), _values | _entries, max_size=3)
    | st.fixed_dictionaries({"hosts": st.lists(_entries, max_size=2)}, optional={"defaults": _entries})
)
def test_what_fits_is_what_the_schema_takes(value: Any) -> None:
    schema = inventory_schema()
    assert fits(value) == (not list(schema_problems(schema, value)))
