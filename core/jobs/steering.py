"""What is asked of a training that runs, on its way to the engine. Never waits."""

import logging
from collections.abc import Mapping, Sequence

from core.errors import EngineUnavailable
from core.ipc.commands import Steer
from core.ipc.commands import Steering as Asked
from core.jobs.executor import Executor
from core.jobs.flight import Flight

log = logging.getLogger(__name__)
_PENDING = 16  # asked between a job's claim and its command; what is more is dropped


class Steering:
    """Hands on what is asked, or keeps it until the engine has the job."""

    def __init__(self, executor: Executor, flights: Mapping[str, Flight]) -> None:
        self._executor = executor
        self._flights = flights

    def steer(self, job: str, asked: Asked, prompts: Sequence[str] = ()) -> bool:
        """Ask something of a running training; False where no engine has it now."""
        flight = self._flights.get(job)
        if flight is None or flight.generation != self._executor.generation:
            return False
        command = Steer(job=job, steering=asked, prompts=list(prompts))
        if flight.steered is None:
            return self._send(command)
        if len(flight.steered) < _PENDING:
            flight.steered.append(command)
        return True

    def sent(self, flight: Flight) -> None:
        """Hand on what was asked before the engine had the job."""
        waiting, flight.steered = flight.steered or (), None
        for command in waiting:
            self._send(command)

    def _send(self, command: Steer) -> bool:
        try:
            self._executor.send(command)
        except EngineUnavailable:
            log.debug("the engine ended before it was steered", extra={"job": command.job})
            return False
        return True
