"""Delivers webhooks: at least once, many at a time, no host at the cost of another.

What is to be delivered stands in the database; what runs is known here alone, so a server that is
killed in the middle delivers that again.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import zip_longest

import anyio
from anyio.abc import TaskGroup

from core import failpoint
from core.errors import HeliographError, Problem
from core.store import deliveries
from core.store.deliveries import Due
from core.store.transaction import Transaction
from server import hook_body
from server.hooks import Answer, Sender, pauses
from server.state import State

log = logging.getLogger(__name__)
SLOTS = 32  # attempts at once
PER_HOST = 4  # of them to one host
PER_OWNER = 24  # of them for one owner
_HOSTS = 256  # looked at in one go; the next look goes on behind them
_REST = 0.05  # seconds between two looks, whatever rings
_SOON = 1.0  # seconds until the hosts are looked at that one look did not reach
_LATEST = 60.0  # seconds between two looks, even if nothing rings
_RETRY = 5.0  # seconds after which a failing database is asked again


class Deliverer:
    """The loop of one server.

    :param draw: a number between two.
    """

    def __init__(
        self,
        state: State,
        sender: Sender | None = None,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._state = state
        self._sender = sender or Sender(state.hooks.guard)
        self._draw = draw
        self._flying: dict[str, Due] = {}
        self._after = ""  # host that was served last

    async def run(self) -> None:
        """Deliver until cancelled; nothing where webhooks are turned off."""
        if not self._state.settings.webhooks:
            return
        async with self._sender.opened(), anyio.create_task_group() as group:
            while True:
                bell = self._state.hooks.hang()
                wait = await self._look(group)
                with anyio.move_on_after(wait):
                    await bell.wait()
                await anyio.sleep(_REST)

    async def _look(self, group: TaskGroup) -> float:
        """Begin what is due and has a slot; give the seconds after which to look again."""
        if self._state.stopping:
            return _LATEST
        try:
            found, wait = await self._due()
        except HeliographError as error:
            log.warning("webhooks wait: %s", error)
            return _RETRY
        for due in found:
            self._flying[due.id] = due
            self._after = due.host
            group.start_soon(self._attempt, due)
        return wait

    async def _due(self) -> tuple[list[Due], float]:
        """Find what may begin, one of each host in turn; and when more may."""
        free = SLOTS - len(self._flying)
        if free <= 0:
            return [], _LATEST  # the end of an attempt rings
        db, now = self._state.db, self._state.hooks.now()
        hosts = await db.read(partial(deliveries.hosts, after=self._after, limit=_HOSTS))
        if len(hosts) < _HOSTS:
            rest = await db.read(partial(deliveries.hosts, after="", limit=_HOSTS - len(hosts)))
            hosts += [one for one in rest if one[0] <= self._after]
        busy = Counter(one.host for one in self._flying.values())
        waiting = [host for host, due in hosts if due <= now and busy[host] < PER_HOST][:free]
        lines = [
            await db.read(partial(deliveries.due, host=host, now=now, limit=PER_HOST))
            for host in waiting
        ]
        idle = [
            [due for due in line if due.id not in self._flying][: PER_HOST - busy[host]]
            for host, line in zip(waiting, lines, strict=True)
        ]
        turns = (due for turn in zip_longest(*idle) for due in turn if due is not None)
        found = self._shared(turns, free)
        if len(hosts) == _HOSTS and not found:
            self._after = hosts[-1][0]
            return found, _SOON
        next_ = min((due for _, due in hosts if due > now), default=now + int(_LATEST * 1000))
        return found, min(_LATEST, max(0.0, (next_ - now) / 1000))

    def _shared(self, turns: Iterable[Due], free: int) -> list[Due]:
        """Take as many as there are slots, and of one owner no more than its share."""
        owners = Counter(one.owner for one in self._flying.values())
        found: list[Due] = []
        for due in turns:
            if len(found) < free and owners[due.owner] < PER_OWNER:
                owners[due.owner] += 1
                found.append(due)
        return found

    async def _attempt(self, due: Due) -> None:
        """Try one, and write down what came of it."""
        try:
            seconds = self._state.hooks.now() // 1000
            body = await hook_body.body(self._state, due)
            headers = {
                "content-type": "application/json",
                "webhook-id": due.id,
                "webhook-timestamp": str(seconds),
                "webhook-signature": self._state.hooks.secret.sign(due.id, seconds, body),
            }
            answer = await self._sender.post(due.url, headers, body)
            failpoint.hit("hook.sent")
            await self._write(self._outcome(due, answer))
        except HeliographError as error:  # its pictures could not be looked up
            log.warning("a webhook waits: %s", error, extra={"delivery": due.id})
            await anyio.sleep(_RETRY)
        finally:
            del self._flying[due.id]
            self._state.hooks.ring()

    def _outcome(self, due: Due, answer: Answer) -> Callable[[Transaction], None]:
        """Say what becomes of a delivery."""
        attempts, error = due.attempts + 1, answer.error
        told = {"action": "webhook", "delivery": due.id, "status": answer.status}
        if error is None:
            assert answer.status is not None
            log.info("a webhook was delivered to %s", due.host, extra=told)
            return partial(deliveries.delivered, delivery=due.id, answer=answer.status)
        if error.code == "webhook_gone" and answer.status is not None:
            log.info("%s wants no more webhooks", due.host, extra=told)
            return partial(deliveries.unwanted, delivery=due.id, answer=answer.status, error=error)
        if attempts >= pauses.ATTEMPTS:
            log.warning("a webhook to %s has failed: %s", due.host, _said(error), extra=told)
            return partial(deliveries.failed, delivery=due.id, answer=answer.status, error=error)
        now = self._state.hooks.now()
        asked = pauses.retry_after(answer.retry_after, now / 1000)
        wait = pauses.pause(attempts, asked, self._draw)
        log.info(
            "a webhook to %s is tried again in %.0f s: %s", due.host, wait, _said(error), extra=told
        )
        return partial(
            deliveries.put_off, delivery=due.id, until=now + int(wait * 1000),
            answer=answer.status, error=error,
        )  # fmt: skip

    async def _write(self, outcome: Callable[[Transaction], None]) -> None:
        """Write it down, as soon as the database takes that; until then the slot is taken."""
        while True:
            try:
                await self._state.db.write(outcome)
            except HeliographError as error:
                log.warning("what came of a webhook waits for the database: %s", error)
                await anyio.sleep(_RETRY)
            else:
                return


def _said(error: Problem) -> str:
    return " ".join([error.code, *(str(value) for value in error.params.values())])
