"""What containers in view use: few samples at a time, none of what nobody sees, and nothing told that is not known."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from irkit.app.live_use import AT_A_TIME, EVERY, FORGOTTEN_AFTER, LiveUse, Use, use_of
from irkit.app.one_look import Look
from irkit.core.errors import Refusal, TargetError


def sample(used: int = 300, before: int = 100, both: int = 1000) -> dict[str, Any]:
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": used}, "system_cpu_usage": 1000, "online_cpus": 4},
        "precpu_stats": {"cpu_usage": {"total_usage": before}, "system_cpu_usage": 600},
        "memory_stats": {"usage": 5000, "stats": {"inactive_file": 1000}},
        "networks": {"eth0": {"rx_bytes": both, "tx_bytes": 0}, "eth1": {"rx_bytes": 0, "tx_bytes": 5}},
    }


class Host:
    """Samples that come when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[str] = []
        self.begun: dict[str, tuple[Look[Any], Any]] = {}
        self.use = LiveUse(self.sample, lambda: self.now)

    def sample(self, key: str) -> Look[Any]:
        answers: list[Any] = []
        runs: list[Any] = []

        def begin(work: Any) -> Any:
            runs.append(work)
            return lambda: None

        def work(look: Look[Any]) -> Any:
            if isinstance(answers[0], Exception):
                raise answers[0]
            return answers[0]

        look: Look[Any] = Look(work, begin)
        self.asked.append(key)

        def answer(value: Any) -> None:
            answers.append(value)
            runs[0]()

        self.begun[key] = (look, answer)
        return look

    def answer(self, key: str, value: Any) -> None:
        self.begun.pop(key)[1](value)


KEYS = [f"a@x/{number}" for number in range(10)]


def test_few_samples_are_taken_at_a_time_on_a_host_and_all_in_turn() -> None:
    host = Host()
    for _ in range(100):
        host.use.see_to([*KEYS, "b@x/1"])
        assert sum(key.startswith("a@x") for key in host.begun) <= AT_A_TIME
        for key in list(host.begun):
            host.answer(key, sample())
    assert sorted(host.asked) == sorted([*KEYS, "b@x/1"])


def test_a_container_is_sampled_again_after_a_while_and_not_before() -> None:
    host = Host()
    host.use.see_to(["a@x/1"])
    host.answer("a@x/1", sample())
    assert host.use.see_to(["a@x/1"]) == {"a@x/1"}
    assert host.use.see_to(["a@x/1"]) == set() and len(host.asked) == 1
    host.now += EVERY
    host.use.see_to(["a@x/1"])
    assert len(host.asked) == 2


def test_what_goes_out_of_view_is_given_up_and_not_asked_of_any_more() -> None:
    host = Host()
    host.use.see_to(["a@x/1"])
    look, _ = host.begun["a@x/1"]
    host.use.see_to(["a@x/2"])
    assert look.is_over and look.error
    host.now += EVERY * 3
    host.use.see_to(["a@x/2"])
    assert host.asked == ["a@x/1", "a@x/2"]
    host.use.close()
    assert host.begun["a@x/2"][0].is_over


def test_of_one_that_fails_nothing_is_told_any_more() -> None:
    host = Host()
    host.use.see_to(["a@x/1"])
    host.answer("a@x/1", sample())
    host.use.see_to(["a@x/1"])
    assert host.use.of("a@x/1") is not None
    host.now += EVERY
    host.use.see_to(["a@x/1"])
    host.answer("a@x/1", TargetError("it ended", Refusal.REFUSED))
    assert host.use.see_to(["a@x/1"]) == {"a@x/1"}
    assert host.use.of("a@x/1") is None


def test_what_was_sampled_long_ago_is_forgotten() -> None:
    host = Host()
    host.use.see_to(["a@x/1"])
    host.answer("a@x/1", sample())
    host.use.see_to(["a@x/1"])
    host.now += FORGOTTEN_AFTER
    host.use.see_to([])
    assert host.use.of("a@x/1") is None and not host.use._asked_at


def test_a_sample_is_cpus_memory_without_cache_and_with_the_one_before_a_rate() -> None:
    first = use_of(sample(), 10.0)
    assert (first.cpu, first.memory, first.network) == (2.0, 4000, None)
    second = use_of(sample(used=100, both=3000), 12.0, first)
    assert (second.cpu, second.network) == (1.0, 1000.0)


def test_counters_that_begin_anew_are_no_negative_rate() -> None:
    before = Use(1.0, received_and_sent=10_000)
    assert use_of(sample(both=3), 2.0, before).network == 0


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats()
names = st.sampled_from(["cpu_stats", "precpu_stats", "cpu_usage", "total_usage", "memory_stats", "networks", "usage"])
answers = st.recursive(leaves, lambda inner: st.dictionaries(names, inner) | st.lists(inner, max_size=2), max_leaves=15)


@given(answers)
def test_an_answer_of_any_form_is_what_is_known_of_it(answer: object) -> None:
    use = use_of(answer, 1.0, Use(0.5, 1.0, 1, 1.0, 1))
    assert use.cpu is None or use.cpu >= 0
    assert use.memory is None or use.memory >= 0
