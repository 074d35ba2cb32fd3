"""The socket: one connection is one task group that pumps events out and hears requests in.

REST and socket share the verbs of ``server.actions``; ``server.verbs`` is all that is added.
"""

import logging
import time
import typing
from typing import Any

import anyio
import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

import core
from core.errors import HeliographError, Invalid, Malformed, NotFound, Problem, Unauthenticated
from core.events.subscriber import Lagged, Subscriber
from core.events.wire import Binary, Text
from core.records.events import TOPICS, Topic
from core.store import images
from server import codec, files, problems, protocol
from server.principal import Principal
from server.route import Policy, permit
from server.state import Socket, State
from server.transport import LINE, Line
from server.verbs import VERBS, takes_of

log = logging.getLogger(__name__)
PATH = "/api/v1/ws"
BAD_MESSAGES = 5  # in a minute: then the socket is closed


class SocketRoute(WebSocketRoute):
    """The one socket's route, with its policy."""

    policy = Policy(access="read", method="WS", tag="socket")


def route() -> SocketRoute:
    """Make the route."""
    return SocketRoute(PATH, serve)


async def serve(websocket: WebSocket) -> None:
    """Serve one connection from its handshake to its close."""
    state: State = websocket.scope["studio"]
    principal: Principal | None = websocket.scope["principal"]
    try:
        permit(principal, "read")
    except HeliographError as error:
        await _deny(websocket, state, error)
        return
    assert principal is not None
    wanted = websocket.scope.get("subprotocols", [])
    await websocket.accept(protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in wanted else None)
    connection = Connection(websocket, state, principal)
    try:
        await connection.run()
    except* WebSocketDisconnect:
        log.debug("A client went away while something was sent")
    except* Exception:  # the top of a socket: whatever it was, the client learns that it ended
        log.exception("A socket ended unexpectedly")
        await _close(websocket, 1011, "internal")


class Connection:
    """One open socket."""

    def __init__(self, websocket: WebSocket, state: State, principal: Principal) -> None:
        self._websocket, self._state, self._principal = websocket, state, principal
        self._language = state.words.choose(websocket.headers.get("accept-language"))
        self._closing = protocol.RESTARTING, ""
        self._deliver: set[str] | None = set()  # None: pictures of every job
        self._bad: list[float] = []
        self._meter = protocol.Meter()
        self._sending = anyio.Lock()
        self._line = _line(websocket)
        self._topics: set[Topic] = set()
        self._jobs: set[str] | None = None
        self._subscriber: Subscriber | None = None

    async def run(self) -> None:
        """Pump and hear until either ends."""
        since = self._asked()
        socket = Socket(self._principal, self._end)
        self._state.sockets.add(socket)
        line = self._line
        try:
            async with anyio.create_task_group() as self._group:
                if line is not None:
                    line.end = self._end
                try:
                    await self._serve(since)
                except Malformed:  # `since` is of another database: begin at the head
                    await self._serve(None)
            await _close(self._websocket, *self._closing)
        finally:
            self._state.sockets.discard(socket)
            if line is not None:
                line.end = None

    def _asked(self) -> int | None:
        query = self._websocket.query_params
        asked = [name for name in query.get("topics", "").split(",") if name]
        known = [topic for topic in TOPICS if topic in asked]
        self._topics = set(known if asked else protocol.DEFAULT_TOPICS)
        since = query.get("since", "")
        return int(since) if since.isdecimal() and len(since) < 17 else None

    async def _serve(self, since: int | None) -> None:
        owner = self._principal.sees
        async with self._state.bus.subscribe(self._topics, self._jobs, owner, since) as subscriber:
            self._subscriber = subscriber
            hello = protocol.Hello(
                seq=subscriber.head, boot=self._state.boot, version=core.__version__,
                resumed=since is not None and subscriber.resumed, reasons=self._state.told,
            )  # fmt: skip
            await self._send(protocol.encode(hello))
            async with anyio.create_task_group() as group:
                group.start_soon(self._pump, subscriber)
                group.start_soon(self._hear, subscriber)

    def _end(self, code: int, reason: str = "") -> None:
        """Close from wherever: the tasks are cancelled, then the code is sent.

        Where coming back makes sense the reason is the number of the last fact.
        """
        if code in protocol.RESUMABLE and self._subscriber is not None:
            reason = str(self._subscriber.seq)
        self._closing = code, reason
        self._group.cancel_scope.cancel()

    async def _send(self, data: bytes, *, binary: bool = False) -> None:
        # Most often there is room, and nobody waits for it: then a message costs one write.
        line = None if self._sending.locked() else self._line
        if line is not None and line.write(data, binary=binary):
            return
        with anyio.move_on_after(self._state.limits.taken) as scope:
            async with self._sending:
                if binary:
                    await self._websocket.send_bytes(data)
                else:
                    await self._websocket.send_text(data.decode())
        if scope.cancelled_caught:
            self._end(protocol.NOTHING_TAKEN)

    async def _pump(self, subscriber: Subscriber) -> None:
        try:
            async for message in subscriber:
                await self._send(message.data, binary=isinstance(message, Binary))
                if isinstance(message, Text) and message.seq and self._deliver != set():
                    await self._hand_over(message.data)
        except Lagged:
            self._end(protocol.NOTHING_TAKEN)
        else:
            self._end(protocol.RESTARTING)

    async def _hear(self, subscriber: Subscriber) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._closing = 0, ""
                self._group.cancel_scope.cancel()
                return
            if self._meter.too_fast(time.monotonic()):
                self._end(protocol.TOO_FAST)
                return
            text = message.get("text")
            if text is None:
                self._end(1003, "text expected")
                return
            if len(text.encode("utf-8", "surrogatepass")) > protocol.MESSAGE_CAP:
                self._end(1009)
                return
            await self._answer(text, subscriber)

    async def _answer(self, text: str, subscriber: Subscriber) -> None:
        asked_id: Any = None
        try:
            asked = codec.parse(text.encode("utf-8", "surrogatepass"))
            if not isinstance(asked, dict):
                raise Malformed("json_invalid", reason="not an object")
            asked_id = asked.pop("id", None)
            if not isinstance(asked_id, str | int | float | bool | None):
                asked_id = None
            result = await self._do(asked, subscriber)
        except HeliographError as error:
            await self._refuse(asked_id, error)
        else:
            reply = protocol.Reply(id=asked_id, ok=True, result=result)
            await self._send(protocol.encode(reply))

    async def _do(self, asked: dict[str, Any], subscriber: Subscriber) -> Any:
        name = asked.pop("do", None)
        if name == "ping":
            return "pong"
        if name in ("subscribe", "unsubscribe"):
            return self._subscribe(name, codec.decode(asked, protocol.Subscribe), subscriber)
        if name == "deliver":
            wanted = codec.decode(asked, protocol.Deliver).jobs
            self._deliver = None if wanted == "all" else set(wanted)
            return {"jobs": wanted}
        if not isinstance(name, str) or name not in VERBS:
            problem = Problem(code="unknown_verb", pointer="/do", params={"verb": str(name)[:64]})
            raise Invalid("unknown_verb", problems=(problem,))
        await self._still_welcome()
        action, access = VERBS[name]
        permit(self._principal, access)
        keyed = {}
        if "idempotency" in typing.get_type_hints(action):
            keyed["idempotency"] = asked.pop("idempotency_key", None)
        ask = codec.decode(asked, takes_of(action))
        return await action(self._state, self._principal, ask, **keyed)

    def _subscribe(self, name: str, ask: protocol.Subscribe, subscriber: Subscriber) -> Any:
        topics = set(ask.topics or ())
        if name == "subscribe":
            self._topics |= topics
            if ask.jobs is not None:
                self._jobs = (self._jobs or set()) | set(ask.jobs)
        else:
            self._topics -= topics
            if ask.jobs is not None and self._jobs is not None:
                self._jobs = (self._jobs - set(ask.jobs)) or None
        subscriber.change(self._topics, self._jobs)
        return {
            "topics": sorted(self._topics),
            "jobs": sorted(self._jobs) if self._jobs is not None else None,
        }

    async def _hand_over(self, data: bytes) -> None:
        """Send the pictures of a job that ended, to whoever asked for them."""
        fact = msgspec.json.decode(data)
        if fact["type"] != "job.ended" or not fact.get("images"):
            return
        if self._deliver is not None and fact["job"] not in self._deliver:
            return
        made: list[str] = fact["images"]
        for image in await self._state.db.read(lambda connection: images.some(connection, made)):
            header = protocol.ImageDataHeader(
                image=image.id, job=image.job, width=image.width, height=image.height
            )
            try:
                content = await files.picture(self._state, image.id, self._principal.sees)
            except NotFound:
                continue
            await self._send(protocol.binary(header, content), binary=True)

    async def _still_welcome(self) -> None:
        if self._principal.token is None and self._state.needs_token:
            self._end(protocol.AUTH_GONE)
            raise Unauthenticated

    async def _refuse(self, asked_id: Any, error: HeliographError) -> None:
        request_id = self._websocket.scope.get("request_id", "")
        shown = problems.document(error, self._state.words, self._language, request_id)
        await self._send(protocol.encode(protocol.Reply(id=asked_id, ok=False, problem=shown)))
        if isinstance(error, Malformed) or error.name == "unknown_verb":
            now = time.monotonic()
            self._bad = [at for at in self._bad if now - at < 60] + [now]
            if len(self._bad) >= BAD_MESSAGES:
                self._end(protocol.PROTOCOL_ERROR)


async def _deny(websocket: WebSocket, state: State, error: HeliographError) -> None:
    language = state.words.choose(websocket.headers.get("accept-language"))
    shown = problems.document(error, state.words, language, websocket.scope["request_id"])
    response = codec.reply(shown, shown.status)
    response.headers["content-type"] = problems.MEDIA_TYPE
    await websocket.send_denial_response(response)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Send a close within a second; on a client that does not take it, hang up."""
    connected = (
        websocket.application_state is WebSocketState.CONNECTED
        and websocket.client_state is WebSocketState.CONNECTED
    )
    if not connected or code == 0:
        return
    with anyio.move_on_after(1, shield=True) as waiting:
        try:
            await websocket.close(code, reason)
        except (RuntimeError, WebSocketDisconnect):
            return
    if waiting.cancelled_caught and (line := _line(websocket)) is not None:
        line.hang_up()


def _line(websocket: WebSocket) -> Line | None:
    """Give the line beneath a socket; there is none where the transport is not ours."""
    held: dict[str, Line] = (websocket.scope.get("extensions") or {}).get(LINE, {})
    return held.get("line")
