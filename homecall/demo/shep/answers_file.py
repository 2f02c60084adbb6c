"""A JSON file in which somebody says, while the stand-in runs, what it answers about an IIN."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from homecall.demo.shep.says import Says


class AnswersFile(Mapping[str, Says]):
    """``{"850715100000": "not_found"}``: by IIN, the name of an answer. Read again whenever it was changed.

    What is no answer's name is ``unknown_code``: an error, so that a slip of the pen is seen.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: int | None = None
        self._says: dict[str, Says] = {}
        if not path.exists():
            path.write_text("{}\n", encoding="utf-8")

    def __getitem__(self, iin: str) -> Says:
        return self._current()[iin]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> dict[str, Says]:
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._says = _says(json.loads(self._path.read_text(encoding="utf-8")))
                self._read_at = changed_at
        except (OSError, ValueError):
            pass  # it is being written: what it said before holds
        return self._says


def _says(told: Any) -> dict[str, Says]:
    if not isinstance(told, dict):
        return {}
    names = {each.value: each for each in Says}
    return {iin: names.get(str(name), Says.UNKNOWN_CODE) for iin, name in told.items()}
