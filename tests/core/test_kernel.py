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
        (facts(), [], ""),
        (facts(**ONE), [{"10.0.0.5"}], ""),
        (facts(**ONE), [], "10.0.0.5 on eth0"),
        (facts(**ONE), [{"10.0.0.6"}], "10.0.0.5 on eth0"),
        (facts(interfaces=("eth0",)), [], "interface eth0"),
        (facts(**{**ONE, "interfaces": ("eth0", "eth7")}), [{"10.0.0.5"}], "interface eth7"),
        (facts(addresses=("10.0.0.9",)), [], "10.0.0.9 on some interface"),
        (facts(interfaces=("eth0",), addresses=("10.0.0.5",)), [{"10.0.0.5"}], ""),
        (facts(interfaces=("eth0", "eth1"), addresses=("10.0.0.5",)), [{"10.0.0.5"}], "interface eth1"),
        (
            facts(interfaces=("eth0",), addresses=("10.0.0.5", "fd00::5"),
                  places={"10.0.0.5": "eth0", "fd00::5": "eth0"}),
            [{"10.0.0.5"}], "fd00::5 on eth0",
        ),
        # A route of the container's own making may name another interface, or none: a place explains one all the same.
        (
            facts(interfaces=("eth0", "x0"), addresses=("10.0.0.5", "fd00::5"),
                  places={"10.0.0.5": "x0", "fd00::5": "eth0"}),
            [{"10.0.0.5", "fd00::5"}], "interface x0",
        ),
        (
            facts(interfaces=("x0", "eth0"), addresses=("10.0.0.5", "fd00::5"), places={"fd00::5": "eth0"}),
            [{"10.0.0.5", "fd00::5"}], "interface x0",
        ),
        (facts(interfaces=("x0",)), [{"10.0.0.5"}], "interface x0"),
        (
            facts(addresses=tuple(f"10.0.0.{one}" for one in range(10))), [],
            ", ".join(f"10.0.0.{one} on some interface" for one in range(8)) + ", and 2 more",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_told_with_its_interface(seen: KernelFacts, known: list[set[str]], said: str) -> None:
    assert seen.beyond(known) == said
