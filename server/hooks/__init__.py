"""Webhooks without a server: the secret, who may be reached, one attempt, and how long to wait."""

from server.hooks.hooks import Hooks
from server.hooks.names import Resolve
from server.hooks.secret import Secret
from server.hooks.sender import Answer, Sender

__all__ = ["Answer", "Hooks", "Resolve", "Secret", "Sender"]
