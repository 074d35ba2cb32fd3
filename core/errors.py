"""The one tree of errors, and the problem that each of them shows.

    HeliographError
    ├── RequestError              the caller's doing
    │   ├── Malformed             bytes that are not what they claim to be
    │   ├── Invalid               well-formed, but does not validate; carries every problem
    │   ├── NotFound              unknown, or not yours
    │   ├── Conflict              somebody was first, or the state forbids it
    │   ├── TooLarge              more bytes, pixels or nodes than the cap
    │   ├── UnsupportedType       a media type or file format that is not accepted
    │   ├── Unauthenticated       no token, or one that is not valid
    │   └── Forbidden             Host, Origin or scope
    ├── Unavailable               the server's state forbids it now; try again
    │   ├── QueueFull
    │   ├── EngineUnavailable
    │   ├── Unreachable           another machine does not answer as it should
    │   └── NotStored             the disk refused it, and nothing of it was written
    │       ├── DiskFull
    │       └── DatabaseFailing
    ├── JobError                  a job failed; stored with it
    │   ├── OutOfMemory
    │   ├── NodeFailed
    │   ├── ModelUnreadable
    │   ├── ModelNotFinite
    │   ├── CheckpointUnreadable
    │   ├── PictureUnreadable
    │   └── EngineLost
    └── StartError                the server cannot start; carries the exit code
        ├── ConfigRefused         78
        └── DataDirInUse          75

Knows no HTTP: ``server/problems.py`` maps the tree to statuses. The words people read are in
``i18n/en.json`` under ``errors.<code>``; ``params`` fill their placeholders.
"""

import errno
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

Params = dict[str, str | int | float | None]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong, and where."""

    code: Annotated[str, Meta(description="Stable snake_case name of the situation.")]
    pointer: Annotated[str, Meta(description="JSON pointer (RFC 6901) into the request.")] = ""
    node: Annotated[str | None, Meta(description="Id of the node in the graph.")] = None
    path: Annotated[str | None, Meta(description="Path in that node: $.settings.steps.")] = None
    message: Annotated[str, Meta(description="Words for people, in the asked language.")] = ""
    params: Annotated[Params, Meta(description="What fills the placeholders of the words.")] = {}


class HeliographError(Exception):
    """The root: a stable ``code``, parameters for its words, and the problems it carries."""

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        code: str | None = None,
        *,
        problems: tuple[Problem, ...] = (),
        **params: str | int | float | None,
    ) -> None:
        self.name = code or self.code
        self.params: Params = params
        self.problems = problems
        super().__init__(self.name, params, problems)

    def __str__(self) -> str:
        """Show code and parameters, for logs; people read ``i18n``."""
        detail = ", ".join(f"{key}={value!r}" for key, value in self.params.items())
        inner = "; ".join(f"{p.node or p.pointer}: {p.code} {p.params}" for p in self.problems)
        return " ".join(part for part in (self.name, detail and f"({detail})", inner) if part)


class RequestError(HeliographError):
    """The caller's doing: asking again unchanged fails again."""


class Malformed(RequestError):
    """Raised when received bytes are not what they claim to be: JSON, MessagePack, an image."""

    code = "malformed"


class Invalid(RequestError):
    """Raised when a request is well-formed but does not validate; carries every problem found."""

    code = "invalid"


class NotFound(RequestError):
    """Raised for an unknown id, and likewise for one that belongs to somebody else."""

    code = "not_found"


class Conflict(RequestError):
    """Raised when the state forbids it: the job has ended, the key was used for another body."""

    code = "conflict"


class TooLarge(RequestError):
    """Raised when bytes, pixels, nodes or jobs exceed their cap, before they are processed."""

    code = "too_large"


class UnsupportedType(RequestError):
    """Raised for a media type, content encoding or file format that is not accepted."""

    code = "unsupported_type"


class Unauthenticated(RequestError):
    """Raised when a request carries no token, or one that is unknown, expired or revoked."""

    code = "unauthenticated"


class Forbidden(RequestError):
    """Raised for a foreign Host or Origin, or a token without the scope."""

    code = "forbidden"


class Unavailable(HeliographError):
    """The server's state forbids it now; the same request may succeed later."""

    code = "unavailable"
    retry_after: ClassVar[int] = 5  # seconds


class QueueFull(Unavailable):
    """Raised before anything is written when the queue holds as many jobs as it may, in all or
    (``client_queue_full``) of one client."""

    code = "queue_full"
    retry_after = 30


class EngineUnavailable(Unavailable):
    """Raised when what was asked needs the engine and it is not ready."""

    code = "engine_unavailable"


class Unreachable(Unavailable):
    """Raised when another machine does not answer, or breaks off; params: host, reason."""

    code = "host_unreachable"
    retry_after = 30


class NotStored(Unavailable):
    """The disk refused to take it: nothing of it was written, and it may be asked again."""

    code = "not_stored"


class DiskFull(NotStored):
    """Raised when the data directory's disk has no room, or less than it must keep free."""

    code = "disk_full"
    retry_after = 60

    @staticmethod
    def caused(error: OSError) -> bool:
        """Say whether the system refused because the disk is full, or a quota or limit of it."""
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DatabaseFailing(NotStored):
    """Raised when the database cannot be read or written for another reason than a full disk."""

    code = "database_failing"
    retry_after = 10


class JobError(HeliographError):
    """A job failed; code and parameters are stored with it."""

    code = "job_failed"


class OutOfMemory(JobError):
    """Raised when every rung of the memory ladder was tried; params: needed, free (bytes).

    Where what smaller pictures take is known: largest_width, largest_height (pixels), too.
    """

    code = "out_of_memory"
    share: float = 0.0  # of each side of the picture that would fit; 0 if unknown


class NodeFailed(JobError):
    """Raised when a node's ``run`` raised; params: node, type, error."""

    code = "node_failed"


class ModelUnreadable(JobError):
    """Raised when a model's files are missing, changed or not of the family; params: model."""

    code = "model_unreadable"


class ModelNotFinite(JobError):
    """Raised when a model makes what is no number; params: model, tensor (of which part)."""

    code = "model_nonfinite"


class CheckpointUnreadable(JobError):
    """Raised when the state of a training is not whole, or not what its manifest says; params:
    checkpoint, reason."""

    code = "checkpoint_unreadable"


class PictureUnreadable(JobError):
    """Raised when a picture that a run is taught cannot be decoded; params: picture (its name).

    Where its file is gone: picture_gone; where it is another one by now: picture_changed.
    """

    code = "picture_unreadable"


class EngineLost(JobError):
    """Raised when the engine process ended under a job; params: exit."""

    code = "engine_lost"


class StartError(HeliographError):
    """The server cannot start; ``exit_code`` is what the process returns."""

    code = "start_failed"
    exit_code: ClassVar[int] = 1


class ConfigRefused(StartError):
    """Raised for a setting that does not validate, or a bind that is not safe."""

    code = "config_refused"
    exit_code = 78


class DataDirInUse(StartError):
    """Raised when another server holds the lock of the data directory."""

    code = "data_dir_in_use"
    exit_code = 75
