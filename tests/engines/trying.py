"""Trying one engine: its facts, the probes, the main job and the contract, as one entry of the record."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from irkit.adapters.docker_engine import DockerEngine
from irkit.core.host_check import HostFacts
from tests.lab.tools import LabError

from .contract_run import ContractRun, run_contract
from .kinds import Kind
from .known import why
from .main_job import MainJob, do_main_job
from .probing import PROBES, Found, plain, probe
from .record import Contract, Tried
from .site import SuiteLab, suite_site
from .starting import SuiteEngine, start


def try_engine(kind: Kind, tell: Callable[[str], None]) -> Tried:
    """All that is tried on one engine. Raises LabError where it can't be had or does not start."""
    began = time.monotonic()
    tell("starting")
    with start(kind) as engine:
        facts = check(engine)
        tell(f"{facts.engine} {facts.engine_version}, API {facts.api}")
        probes = probe(engine, tell)
        job = do_main_job(engine)
        tell(f"main job: {len(job.failures)} steps failed, wrong: {', '.join(job.wrong) or 'nothing'}")
        contract = judge(kind, run_contract(engine))
    tell(f"{contract.passed} of {contract.tests} tests of the contract, {time.monotonic() - began:.0f} s in all")
    return _entry(kind, facts, probes, job, contract)


def try_probes(known: Tried, kind: Kind, only: Sequence[str], tell: Callable[[str], None]) -> Tried:
    """Some probes again, and for the rest what is known of that engine. Raises LabError as `try_engine` does."""
    with start(kind) as engine:
        facts = check(engine)
        if facts.engine_version != known.version:
            raise LabError(f"it is {facts.engine_version} now: try all of it")
        found = {**known.probes, **probe(engine, tell, only)}
    probes = {name: found[name] for name in PROBES if name in found}
    return msgspec.structs.replace(known, probes=probes, on=_today(), cannot=facts.cannot)


def check(engine: SuiteEngine) -> HostFacts:
    """What `irkit hosts check` tells of it."""
    site = suite_site(SuiteLab(engine))
    assert isinstance(site.target, DockerEngine)
    return site.target.check(site.deadline())


def judge(kind: Kind, run: ContractRun) -> Contract:
    """What fails for a known reason differs; what fails otherwise is a fault."""
    reasons = {test: why(kind.name, test) for test in run.failed}
    return Contract(
        tests=len(run.passed) + len(run.failed),
        passed=len(run.passed),
        differs=tuple(dict.fromkeys(filter(None, reasons.values()))),
        faults=tuple(f"{test}: {plain(run.failed[test])}" for test, reason in reasons.items() if not reason),
    )


def _entry(kind: Kind, facts: HostFacts, probes: dict[str, Found], job: MainJob, contract: Contract) -> Tried:
    title = f"{facts.engine} {facts.engine_version.partition('+')[0]}"
    return Tried(
        name=kind.name,
        title=f"{title}, {kind.label}" if kind.label else title,
        note=kind.note,
        on=_today(),
        version=facts.engine_version,
        api_oldest=facts.api_oldest,
        api_newest=facts.api_newest,
        api_spoken=facts.api,
        storage=facts.storage_driver,
        cgroup=facts.cgroup,
        cannot=facts.cannot,
        probes=probes,
        job=job,
        contract=contract,
    )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
