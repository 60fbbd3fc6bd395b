"""What a network namespace has besides the addresses that are known."""

from typing import Any

import pytest

from irkit.core.kernel import KernelFacts


def facts(**more: Any) -> KernelFacts:
    return KernelFacts(alive=True, **more)


ONE = {"interfaces": ("eth0",), "addresses": ("10.0.0.5",), "places": {"10.0.0.5": "eth0"}}


@pytest.mark.parametrize(
    ("seen", "known", "said"),
    [
        (facts(), set(), ""),
        (facts(**ONE), {"10.0.0.5"}, ""),
        (facts(**ONE), set(), "10.0.0.5 on eth0"),
        (facts(**ONE), {"10.0.0.6", ""}, "10.0.0.5 on eth0"),
        (facts(interfaces=("eth0",)), set(), "interface eth0"),
        (facts(**{**ONE, "interfaces": ("eth0", "eth7")}), {"10.0.0.5"}, "interface eth7"),
        (facts(addresses=("10.0.0.9",)), set(), "10.0.0.9 on some interface"),
        (facts(interfaces=("eth0",), addresses=("10.0.0.5",)), {"10.0.0.5"}, ""),
        (facts(interfaces=("eth0", "eth1"), addresses=("10.0.0.5",)), {"10.0.0.5"}, "interface eth1"),
        (
            facts(interfaces=("eth0",), addresses=("10.0.0.5", "fd00::5"),
                  places={"10.0.0.5": "eth0", "fd00::5": "eth0"}),
            {"10.0.0.5"}, "fd00::5 on eth0",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_told_with_its_interface(seen: KernelFacts, known: set[str], said: str) -> None:
    assert seen.beyond(known) == said
