"""`python -m tests.bench.read_memory PID [HOST]`: read a process's memory into nothing, here or by SFTP from a host.

The bare loop: every region that may be read, one after the other, a piece at a time.
"""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 18


def regions(maps: str) -> Iterator[tuple[int, int]]:
    for line in maps.splitlines():
        words = line.split()
        if words[1].startswith("r") and words[-1] not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            start, end = (int(one, 16) for one in words[0].split("-"))
            yield start, end


def read_here(pid: str) -> int:
    done, buffer = 0, memoryview(bytearray(PIECE))
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    for start, end in regions(Path(f"/proc/{pid}/maps").read_text()):
        at = start
        while at < end:
            try:
                count = os.preadv(memory, [buffer[: min(PIECE, end - at)]], at)
            except OSError:
                break
            at += count
            done += count
    return done


def read_there(pid: str, host: str) -> int:
    import paramiko

    settings = paramiko.SSHConfig.from_path(str(Path.home() / ".ssh/config")).lookup(host)
    client = paramiko.SSHClient()
    client.load_host_keys(settings["userknownhostsfile"].split()[0])
    # Left to itself each question waits for the answer's acknowledgement, 40 ms: that would be no peer.
    connected = socket.create_connection((settings["hostname"], int(settings.get("port", "22"))))
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect(
        settings["hostname"],
        int(settings.get("port", "22")),
        settings.get("user"),
        key_filename=settings["identityfile"],
        sock=connected,
    )
    done = 0
    with client, client.open_sftp() as sftp:
        with sftp.open(f"/proc/{pid}/maps") as file:
            maps = file.read().decode()
        with sftp.open(f"/proc/{pid}/mem") as file:
            for start, end in regions(maps):
                file.seek(start)
                left = end - start
                while left:
                    try:
                        piece = file.read(min(PIECE, left))
                    except OSError:
                        break
                    if not piece:
                        break
                    left -= len(piece)
                    done += len(piece)
    return done


if __name__ == "__main__":
    print(read_there(*sys.argv[1:]) if len(sys.argv) > 2 else read_here(sys.argv[1]))
