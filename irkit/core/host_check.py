"""What a check of a host found: facts of one moment, as the engine and the host tell them."""

import msgspec


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A host that was reached. None, or an empty text, stands for what could not be learned.

    `latency_ms` is the median of five pings of the engine; `api` the version spoken, `api_oldest` and `api_newest` what
    the engine offers; `free_bytes` the space left where the engine keeps its data (`data_folder`). The clock's offset
    is the host's less the responder's, wrong by `clock_error_ns` at most. `privileges` says how far `user` gets there,
    and each sentence of `cannot` something that irkit will not be able to do.
    """

    host: str
    address: str = ""
    route: str = ""
    host_key: str = ""
    latency_ms: float | None = None
    engine: str = ""
    engine_version: str = ""
    engine_id: str = ""
    api: str = ""
    api_oldest: str = ""
    api_newest: str = ""
    storage_driver: str = ""
    rootless: bool = False
    cgroup: str = ""
    running: int | None = None
    containers: int | None = None
    data_folder: str = ""
    free_bytes: int | None = None
    clock_offset_ns: int | None = None
    clock_error_ns: int | None = None
    user: str = ""
    privileges: str = ""
    cannot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
