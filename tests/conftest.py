"""Fixtures for all tests: the real engine and the lab come from tests.lab."""

from tests.lab.fixtures import engine, lab  # noqa: F401
