"""Verbs of webhooks: what was delivered and what waits, once more, and the secret that signs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import anyio.to_thread
from msgspec import Meta, Struct

from core.errors import DiskFull, Forbidden, Invalid, NotStored, Params, Problem
from core.library import addresses
from core.records.webhook import Delivery, DeliveryStatus, Webhook
from core.store import deliveries
from core.store.page import Page
from core.store.times import maybe, now
from server.actions.asked import Id
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State


class ListDeliveries(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries."""

    status: DeliveryStatus | None = None
    cursor: (
        Annotated[str, Meta(max_length=512, description="`next` of the page before.")] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=200, description="Items of a page.")] = 50


class DeliveryId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One delivery."""

    delivery: Id


class WebhookSecret(Struct, frozen=True, kw_only=True):
    """What receivers check signatures with."""

    secret: Annotated[str, Meta(description="`whsec_` and base64, as Standard Webhooks has it.")]
    former_until: Annotated[
        str | None, Meta(description="Until when the one before signs, too; null: it does not.")
    ]


async def page(state: State, principal: Principal, ask: ListDeliveries) -> Page[Delivery]:
    """List what webhooks were told, are told next, or could not be told, newest first."""
    return await state.db.read(
        partial(
            deliveries.page, owner=principal.sees, status=ask.status, cursor=ask.cursor,
            limit=ask.limit,
        )
    )  # fmt: skip


async def get(state: State, principal: Principal, ask: DeliveryId) -> Delivery:
    """Read one delivery."""
    return await state.db.read(partial(deliveries.get, delivery=ask.delivery, owner=principal.sees))


async def redeliver(state: State, principal: Principal, ask: DeliveryId) -> Delivery:
    """Deliver once more, at once, with all attempts before it; also what was delivered before."""
    made = await state.db.write(
        partial(deliveries.again, delivery=ask.delivery, owner=principal.sees)
    )
    state.hooks.ring()
    return made


async def secret(state: State, principal: Principal, ask: Nothing) -> WebhookSecret:
    """Show the secret that webhooks are signed with."""
    keys = state.hooks.secret.keys
    signs = keys.former is not None and now() < keys.until
    return WebhookSecret(secret=keys.current, former_until=maybe(keys.until) if signs else None)


async def rotate(state: State, principal: Principal, ask: Nothing) -> WebhookSecret:
    """Draw another secret; for a day the one before signs, too."""
    try:
        await anyio.to_thread.run_sync(state.hooks.secret.rotate, now())
    except OSError as error:
        raise (DiskFull if DiskFull.caused(error) else NotStored) from error
    return await secret(state, principal, ask)


@contextmanager
def checked(state: State, hook: Webhook | None, pointer: str = "/webhook") -> Iterator[None]:
    """Look at a webhook beside the rest of a request, so that all problems are told at once.

    Nobody is asked where its name lies: that is looked at when it is delivered.

    :raises Invalid: ``webhooks_off``, ``url_scheme``, ``url_invalid``, ``webhook_not_public``.
    """
    problems = [] if hook is None else _problems(state, hook, pointer)
    try:
        yield
    except Invalid as error:
        told = (*error.problems, *problems)
        raise Invalid(error.name, problems=told, **error.params) from error
    if problems:
        raise Invalid(problems=tuple(problems))


def _problems(state: State, hook: Webhook, pointer: str) -> list[Problem]:
    if not state.settings.webhooks:
        return [Problem(code="webhooks_off", pointer=pointer)]
    at = f"{pointer}/url"
    try:
        host = addresses.split(hook.url, at).hostname or ""
        if ":" not in host:
            host.encode("idna")
        state.hooks.guard.check_host(host)
    except Invalid as error:
        return [*error.problems]
    except UnicodeError:
        return [Problem(code="url_invalid", pointer=at)]
    except Forbidden:
        named: Params = {"host": host}
        return [Problem(code="webhook_not_public", pointer=at, params=named)]
    return []
