"""The kinds of failure that the pipeline tells apart."""

from __future__ import annotations


class Transient(Exception):
    """A dependency is unavailable: the same work may succeed later, with nothing changed."""

    def __init__(self, what: str, cause: BaseException, where: str = "", *, code: str = "") -> None:
        """``where`` is the address and the setting it stands in, ``code`` the server's code for the error."""
        # The driver's own text may quote a document: only the kind of error is kept.
        kind = type(cause).__name__ + (f", {code}" if code else "")
        super().__init__(f"{what} is unavailable or busy: {kind}" + (f" ({where})" if where else ""))
        self.what = what


class Refused(Transient):
    """It answers and will not have us: a setting is wrong, and the message names it.

    At the start of a service that is the end of it; later it is waited out, since who changes a password changes it
    in two places.
    """

    def __init__(self, what: str, told: str) -> None:
        Exception.__init__(self, told)
        self.what = what


class Awaited(Transient):
    """Something has to be done first, by somebody; the message says what."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.what = message


class TooNew(Exception):
    """The database is of a newer release, which this one must not touch."""


class RetryForever(Exception):
    """The work has gone too far to be given up (a register number is out): it is retried, never dead-lettered."""


class Stopped(Exception):
    """The service is stopping: the batch in hand is given up uncommitted."""


class TooManyDeadLetters(Exception):
    """More of the last records would be dead letters than is allowed: stop rather than empty a topic."""
