"""Fair share and pace: pure arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from core.jobs import share
from core.jobs.eta import Pace


@given(st.lists(st.tuples(st.integers(5, 50), st.integers(-5, 5)), min_size=2, max_size=5))
def test_backlogged_clients_never_drift_apart(clients: list[tuple[int, int]]) -> None:
    """Once head starts are used up, ranks differ by no more than one job of one client."""
    start = [0.0] * len(clients)
    for _ in range(1000):  # enough for every head start to be used up
        ranks = [share.rank(s, priority) for s, (_, priority) in zip(start, clients, strict=True)]
        chosen = ranks.index(min(ranks))
        start[chosen] = share.claimed(start[chosen], clients[chosen][0])
    ranks = [share.rank(s, p) for s, (_, p) in zip(start, clients, strict=True)]
    low, high = min(ranks), max(ranks)
    assert high - low <= max(each for each, _ in clients)


def test_an_estimate_is_corrected_to_what_a_job_took() -> None:
    assert share.ended(share.claimed(10.0, 5.0), 5.0, 7.0) == 17.0
    assert share.ended(share.claimed(10.0, 5.0), 5.0, 0.0) == 10.0


def test_a_priority_counts_no_further_than_its_bound() -> None:
    assert share.rank(0, 10**9) == share.rank(0, share.STEPS)
    assert share.entered(5.0, 3.0) == 5.0
    assert share.entered(1.0, 3.0) == 3.0


def test_a_pace_is_unknown_until_measured_and_then_follows() -> None:
    pace = Pace()
    assert pace.rate is None
    assert pace.guess > 0
    for turn in range(100):
        pace = pace.measured(started=turn * 1000, ended=turn * 1000 + 1000, cost=500)
    assert pace.rate is not None
    assert abs(pace.rate - 0.002) < 1e-9
    for turn in range(100, 200):
        pace = pace.measured(started=turn * 1000, ended=turn * 1000 + 500, cost=500)
    assert pace.rate is not None
    assert abs(pace.rate - 0.001) < 1e-4
    assert pace.passed(10**6).rate == pace.rate
