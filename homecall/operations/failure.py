"""What ends a command with one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Failure(Exception):
    """Something that the person at the command line can correct; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def advised(way_out: str) -> Iterator[None]:
    """Say with an outage of the database or the broker what to do once it is over."""
    from homecall.runtime.failures import Transient

    try:
        yield
    except Transient as error:
        raise Failure(f"{error}; {way_out}", code=1) from None


def of_dependency(error: BaseException) -> Failure | None:
    """An error of settings, database or broker in one line; None for any other, which is a fault of ours."""
    from homecall.runtime.failures import Transient

    if isinstance(error, Transient):
        return Failure(str(error), code=1)
    # Whatever raised one of these has imported its library: a command that uses neither does not load it here.
    settings = sys.modules.get("homecall.runtime.settings")
    if settings is not None and isinstance(error, settings.SettingsError):
        return Failure(str(error))
    errors = sys.modules.get("pymongo.errors")
    if errors is not None and isinstance(error, errors.PyMongoError):
        from homecall.runtime.mongo.errors import outage, place_of
        from homecall.runtime.settings import load_settings

        return Failure(str(outage(error, place_of(load_settings().mongo_url))), code=1)
    return None
