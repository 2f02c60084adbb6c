"""What ends a command with one line."""

from __future__ import annotations


class Failure(Exception):
    """Something that the person at the command line can mend; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code
