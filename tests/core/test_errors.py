"""Every error on purpose has a reason in one line and an exit status."""

import inspect

import pytest

from irkit.core import errors
from irkit.core.errors import IrkitError, PlaybookError, Refusal, TargetError

KINDS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, IrkitError)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_leads_to_an_exit_status_that_is_told(kind: type[IrkitError]) -> None:
    assert kind.exit_status in (1, 2, 3, 4)
    assert inspect.getdoc(kind)


def test_a_playbook_error_says_where_in_the_file_and_in_the_value() -> None:
    error = PlaybookError("no such action", place="a.yaml:3:5", path="steps[0].action")
    assert str(error) == "a.yaml:3:5: steps[0].action: no such action"
    assert str(PlaybookError("no such action")) == "no such action"


@pytest.mark.parametrize("kind", list(Refusal))
def test_only_an_engine_that_answered_or_was_never_reached_leaves_no_doubt(kind: Refusal) -> None:
    certain = {Refusal.ABSENT, Refusal.ALREADY, Refusal.UNSUPPORTED, Refusal.UNREACHABLE}
    assert TargetError("x", kind).is_final is (kind in certain)
