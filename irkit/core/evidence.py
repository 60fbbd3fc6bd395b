"""An item of evidence: where it lies, what it is, and whether it is whole."""

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a bundle's payload.

    `path` is relative to the bundle (`data/...`). `sha256`, `sha512` and `size` are of the stored bytes;
    `source_sha256` and `source_size` of the bytes as they came, which is what others can compare. `compression` is
    empty or `zstd`. `partial` says why the item is not whole, and is empty where it is.
    """

    path: str
    kind: str
    host: str = ""
    container: str = ""
    source: str = ""
    sha256: str
    sha512: str
    size: int
    source_sha256: str
    source_size: int
    compression: str = ""
    started_at: str
    ended_at: str
    partial: str = ""
    warnings: tuple[str, ...] = ()
    rank: int = 0
