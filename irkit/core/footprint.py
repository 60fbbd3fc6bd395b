"""What irkit left on a host, and what it asked of it: counted where it happens, told at the end of a run."""

import msgspec


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of one host from the first connection to the end of a run, its planning with it.

    `requests` to the engine, `received` and `sent` bytes of them; `files` opened to be read, `folders` listed, and
    `file_bytes` read; `commands` that were run there, each with how often; `written`, what was made there and stays,
    with its bytes where the host tells them, or -1.
    """

    requests: int = 0
    received: int = 0
    sent: int = 0
    files: int = 0
    folders: int = 0
    file_bytes: int = 0
    commands: dict[str, int] = {}
    written: dict[str, int] = {}
