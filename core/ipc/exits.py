"""What the engine's exit codes mean. The server reads them; nothing else ends the process."""

PLANNED = 0  # asked to stop
POISON = 86  # the device failed in a way that only a new process mends
ORPHAN = 87  # the server is gone
OVERFLOW = 88  # reports came faster than the server took them: a bug
UNUSABLE = 89  # started with arguments or a device that cannot be used
STALE = 90  # ended between two jobs, since memory leaked: a new process has it back
