"""irkit look: what the screens of one container show, on the plain command line and as JSON."""

import json

import pytest

from irkit.adapters.log_stream import LogRecord
from irkit.adapters.memory import MemoryTarget
from irkit.core.container import Attachment
from irkit.core.errors import Refusal, TargetError, UnreachableError
from irkit.core.host import Host
from irkit.core.operations import Operation
from irkit.core.ports import Deadline, Intake, Outcome
from tests.app.hosts_in_memory import Place, fails
from tests.cli.hosts_in_memory import Ended, irkit
from tests.engine.world import container

ESCAPE = "\x1b"
PROC = (
    b'{"pid":1,"ppid":0,"arguments":["nginx"],"users":{"effective":0}}\n'
    b'{"pid":7,"ppid":1,"arguments":["\\u001b[2Jsh"],"exe":{"path":"/tmp/x","deleted":true},"notes":["odd\\u001b"]}\n'
)
SOCKETS = (
    b'{"protocol":"tcp","state":"ESTABLISHED","local":{"address":"10.1.0.2","port":80},'
    b'"remote":{"address":"::1","port":9},"processes":[{"pid":7,"name":"sh\\u001b"}]}\n'
)
CONTENTS = {
    "processes/processes.jsonl": PROC,
    "sockets/sockets.jsonl": SOCKETS,
    "changes.json": b'[{"Path":"/etc/\\u001b[2J\\n","Kind":0},{"Path":"/opt/x","Kind":1}]',
    "inspect.json": b'{"Name":"\\u001b]0;x","Env":["TOKEN=1"]}',
}
LOG = [
    LogRecord("stdout", "2026-01-01T00:00:00Z", 1_767_225_600 * 10**9, b"first\n"),
    LogRecord("stderr", "2026-01-01T00:00:01Z", 1_767_225_601 * 10**9, b"\x1b[2Jsecond\n"),
]


class Told(MemoryTarget):
    """A host with one container, of which these are the answers; `wrong` is why it does not tell its sockets."""

    def __init__(self, host: Host, wrong: str = "") -> None:
        place = Attachment(network="front\x1b", ipv4="10.1.0.2", driver="bridge")
        super().__init__([container("web", host=host.name, attachments=(place,))], host)
        self.contents |= CONTENTS
        self.log = LOG
        self.wrong = wrong

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if self.wrong:
            raise TargetError(self.wrong, Refusal.UNSUPPORTED)
        return super().apply(operation, intake, deadline)


def place(wrong: str = "") -> Place:
    return Place(special={"a@x": lambda host: Told(host, wrong), "b@x": fails(UnreachableError("no route to host"))})


def look(*words: str, wrong: str = "") -> Ended:
    return irkit(place(wrong), "look", *words, "--host", "a@x")


def test_processes_are_a_tree_and_what_is_odd_about_one_is_said() -> None:
    done = look("web", "processes")
    assert done.status == 0 and ESCAPE not in done.out
    head, first, second, odd = done.lines
    assert head.split() == ["PID", "PARENT", "USER", "STARTED", "COMMAND"]
    assert first.split() == ["1", "0", "0", "nginx"] and second.endswith("  ␛[2Jsh")
    assert odd == "! 7 [/tmp/x (deleted)]: odd␛"


def test_the_network_is_what_the_engine_knows_and_the_sockets() -> None:
    done = look("web", "network")
    assert done.lines[0] == "network front␛ (bridge)  10.1.0.2"
    assert done.lines[-1].split() == ["tcp", "ESTABLISHED", "10.1.0.2:80", "[::1]:9", "sh␛", "(7)"]


def test_files_are_those_that_are_not_as_the_image_has_them() -> None:
    assert look("web", "files").lines == ["changed  /etc/␛[2J␊", "added    /opt/x"]


def test_inspect_is_the_engines_whole_answer() -> None:
    done = look("web", "inspect")
    assert json.loads(done.out) == {"Name": f"{ESCAPE}]0;x", "Env": ["TOKEN=1"]} and ESCAPE not in done.out


def test_logs_are_the_last_lines_of_both_streams() -> None:
    assert look("web", "logs").lines == [
        "2026-01-01T00:00:00Z stdout first",
        "2026-01-01T00:00:01Z stderr ␛[2Jsecond",
    ]
    assert look("web", "logs", "--tail", "1").lines == ["2026-01-01T00:00:01Z stderr ␛[2Jsecond"]
    (line,) = look("web", "logs", "--tail", "1", "--json").lines
    assert json.loads(line) == {
        "stream": "stderr", "stamp": "2026-01-01T00:00:01Z", "text": f"{ESCAPE}[2Jsecond", "is_cut": False
    }  # fmt: skip


@pytest.mark.parametrize("what", ["processes", "network", "files", "inspect"])
def test_each_is_there_as_json_with_its_container_and_time(what: str) -> None:
    found = look("web", what, "--json").json
    assert (found["host"], found["name"], found["what"], found["error"]) == ("a@x", "web", what, "")
    assert found["at"] and found["seen"]
    if what == "processes":
        assert found["source"] == "/proc of the host" and [one["depth"] for one in found["seen"]] == [0, 1]
    if what == "network":
        assert found["attachments"][0]["ipv4"] == "10.1.0.2" and found["ports"] == []


def test_what_cannot_be_seen_ends_with_status_1_and_the_rest_is_shown() -> None:
    done = look("web", "network", wrong="only its API can be reached")
    assert (done.status, done.error) == (1, "only its API can be reached")
    assert done.lines == ["network front␛ (bridge)  10.1.0.2"]
    done = look("web", "processes", "--json", wrong="only its API can be reached")
    assert (done.status, done.json["seen"], done.json["error"]) == (1, None, "only its API can be reached")


def test_it_is_one_container_that_is_looked_at() -> None:
    where = Place({"a@x": [container("one", host="a@x"), container("two", host="a@x")]})
    done = irkit(where, "look", "all", "files", "--host", "a@x")
    assert (done.status, done.error) == (2, "2 containers are meant by 'all': name one")
    assert look("nobody", "files").status == 3


def test_a_host_that_is_down_does_not_keep_the_container_from_being_seen() -> None:
    done = irkit(place(), "look", "web", "files", "--host", "a@x", "--host", "b@x")
    assert done.status == 1 and "added    /opt/x" in done.lines and "no route to host" in done.err


def test_options_for_logs_are_refused_elsewhere() -> None:
    done = look("web", "files", "--follow")
    assert (done.status, done.error) == (2, "--tail, --since and --follow are for logs, and not for files")


def test_logs_are_shown_from_a_moment_on_and_what_is_none_is_refused() -> None:
    assert len(look("web", "logs", "--since", "2026-01-01T00:00:01Z").lines) == 1
    assert len(look("web", "logs", "--since", "2025-12-31T00:00:00Z").lines) == 2
    for wrong in ("lately", "2026-02-30T00:00:00Z"):
        done = look("web", "logs", "--since", wrong)
        assert done.status == 2 and done.error.startswith("--since: ") and wrong in done.error
