"""Fair share: whose job starts next. Pure arithmetic; the store keeps the numbers.

The rule (start-time fair queuing, every client with the same weight):

1. Time is counted in engine-seconds. Each client has a *start*: the virtual time at which its next
   job may begin. The *clock* is the start of the job that was claimed last.
2. A claim moves the client's start on by what the job is expected to take; its end corrects that
   to what it took. Who has used little is early, who has used much is late.
3. A client that comes with nothing waiting starts no earlier than the clock: nobody saves up.
4. A step of priority is a head start of 60 seconds, up to 100 steps. It moves a job forward in
   time and gives no larger share: the start behind it grows all the same.
5. The client of the lowest *rank* (start less the head start of its first job) is next. As the
   clock runs on and a waiting client's rank stands still, everybody's turn comes: the ageing.
6. Inside a client's own line priority goes first, then age; a moved job stands where it was put.
7. Suspects of an engine's crash go before all others, each alone.
"""

HEAD_START = 60.0  # engine-seconds a step of priority
STEPS = 100  # of priority that count between clients


def rank(start: float, priority: int) -> float:
    """Give a client's place among the clients; the lowest is next."""
    return start - HEAD_START * max(-STEPS, min(STEPS, priority))


def entered(start: float, clock: float) -> float:
    """Give the start of a client that comes with nothing waiting."""
    return max(start, clock)


def claimed(start: float, expected: float) -> float:
    """Charge a job that starts, in engine-seconds it is expected to take."""
    return start + expected


def ended(start: float, expected: float, seconds: float) -> float:
    """Correct the charge to what a job took; a job that goes back to the queue took nothing."""
    return start + seconds - expected
