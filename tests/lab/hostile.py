"""Files that are meant to trip whoever collects them, as a piece of shell script. Bytes only, no engine."""

from collections.abc import Iterator

DIRECTORY = b"/hostile"
# Regular files; the content of each is its own name and a newline.
NAMES: tuple[bytes, ...] = (
    b"new\nline",
    b"\x1b]0;title\x07\x1b[31mred",
    b"\x1b]52;c;bGFi\x07",
    b"-rf",
    b"--help",
    b" leading space",
    b"trailing space ",
    b"tab\tand\rreturn",
    b"back\\slash",
    b"quote'and\"quote",
    b"$(id)`id`;id",
    b"latin-\xe9-\xff\xfe",
    b"long-" + b"x" * 250,
    "bidi-\u202egpj.exe".encode(),
    "caf\u00e9".encode(),
    "cafe\u0301".encode(),
    b"*",
    b"...",
    b"%2e%2e%2f",
)
DEEP = b"/".join([b"deep-" + b"d" * 60] * 12)
FIFO = b"fifo"
SYMLINKS: tuple[tuple[bytes, bytes], ...] = (
    (b"to-shadow", b"/etc/shadow"),
    (b"to-above", b"../../../../../.."),
    (b"to-itself", b"to-itself"),
    (b"to-nothing", b"/no/such/\x1b[2Jplace"),
)
HARD_LINK = (b"hard", b"plain")
SPARSE = b"sparse"
SPARSE_BYTES = 1 << 30


def quoted(raw: bytes) -> str:
    """A shell word that stands for exactly these bytes; a last newline would be lost, so there must be none."""
    assert not raw.endswith(b"\n")
    return "\"$(printf '" + "".join(f"\\{byte:03o}" for byte in raw) + "')\""


def _inside(name: bytes) -> str:
    return quoted(DIRECTORY + b"/" + name)


def lines(*, sparse: bool) -> Iterator[str]:
    """The script that makes all of it."""
    yield f"[ -e {DIRECTORY.decode('ascii')} ] || {{"  # a restarted suspect has them already
    yield f"mkdir -p {_inside(DEEP)}"
    for name in (*NAMES, HARD_LINK[1], DEEP + b"/bottom"):
        yield f"printf '%s\\n' {quoted(name)} > {_inside(name)}"
    yield f"mkfifo {_inside(FIFO)}"
    for name, target in SYMLINKS:
        yield f"ln -s {quoted(target)} {_inside(name)}"
    yield f"ln {_inside(HARD_LINK[1])} {_inside(HARD_LINK[0])}"
    yield f"mknod {_inside(b'device')} c 1 3 2>/dev/null"
    yield f"cp /bin/busybox {_inside(b'setuid')} && chmod 4755 {_inside(b'setuid')}"
    if sparse:
        yield f"truncate -s {SPARSE_BYTES} {_inside(SPARSE)}"
    yield "}"
