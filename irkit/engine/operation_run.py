"""One operation, through all its attempts: facts re-read, way back logged, request sent, result checked, end logged."""

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from irkit.core.container import Container
from irkit.core.containment import NOT_ISOLATED, isolates
from irkit.core.errors import Refusal, StorageError, TargetError
from irkit.core.events import FindingRaised, OperationFailed, OperationFinished, OperationSkipped, OperationStarted
from irkit.core.evidence import Evidence
from irkit.core.found import all_placed
from irkit.core.kernel import KernelFacts
from irkit.core.operations import AnyOperation, Operation, Touch
from irkit.core.plan import Task
from irkit.core.ports import Deadline, Outcome, Target
from irkit.core.proof import Proof, ProofLevel, Seen
from irkit.core.run import IN_DOUBT
from irkit.core.store import OperationIntake
from irkit.engine.bench import Bench
from irkit.engine.patience import wait_for
from irkit.engine.unforeseen import bug_met, reason_of, shield

NOT_BEGUN = "not begun: the run was ending"
WayBack = Callable[[AnyOperation, Container], tuple[AnyOperation, ...]]
"""What takes an operation back, from the facts just before it."""


class OperationRun:
    """One operation of a task; `known` are the facts of its container that the plan was made from."""

    def __init__(
        self, bench: Bench, target: Target, known: Container | None, task: Task, number: int, operation: AnyOperation
    ) -> None:
        self.bench, self.target, self.known, self.task, self.operation = bench, target, known, task, operation
        self.place: dict[str, Any] = {
            "task": task.index,
            "number": number,
            "step": task.step,
            "host": task.host,
            "container": operation.subject,
        }
        kind = type(operation)
        self.is_change = operation.touch is not Touch.READ
        self.is_proven = self.is_change or kind.looks_at_kernel
        self.needs_facts = self.is_proven or kind.inapplicable is not Operation.inapplicable
        self.can_verify = kind.verify is not Operation.verify
        self.way_back: WayBack = lambda operation, now: operation.undo(now)
        self.can_prove = self.can_verify or kind.prove is not Operation.prove

    def skip(self, reason: str, *, attempt: int = 1, not_needed: bool = False) -> None:
        """Log that it is not done, and why."""
        self.bench.say(
            OperationSkipped(
                **self.place, attempt=attempt, reason=reason, operation=self.operation, not_needed=not_needed
            )
        )

    def run(self) -> bool:
        """Do it, as often as the step allows; whether it was done, or did not apply any more."""
        for attempt in range(1, self.task.retries + 2):
            if self.bench.is_ending():
                self.skip(NOT_BEGUN, attempt=attempt)
                return False
            result = _Attempt(self, attempt, is_last=attempt > self.task.retries).run()
            if result is not None:
                return result
        return False


class _Attempt:
    """One try. Results: True done or not applicable, False failed for good, None may be tried again."""

    def __init__(self, of: OperationRun, attempt: int, *, is_last: bool) -> None:
        self.of, self.bench, self.operation = of, of.bench, of.operation
        self.attempt, self.is_last = attempt, is_last
        self.begun = of.bench.clock.monotonic()
        self.now: Container | None = None
        self.kernel: KernelFacts | None = None
        self.intake: OperationIntake | None = None
        self.is_started = self.is_sent = self.is_told = False

    def run(self) -> bool | None:
        return shield(self._run, self._break_off)

    def _break_off(self, error: Exception) -> bool:
        """Have a bug be the failure of this operation alone. What was sent by then may have taken hold."""
        if not self.is_started:
            self._start(())
        self._say_bug(error, self.operation.text())
        if not self.is_told:
            evidence = self._close(reason_of(error))
            took_hold = IN_DOUBT if self.is_sent and self.of.is_change else "no"
            self._say_failed(reason_of(error), "bug", took_hold, True, evidence)
        return False

    def _close(self, reason: str) -> tuple[Evidence, ...]:
        """What was taken in by then."""
        intake = self.intake
        return shield(lambda: intake.close(reason), lambda _: ()) if intake else ()

    def _say_bug(self, error: Exception, work: str) -> None:
        self.bench.say(bug_met(error, work, host=self.of.task.host, container=self._key()))

    def _key(self) -> str:
        """The container that it concerns, by its key; empty where it concerns a host alone."""
        return f"{self.of.task.host}/{self.operation.subject}" if self.operation.subject else ""

    def _run(self) -> bool | None:
        if self.of.needs_facts:
            try:
                self.now = self._examine()
            except TargetError as error:
                self._start(())
                if error.kind is Refusal.ABSENT and self.operation.outlives:
                    return self._apply()
                return self._fail(error, "no", ())
            if reason := self.operation.inapplicable(self.now):
                return self._leave(reason, self.now)
            self.bench.before[self.of.task.index, self.of.place["number"]] = self.now
            self.kernel = self._see_kernel_before(self.now)
        # What the kernel shows of its places now is gone with the change: the way back takes it along.
        self._start(self.of.way_back(self.operation, all_placed(self.now, self.kernel)) if self.now else ())
        return self._apply()

    def _leave(self, reason: str, now: Container) -> bool:
        """Nothing needs to be done, unless the facts or the kernel show that what it was for is not so."""
        kernel = self._see_kernel(now)
        wrong = self.operation.verify(now)
        if not wrong and isolates(self.operation):
            proof = self.operation.prove(Seen(self._with_sharers(now), now, kernel, kernel))
            wrong = proof.because if proof.level is ProofLevel.WRONG else ""
        if wrong.startswith(NOT_ISOLATED):
            self._start(())
            self._say_failed(wrong, "not-verified", "no", True, ())
            return False
        self.of.skip(reason, attempt=self.attempt, not_needed=True)
        return True

    def _apply(self) -> bool | None:
        container = (self.of.known or self.now) if self.operation.subject else None
        self.intake = intake = self.bench.store.intake(
            host=self.of.task.host, container=container, operation=self.operation, task=self.of.task.index
        )
        deadline = self.bench.deadline(self.of.task, self.operation)
        self.is_sent = True
        try:
            outcome = self._ask(intake, deadline)
            evidence = intake.close("it was not finished")
        except TargetError as error:
            if self._took_hold_unheard(error):
                detail = "its answer was lost; the facts re-read say that it took hold"
                return self._finish(Outcome(detail=detail), intake.close(error.reason))
            return self._fail(error, self._took_hold(error), intake.close(error.reason))
        except StorageError as error:
            self._fail_storage(error, intake)
            raise
        return self._finish(outcome, evidence)

    def _ask(self, intake: OperationIntake, deadline: Deadline) -> Outcome:
        """Have it done. A read that does not come back is given up; a change is waited for, whatever it takes."""
        apply = partial(self.of.target.apply, self.operation, intake, deadline)
        return apply() if self.of.is_change else wait_for(apply, deadline)

    def _examine(self) -> Container:
        found = self.of.target.examine(self.operation.subject, self.bench.read_deadline(self.operation))
        self.bench.last[found.key] = found
        return found

    def _finish(self, outcome: Outcome, evidence: tuple[Evidence, ...]) -> bool:
        """Check what was changed against facts re-read, and log the end."""
        proof = self._prove(outcome) if self.of.is_proven and (self.of.can_prove or outcome.proof) else None
        if proof and proof.level is ProofLevel.WRONG:
            took_hold = IN_DOUBT if self.of.is_change else "no"
            self._say_failed(proof.because, "not-verified", took_hold, True, evidence)
            return False
        self.is_told = True
        self.bench.say(
            OperationFinished(
                **self.of.place,
                attempt=self.attempt,
                milliseconds=self._milliseconds(),
                evidence=evidence,
                detail=outcome.detail,
                proof=proof.level if proof else "",
                because=proof.because if proof else "",
            )
        )
        for finding in outcome.findings:
            self.bench.say(FindingRaised(finding=replace(finding, host=self.of.task.host, container=self._key())))
        return True

    def _prove(self, outcome: Outcome) -> Proof:
        """What stands behind a change, from facts re-read and from what the host's kernel shows."""
        try:
            after: Container | None = self._examine()
        except TargetError as error:
            if error.kind is not Refusal.ABSENT:
                return Proof.wrong(f"it could not be verified: {error.reason}")
            after = None
        before = self.now or after
        if before is None:
            return outcome.proof or Proof.asserted("its container is gone")
        kernel = self._see_kernel(after if after is not None and after.pid else before)
        found = self.operation.prove(Seen(self._with_sharers(before), after, self.kernel, kernel))
        return outcome.proof if outcome.proof and found.level is ProofLevel.ASSERTED else found

    def _see_kernel_before(self, container: Container) -> KernelFacts | None:
        """A bug in this look must not keep a container from being contained: the look afterwards is what proves."""

        def pass_on(error: Exception) -> None:
            self._say_bug(error, "look at what the host's kernel shows of it")

        return shield(lambda: self._see_kernel(container), pass_on)

    def _see_kernel(self, container: Container | None) -> KernelFacts | None:
        """A kernel that cannot be looked at proves nothing, and ends nothing."""
        if container is None or not self.operation.looks_at_kernel:
            return None
        try:
            deadline = self.bench.look_deadline(self.operation)
            return self.of.target.see_kernel(self._with_sharers(container), deadline)
        except TargetError:
            return None

    def _with_sharers(self, container: Container) -> Container:
        """A container with what was known of those that share its network when the plan was made."""
        shares = self.of.known is not None and self.of.known.shares_with_admin
        return replace(container, shares_with_admin=True) if shares else container

    def _took_hold_unheard(self, error: TargetError) -> bool:
        """Whether a change whose answer was lost on the way was made all the same: it did not apply before."""
        if error.kind is not Refusal.LOST or not (self.of.is_change and self.of.can_verify):
            return False
        try:
            return not self.operation.verify(self._examine())
        except TargetError:
            return False

    def _took_hold(self, error: TargetError) -> str:
        """What a failed request did: only an engine that refused, and facts that agree, say that it did nothing.

        Facts agree where the operation still applies. Being not wholly as wanted is not enough: a connect may have
        been refused half way.
        """
        if not self.of.is_change or error.is_final:
            return "no"
        if error.kind is not Refusal.REFUSED or not self.of.can_verify:
            return IN_DOUBT
        try:
            return IN_DOUBT if self.operation.inapplicable(self._examine()) else "no"
        except TargetError:
            return IN_DOUBT

    def _fail(self, error: TargetError, took_hold: str, evidence: tuple[Evidence, ...]) -> bool | None:
        hopeless = error.kind in (Refusal.CANCELLED, Refusal.UNSUPPORTED)
        is_final = self.is_last or took_hold != "no" or hopeless
        self._say_failed(error.reason, error.kind, took_hold, is_final, evidence)
        return False if is_final else None

    def _fail_storage(self, error: StorageError, intake: OperationIntake) -> None:
        self.bench.end_for(error)  # before the reserve is given back, so that nothing new is begun in its room
        evidence = intake.close(str(error))
        self._say_failed(str(error), "storage", IN_DOUBT if self.of.is_change else "no", True, evidence)

    def _start(self, undo: tuple[AnyOperation, ...]) -> None:
        self.is_started = True
        self.bench.say(OperationStarted(**self.of.place, attempt=self.attempt, operation=self.operation, undo=undo))

    def _say_failed(self, reason: str, kind: str, took_hold: str, final: bool, evidence: tuple[Evidence, ...]) -> None:
        self.is_told = True
        self.bench.say(
            OperationFailed(
                **self.of.place,
                attempt=self.attempt,
                milliseconds=self._milliseconds(),
                reason=reason,
                kind=kind,
                took_hold=took_hold,
                final=final,
                evidence=evidence,
            )
        )

    def _milliseconds(self) -> int:
        return round((self.bench.clock.monotonic() - self.begun) * 1000)
