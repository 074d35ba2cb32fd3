"""Webhooks: whom a request wants told of its end, and what became of the telling."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Problem

HookEvent = Literal["job.ended", "batch.ended", "training.ended"]
DeliveryStatus = Literal["waiting", "delivered", "failed"]
MAX_URL = 2048  # characters


class Webhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that is told, by a signed POST, how what was asked for ended."""

    url: Annotated[
        str,
        Meta(
            min_length=1, max_length=MAX_URL,
            description="http: or https:, in the public internet unless the server allows more.",
        ),
    ]  # fmt: skip
    events: (
        Annotated[
            list[HookEvent],
            Meta(
                min_length=1, max_length=3,
                description="null: the end of what was asked for: job, batch or training.",
            ),
        ]
        | None
    ) = None  # fmt: skip

    def wants(self, event: HookEvent, *, kind: str, count: int) -> bool:
        """Say whether an event is told.

        :param kind: of the jobs.
        :param count: jobs of the batch.
        """
        if self.events is not None:
            return event in self.events
        if kind == "training":
            return event == "training.ended"
        return event == ("job.ended" if count == 1 else "batch.ended")


class Delivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one address."""

    id: Annotated[str, Meta(description="The header `webhook-id`: the same at every attempt.")]
    event: HookEvent
    about: Annotated[str, Meta(description="Id of the job, batch or training that ended.")]
    url: str
    status: DeliveryStatus
    attempts: int
    due: Annotated[str | None, Meta(description="When it is tried next; null: it is not.")]
    answer: Annotated[int | None, Meta(description="Status of the last answer.")]
    error: Annotated[Problem | None, Meta(description="Why the last attempt failed.")]
    created: str
    ended: str | None
    owner: str
