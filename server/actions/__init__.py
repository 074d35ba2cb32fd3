"""The verbs, with no HTTP in them: REST, the WebSocket and the command line are doors to this room.

Each is ``async def verb(state, principal, ask) -> result``; ``ask`` is a struct of the request.
"""
