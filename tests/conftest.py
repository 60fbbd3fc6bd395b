"""Fixtures for all tests: the real engine and the lab come from tests.lab."""

import os

from hypothesis import settings

from tests.lab.fixtures import client, engine, lab, second_engine, ssh_host, third_engine, three_hosts  # noqa: F401

# A run of CI can be repeated to the example; everywhere else each run tries others.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
