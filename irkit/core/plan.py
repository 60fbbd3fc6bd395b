"""A plan: every operation of a run before it happens. What the responder approves is what runs."""

from typing import Any

import msgspec

from irkit.core.container import Container
from irkit.core.estimate import SMALL, Estimate, in_all
from irkit.core.finding import Finding
from irkit.core.found import Found
from irkit.core.host import Host
from irkit.core.operations import AnyOperation, Touch


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A step as it applies to one container or host: its operations, in order.

    `containers` are the keys of the containers it belongs to: it starts once the tasks in `after` are done, and their
    later tasks wait for it. `skipped` says why a step does not apply, `refused` why it will not be done though asked
    for. `timeout` is seconds for one operation, 0 for the usual. `given_up` are operations of a refused task of an undo
    that nothing can do any more: they count as taken back. `estimate` is what it brings, as far as that can be told.
    """

    index: int
    step: str
    order: int
    action: str
    host: str
    containers: tuple[str, ...] = ()
    operations: tuple[AnyOperation, ...] = ()
    after: tuple[int, ...] = ()
    stop_on_error: bool = False
    timeout: float = 0
    retries: int = 0
    skipped: str = ""
    refused: str = ""
    given_up: tuple[AnyOperation, ...] = ()
    estimate: Estimate = SMALL

    @property
    def is_bulk(self) -> bool:
        """Whether any of its operations moves data of unknown size."""
        return any(operation.bulk for operation in self.operations)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What will not be done, and why: on a container, on a whole host, or, where neither is named, at all."""

    reason: str
    host: str = ""
    container: str = ""
    step: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole plan that is refused."""
        return not (self.host or self.container)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All operations of a run, for a frozen list of targets.

    One that takes another run back (`undoes`) tells how that run `found` its containers, to compare with at the end.
    `hold` says that it goes on watching what it contained, and whether breaks are told (`tell`) or contained again by
    the same steps, also on what takes a target's place (`contain`). Empty: it ends with its last operation.
    """

    run: str
    case: str
    responder: str
    playbook: str
    playbook_version: int
    playbook_digest: str
    made_at: str
    parameters: dict[str, Any] = {}
    hosts: tuple[Host, ...] = ()
    targets: tuple[Container, ...] = ()
    tasks: tuple[Task, ...] = ()
    findings: tuple[Finding, ...] = ()
    refusals: tuple[Refused, ...] = ()
    undoes: str = ""
    found: tuple[Found, ...] = ()
    hold: str = ""

    @property
    def touch(self) -> Touch:
        """The gravest thing it does: what has to be approved."""
        touches = [operation.touch for task in self.tasks for operation in task.operations]
        return max(touches, key=lambda touch: touch.degree, default=Touch.READ)

    @property
    def estimate(self) -> Estimate:
        """What all of it is going to bring. How long it takes is not told: steps go on beside one another."""
        return msgspec.structs.replace(in_all(task.estimate for task in self.tasks), seconds=0.0)

    @property
    def is_refused(self) -> bool:
        """Whether nothing of it may be run."""
        return any(refusal.is_whole for refusal in self.refusals)

    def target(self, key: str) -> Container | None:
        """The target of that key (host and full id), or None."""
        return next((one for one in self.targets if one.key == key), None)
