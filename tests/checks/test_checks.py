"""What each check finds, and what it leaves alone."""

import inspect
from typing import Any

import pytest

from irkit.app import Setting, playbook_names
from irkit.checks import CHECKS
from irkit.core.check import Check
from irkit.core.container import Container, Mount
from irkit.core.exposure import PLACES
from irkit.core.finding import Finding, Severity
from tests.engine.world import container

PLAIN: dict[str, Any] = {"user": "app"}
HIGH, MEDIUM, LOW, CRITICAL = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.CRITICAL


def bind(source: str, destination: str = "/host", *, writable: bool = True) -> Mount:
    return Mount(kind="bind", source=source, destination=destination, writable=writable)


def examine(check: str, **facts: Any) -> list[Finding]:
    return list(CHECKS[f"exposure.{check}"]().examine(container("web", **{**PLAIN, **facts})))


def gravities(check: str, **facts: Any) -> list[Severity]:
    return [one.severity for one in examine(check, **facts)]


SOCKET = bind("/var/run/docker.sock", "/var/run/docker.sock")
FOUND: list[tuple[str, dict[str, Any], list[Severity]]] = [
    ("privileged", {"privileged": True}, [HIGH]),
    ("host_namespaces", {"namespaces": {"pid": "host"}}, [HIGH]),
    ("host_namespaces", {"namespaces": {"ipc": "host"}}, [HIGH]),
    ("host_namespaces", {"namespaces": {"user": "host"}}, [HIGH]),
    ("host_namespaces", {"network_mode": "host"}, [HIGH]),
    ("host_namespaces", {"network_mode": "host", "namespaces": {"pid": "host", "network": "host"}}, [HIGH]),
    ("host_namespaces", {"namespaces": {"uts": "host"}}, []),
    ("host_namespaces", {"namespaces": {"pid": "container:abc", "ipc": "private", "user": ""}}, []),
    ("engine_socket", {"mounts": (SOCKET,)}, [HIGH]),
    ("engine_socket", {"mounts": (bind("/run/user/1000/podman/podman.sock", writable=False),)}, [HIGH]),
    ("engine_socket", {"mounts": (bind("/srv/elsewhere", "/var/run/docker.sock"),)}, [HIGH]),
    ("engine_socket", {"mounts": (bind("/run/", writable=False),)}, [HIGH]),
    ("engine_socket", {"mounts": (bind("/", writable=False),)}, [HIGH]),
    ("engine_socket", {"mounts": (bind("/srv/docker.sock.d"), Mount(kind="volume", destination="/run"))}, []),
    ("host_mounts", {"mounts": (bind("/"),)}, [CRITICAL]),
    ("host_mounts", {"mounts": (bind("/var/lib"),)}, [CRITICAL]),
    ("host_mounts", {"mounts": (bind("/etc/"),)}, [CRITICAL]),
    ("host_mounts", {"mounts": (bind("/etc/cron.d"),)}, [HIGH]),
    ("host_mounts", {"mounts": (bind("/root/.ssh/authorized_keys"),)}, [HIGH]),
    ("host_mounts", {"mounts": (bind("/usr/local/bin"),)}, [HIGH]),
    ("host_mounts", {"mounts": (bind("/srv/app"),)}, [MEDIUM]),
    ("host_mounts", {"mounts": (bind("/home/ana/src"),)}, [MEDIUM]),
    ("host_mounts", {"mounts": (bind("/etcetera"),)}, [MEDIUM]),
    ("host_mounts", {"mounts": (bind("/srv"), bind("/usr/lib"), bind("/etc"))}, [CRITICAL, HIGH, MEDIUM]),
    ("host_mounts", {"mounts": (bind("/", writable=False), SOCKET)}, []),
    ("host_mounts", {"mounts": (Mount(kind="volume", source="/var/lib/docker/volumes/x", destination="/x"),)}, []),
    ("host_mounts", {"mounts": (Mount(kind="tmpfs", destination="/etc"),)}, []),
    ("capabilities", {"capabilities": ("CAP_SYS_ADMIN",)}, [HIGH]),
    ("capabilities", {"capabilities": ("sys_ptrace",)}, [HIGH]),
    ("capabilities", {"capabilities": ("ALL",)}, [HIGH]),
    ("capabilities", {"capabilities": ("NET_ADMIN",)}, [MEDIUM]),
    ("capabilities", {"capabilities": ("CAP_NET_ADMIN", "CAP_BPF")}, [HIGH]),
    ("capabilities", {"capabilities": ("CHOWN", "NET_RAW")}, []),
    ("root_user", {"user": ""}, [LOW]),
    ("root_user", {"user": "root"}, [LOW]),
    ("root_user", {"user": "0:1000"}, [LOW]),
    ("root_user", {"user": "000"}, [LOW]),
    ("root_user", {"user": "1000:0"}, []),
    ("root_user", {"user": "rooter"}, []),
    ("several", {"privileged": True, "network_mode": "host"}, []),
    ("several", {"privileged": True, "network_mode": "host", "mounts": (SOCKET,)}, [CRITICAL]),
    ("several", {"privileged": True, "network_mode": "host", "mounts": (bind("/srv"),)}, []),
    ("several", {"privileged": True, "capabilities": ("NET_ADMIN",), "network_mode": "host", "user": ""}, []),
    ("several", {"mounts": (bind("/"),), "capabilities": ("SYS_ADMIN",)}, [CRITICAL]),
]


@pytest.mark.parametrize(("check", "facts", "severities"), FOUND)
def test_a_check_finds_what_is_so_and_nothing_else(
    check: str, facts: dict[str, Any], severities: list[Severity]
) -> None:
    assert gravities(check, **facts) == severities


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_an_ordinary_container_is_not_found_fault_with(check: type[Check]) -> None:
    assert not list(check().examine(container("web", **PLAIN)))


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_a_check_says_what_it_is(check: type[Check]) -> None:
    assert check.references and check.__doc__ and inspect.getmodule(check)
    assert check.flag == "" or check.flag in PLACES
    module = inspect.getmodule(check)
    assert module and module.__doc__ and module.__doc__.startswith(f"{check.id}:")


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_a_check_is_answered_by_a_playbook_that_irkit_brings(check: type[Check]) -> None:
    assert check.answer in playbook_names(Setting())


def test_each_place_is_one_check_s() -> None:
    assert sorted(check.flag for check in CHECKS.values() if check.flag) == sorted(PLACES)


WORST: Container = container(
    "worst",
    privileged=True,
    network_mode="host",
    namespaces={"pid": "host"},
    mounts=(SOCKET, bind("/"), bind("/usr/lib"), bind("/srv")),
    capabilities=("SYS_ADMIN", "NET_ADMIN"),
)


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_a_finding_names_its_container_and_rests_on_facts(check: type[Check]) -> None:
    found = list(check().examine(WORST))
    assert found
    for one in found:
        assert (one.check, one.host, one.container) == (check.id, "local", WORST.key)
        assert one.because and one.summary and one.remedy
        assert one.severity.rank <= check.severity.rank, "a check is as grave as its gravest finding"


def test_a_finding_names_the_mounts_that_it_is_about() -> None:
    mounts = (bind("/srv", "/a"), bind("/usr/lib", "/b"), bind("/", "/c"))
    critical, high, medium = examine("host_mounts", mounts=mounts)
    assert critical.because == ("writable mount of / on /c",) and "take the host over" in critical.summary
    assert high.because == ("writable mount of /usr/lib on /b",)
    assert medium.because == ("writable mount of /srv on /a",) and "take the host over" not in medium.summary
