"""Imports without what a library would load only because it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """What is imported meanwhile finds these packages absent, unless they are loaded already; afterwards nobody does.

    For libraries that do without them then, and that we ask for nothing that needs them.
    """
    loaded: dict[str, Any] = sys.modules
    hidden = [each for each in packages if each not in loaded]
    loaded.update(dict.fromkeys(hidden))  # None stands for a module that cannot be imported
    try:
        yield
    finally:
        for each in hidden:
            loaded.pop(each, None)
