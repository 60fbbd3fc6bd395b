"""Runs the contract on an engine, and tells what became of each of its tests."""

from pathlib import Path
from typing import Final

import pytest

from tests.lab.tools import LabError

from .starting import SuiteEngine

PLUGIN: Final = "irkit-engine-tried"
_HERE: Final = Path(__file__).parent


class ContractRun:
    """A pytest plugin that carries the engine in, and the outcomes out. `failed` has the reason by the test's name."""

    def __init__(self, engine: SuiteEngine) -> None:
        self.engine = engine
        self.passed: set[str] = set()
        self.failed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("::")[2].removeprefix("test_")
        if report.failed:
            self.passed.discard(name)
            self.failed.setdefault(name, _reason(report))
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).splitlines()[0][:300]


def run_contract(engine: SuiteEngine, *more: str) -> ContractRun:
    """All of the contract on that engine; `more` are options of pytest. Raises LabError, or KeyboardInterrupt."""
    plugin = ContractRun(engine)
    named = [(plugin, PLUGIN)]
    quiet = ["-q", "-rN", "--tb=no", "-p", "no:cacheprovider"]
    ended = pytest.main([*quiet, str(_HERE / "contract.py"), *more], plugins=_registered(named))
    if ended == pytest.ExitCode.INTERRUPTED:  # pytest keeps a Ctrl-C to itself
        raise KeyboardInterrupt
    if not plugin.passed and not plugin.failed:
        raise LabError(f"the contract's tests did not run: pytest ended with {ended}")
    return plugin


class _Registers:
    """Registers plugins under names of their own."""

    def __init__(self, named: list[tuple[ContractRun, str]]) -> None:
        self.named = named

    def pytest_configure(self, config: pytest.Config) -> None:
        for plugin, name in self.named:
            config.pluginmanager.register(plugin, name)


def _registered(named: list[tuple[ContractRun, str]]) -> list[object]:
    return [_Registers(named)]
