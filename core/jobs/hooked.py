"""What a job's end means to the webhook of its batch. Knows no network."""

from core.records.events import Numbered
from core.records.webhook import HookEvent
from core.store import deliveries
from core.store.batches import Head
from core.store.deliveries import Told
from core.store.line import Row
from core.store.transaction import Transaction


def wants(job: Row, batch: Head, event: HookEvent) -> bool:
    """Say whether somebody is to be told of an event of a job or its batch."""
    hook = batch.webhook
    return hook is not None and hook.wants(event, kind=job.kind, count=batch.count)


def tell(
    tx: Transaction, job: Row, batch: Head, event: HookEvent, about: str, fact: Numbered
) -> None:
    """Write down that a fact is to be told, if somebody wants that.

    :param about: id of what ended.
    """
    if batch.webhook is None or not wants(job, batch, event):
        return
    deliveries.add(
        tx,
        Told(
            owner=job.owner, batch=job.batch, event=event, about=about, url=batch.webhook.url,
            fact=fact,
        ),
    )  # fmt: skip
    tx.hit("hook.row")
