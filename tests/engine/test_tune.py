"""Settings of a running engine: what a Tune changes."""

import io

from core.engine.outbox import Outbox


def test_the_preview_rate_changes_while_a_job_runs() -> None:
    outbox = Outbox(io.BytesIO(), rate=8.0)
    outbox.begin("job")
    outbox.watch(None)
    assert outbox.wants_preview("job")
    outbox.tune(0)
    assert not outbox.wants_preview("job")
    outbox.tune(2.0)
    assert outbox.wants_preview("job")
