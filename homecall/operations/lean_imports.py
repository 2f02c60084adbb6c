"""Imports without what a library would load only because it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Inside this block an import does not find these packages, unless they are loaded already.

    For libraries that use them only where they are installed, and of which we use nothing that needs them.
    """
    loaded: dict[str, Any] = sys.modules
    hidden = [each for each in packages if each not in loaded]
    loaded.update(dict.fromkeys(hidden))  # None stands for a module that cannot be imported
    try:
        yield
    finally:
        for each in hidden:
            loaded.pop(each, None)
