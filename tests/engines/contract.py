"""The contract of tests/contract on the engine that is tried. Run by `contract_run`: pytest alone does not find it."""

from collections.abc import Iterator

import pytest

from tests.contract.sites import NETWORKS, Site
from tests.contract.test_target import *  # noqa: F403 - all its tests

from .contract_run import PLUGIN, ContractRun
from .site import SuiteLab, suite_site
from .starting import SuiteEngine


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> SuiteEngine:
    plugin = request.config.pluginmanager.get_plugin(PLUGIN)
    assert isinstance(plugin, ContractRun)
    return plugin.engine


@pytest.fixture(scope="module")
def networks(engine: SuiteEngine) -> Iterator[None]:
    with SuiteLab(engine) as lab:
        for network in NETWORKS:
            lab.network(network)
        yield


@pytest.fixture
def site(engine: SuiteEngine, networks: None) -> Iterator[Site]:
    with SuiteLab(engine) as lab:
        yield suite_site(lab)
