"""What is told of descriptors of epoll, for which a hostile process can have everybody wait, is not asked for."""

import os
import select
from collections.abc import Sequence

from irkit.adapters.container_pids import parse_stat
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.proc_reads import ProcReads
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline
from tests.contract.file_sites import deadline


class Recording(LocalFiles):
    asked: list[bytes]

    def read_small(self, paths: Sequence[bytes], limit: int, deadline: Deadline) -> Sequence[bytes | TargetError]:
        self.asked += paths
        return super().read_small(paths, limit, deadline)


def test_a_descriptor_of_epoll_is_told_and_its_facts_are_not_asked_for() -> None:
    with Recording() as files, select.epoll() as waiting:
        files.asked = []
        number, other = b"%d" % waiting.fileno(), b"0"
        (stat,) = LocalFiles.read_small(files, [b"/proc/self/stat"], 4096, deadline())
        assert isinstance(stat, bytes)
        process = parse_stat(os.getpid(), stat)
        assert process is not None
        (raw,) = ProcReads(files, deadline()).read([process])
        assert raw.descriptors[number] == b"anon_inode:[eventpoll]"
        base = b"/proc/%d/fdinfo/" % os.getpid()
        assert (base + number in files.asked, base + other in files.asked) == (False, True)
        assert raw.descriptor_facts[other].startswith(b"pos:")
