"""The kinds of failure that the pipeline distinguishes."""

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
    """The server rejected our credentials or configuration; the message names the setting.

    At the start it ends the service. Later it is retried: a password is changed in two places, one after the other.
    """

    def __init__(self, what: str, told: str) -> None:
        Exception.__init__(self, told)
        self.what = what


class Awaited(Transient):
    """An operator has to act first; the message says what to do."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.what = message


class TooNew(Exception):
    """The database is of a newer release, which this one must not touch."""


class RetryForever(Exception):
    """Work that cannot be abandoned, since a register number was given: it is retried, never dead-lettered."""


class Stopped(Exception):
    """The service is stopping: the batch is abandoned, uncommitted."""


class TooManyDeadLetters(Exception):
    """Too large a share of the last records would be dead letters: stop rather than empty a topic."""
