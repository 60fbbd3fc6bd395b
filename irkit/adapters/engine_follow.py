"""A container's log as it is written, for whoever looks at it: what is kept as evidence is read by `engine_streams`."""

from collections.abc import Iterator

from irkit.adapters.engine_http import Answer, EngineApi, part
from irkit.adapters.engine_reads import engine_time, unix_time, window_edge
from irkit.adapters.log_stream import LogRecord, LogSplitter
from irkit.core.ports import Deadline

_PIECE = 256 * 1024


def follow_logs(
    api: EngineApi, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
) -> Iterator[list[LogRecord]]:
    """The last `tail` records of both streams and all that come, as many at a time as came together.

    `since` is a duration before now by the host's clock, or a time: of the last records those from then on. It ends
    where the engine ends it, as with the container; where it `ends` anyway, after those there are so far. Raises
    TargetError.
    """
    follow = "0" if ends else "1"
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": follow, "tail": str(tail)}
    if since:
        query["since"] = unix_time(window_edge(since, engine_time(api, deadline)))
    with api.request("GET", f"/containers/{part(container)}/logs", deadline, query=query) as answer:
        yield from _batches(answer, LogSplitter(tty=tty))


def _batches(answer: Answer, splitter: LogSplitter) -> Iterator[list[LogRecord]]:
    buffer = memoryview(bytearray(_PIECE))
    while count := answer.read_some(buffer):
        if batch := list(splitter.feed(buffer[:count])):
            yield batch
    if batch := list(splitter.finish()):
        yield batch
