"""From a playbook and the facts of its targets to a plan: every operation, before anything is done.

Pure: facts come in, a value goes out. The tasks are made in `planning`; what the order of steps destroys is the
linter's to say.
"""

from irkit.core.container import Container
from irkit.core.errors import NoTargetError
from irkit.core.finding import Finding, Severity
from irkit.core.plan import Plan, Refused
from irkit.engine.expressions import context_of, evaluate_condition
from irkit.engine.forecast import foresee
from irkit.engine.linter import lint
from irkit.engine.planning import Planning
from irkit.engine.request import Request


def make_plan(request: Request) -> Plan:
    """The plan for a request. Raises PlaybookError for what does not evaluate, NoTargetError where none is left."""
    targets, findings = _select(request)
    planning = Planning(request, targets)
    planning.plan_all()
    foreseen, known = foresee(planning.tasks, request.playbook, targets, request.around)
    tasks, more, refusals = lint(foreseen, request.playbook, targets)
    refused = [
        Refused(host=task.host, container=key, step=task.step, reason=task.refused)
        for task in tasks
        if task.refused
        for key in task.containers or ("",)
    ]
    used = {target.host for target in targets}
    playbook = request.playbook
    return Plan(
        run=request.run.id,
        case=request.run.case,
        responder=request.run.responder,
        playbook=playbook.name,
        playbook_version=playbook.version,
        playbook_digest=playbook.digest,
        made_at=request.made_at,
        parameters=dict(request.parameters),
        hosts=tuple(host for host in request.hosts if host.name in used),
        targets=tuple(targets),
        tasks=tuple(tasks),
        findings=(*_unreached_findings(request), *findings, *planning.sight.findings(), *known, *more),
        refusals=(*(Refused(host=name, reason=why) for name, why in request.unreached.items()), *refusals, *refused),
    )


def _unreached_findings(request: Request) -> list[Finding]:
    return [
        Finding(
            check="plan.unreached",
            severity=Severity.HIGH,
            host=name,
            summary=f"host {name} is left out",
            because=(reason,),
            remedy=f"irkit hosts check {name}",
        )
        for name, reason in request.unreached.items()
    ]


def _select(request: Request) -> tuple[list[Container], list[Finding]]:
    condition = request.playbook.selects
    if not condition:
        return list(request.targets), []
    chosen, findings = [], []
    for target in request.targets:
        context = context_of(target, request.host(target.host), request.parameters, request.run)
        if evaluate_condition(condition, context):
            chosen.append(target)
            continue
        findings.append(
            Finding(
                check="plan.selects",
                severity=Severity.INFO,
                host=target.host,
                container=target.key,
                summary="left out: the playbook does not select it",
                because=(condition,),
            )
        )
    if not chosen:
        raise NoTargetError(f"the playbook selects none of the {len(request.targets)} targets: {condition}")
    return chosen, findings
