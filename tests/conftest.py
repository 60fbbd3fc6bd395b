"""Fixtures for all tests: the real engine and the lab come from tests.lab."""

from tests.lab.fixtures import client, engine, lab, second_engine, ssh_host, third_engine, three_hosts  # noqa: F401
