"""What suspects are made with in an engine that is tried, and the target that reaches it."""

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.core.host import Host
from tests.contract.sites import SLEEPS, Site
from tests.lab.description import Attach, Suspect
from tests.lab.script import READY
from tests.lab.suspects import Lab
from tests.lab.tools import run

from .starting import SuiteEngine


class SuiteLab(Lab):
    """The lab in another system. Readiness is not asked of the engine: not each of them can tell."""

    def __init__(self, engine: SuiteEngine) -> None:
        super().__init__(engine)
        self.suite_engine = engine

    def _ready(self, container: str) -> bool:
        listed = run([*self.suite_engine.inside(), "ps", "-eo", "pid=,ppid=,args="]).stdout.decode("utf-8", "replace")
        rows = [line.split(maxsplit=2) for line in listed.splitlines()]
        family = {str(self.engine.inspect(container)["State"]["Pid"])}
        for _ in rows:
            family |= {row[0] for row in rows if row[1] in family}
        return any(row[0] in family and row[2] == READY for row in rows if len(row) == 3)

    def make_other(self, network: str, ipv4: str | None = None) -> str:
        """A suspect that is only there, on that network."""
        return self.make(Suspect("other", networks=(Attach(network, ipv4=ipv4),), command=SLEEPS))


def suite_site(lab: SuiteLab) -> Site:
    """The contract's place for an engine that is tried."""
    host = Host(name="local", socket=str(lab.engine.socket))
    return Site(DockerEngine(host, dial_unix(host.socket), SystemClock()), lab)
