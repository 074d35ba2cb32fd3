"""Methods: what is trained of a base, and what comes out of it."""

from core.engine.train.methods.prepared import prepared
from core.engine.train.methods.tokens import Learned, Read, token_of
from core.engine.train.methods.trained import Base, Group, Trained, Weights

__all__ = ["Base", "Group", "Learned", "Read", "Trained", "Weights", "prepared", "token_of"]
