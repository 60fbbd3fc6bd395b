"""What the checks notice, as front ends have it."""

from irkit.app import answer_of, findings_of, flags_of, with_answers
from irkit.core.container import Mount
from irkit.core.finding import Finding, Severity
from tests.engine.world import container

SOCKET = Mount(kind="bind", source="/var/run/docker.sock", destination="/var/run/docker.sock")


def test_the_gravest_finding_comes_first() -> None:
    found = findings_of(container("web", privileged=True, network_mode="host", mounts=(SOCKET,)))
    assert [one.check for one in found] == [
        "exposure.several",
        "exposure.privileged",
        "exposure.host_namespaces",
        "exposure.engine_socket",
        "exposure.root_user",
    ]
    assert flags_of(found) == "PND..U" and found[0].severity is Severity.CRITICAL


def test_a_plain_container_has_no_flags() -> None:
    assert flags_of(findings_of(container("web", user="app"))) == "......"


def test_a_finding_of_a_check_is_told_with_the_playbook_that_answers_it_and_any_other_with_none() -> None:
    (found, _) = with_answers(findings_of(container("web", privileged=True)))
    assert (found["check"], found["answer"]) == ("exposure.privileged", "contain-and-preserve")
    assert set(found) == {*Finding.__struct_fields__, "answer"}
    assert answer_of(Finding(check="plan.host", severity=Severity.INFO, summary="")) == ""
