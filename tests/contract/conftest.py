"""The contract is tried on a host in memory always, and on the real engine too: networks are made there once."""

from collections.abc import Iterator

import pytest

from tests.contract.sites import NETWORKS, Site, engine_site, memory_site
from tests.lab.engine import Engine
from tests.lab.suspects import Lab


@pytest.fixture(scope="module")
def networks(engine: Engine) -> Iterator[None]:
    with Lab(engine) as lab:
        for network in NETWORKS:
            lab.network(network)
        yield


@pytest.fixture(params=["memory", pytest.param("engine", marks=pytest.mark.engine)])
def site(request: pytest.FixtureRequest) -> Site:
    if request.param == "memory":
        return memory_site()
    request.getfixturevalue("networks")
    return engine_site(request.getfixturevalue("lab"))
