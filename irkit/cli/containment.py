"""What was contained: what was done to each container and how sure that is, and, loudly, what is not isolated."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from irkit.core.containment import NOT_ISOLATED, containments
from irkit.core.run import Run
from irkit.core.text import safe


def names_of(run: Run) -> dict[str, str]:
    """The names of a run's containers by their keys, each with its host where there are several."""
    if run.started is None or len(run.started.hosts) <= 1:
        return dict(run.names)
    return {key: f"{key.partition('/')[0]}/{name}" for key, name in run.names.items()}


def contained_lines(run: Run, names: Mapping[str, str]) -> Iterator[str]:
    """A line for each container: what was done, by how sure it is."""
    for one in containments(run):
        by_proof: dict[str, list[str]] = {}
        for measure in one.measures:
            by_proof.setdefault(measure.proof or "no proof", []).append(measure.text)
        if by_proof:
            told = "; ".join(f"{proof}: {', '.join(texts)}" for proof, texts in by_proof.items())
            yield f"contained {safe(names.get(one.key, one.key), 120)}: {safe(told, 600)}"


def contained_json(run: Run) -> list[dict[str, Any]]:
    """The same for programs, with the facts that each proof rests on."""
    return [
        {"key": one.key, "proof": one.proof, "measures": one.measures, "not_isolated": one.not_isolated}
        for one in containments(run)
    ]


def say_not_isolated(run: Run, *, err: bool = False) -> None:
    """The last word on a run, a line for each container that was to be isolated and is not, or may not be."""
    names = names_of(run)
    for one in containments(run):
        if one.not_isolated:
            said = f"{NOT_ISOLATED}{safe(names.get(one.key, one.key), 120)}: {safe(one.not_isolated, 600)}"
            click.secho(said, err=err, fg="red", bold=True)
