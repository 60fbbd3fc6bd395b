"""A FUSE mount whose server says that it is there, and then never answers anything."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.lab.tools import tool

_SERVE = """
import os, struct, sys, time
fd = int(sys.argv[1])
unique = struct.unpack_from("=Q", os.read(fd, 1 << 20), 8)[0]
os.write(fd, struct.pack("=IiQ", 80, 0, unique) + struct.pack("=IIIIHHI", 7, 31, 0, 0, 0, 0, 4096) + bytes(40))
print(flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def mute_mount(place: Path, *, of: int = 0) -> Iterator[None]:
    """Mount one there, and take it away again: whoever waits for it is told that it has ended.

    With `of`, in the mount namespace of the process of that number.
    """
    inside = (tool("nsenter"), f"--target={of}", "--mount", "--") if of else ()
    device = os.open("/dev/fuse", os.O_RDWR)
    try:
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
        command = (*inside, "mount", "-i", "-t", "fuse", "-o", options, "mute", str(place))
        subprocess.run(command, check=True, pass_fds=(device,), timeout=10)
        argv = (sys.executable, "-c", _SERVE, str(device))
        served = subprocess.Popen(argv, pass_fds=(device,), stdout=subprocess.PIPE)
    finally:
        os.close(device)
    assert served.stdout
    try:
        served.stdout.readline()
        yield
    finally:
        served.kill()
        served.wait()
        served.stdout.close()
        subprocess.run((*inside, "umount", "-l", str(place)), check=True, timeout=10)
