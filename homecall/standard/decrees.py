"""Government resolutions that move days of rest, and corrections to the calendar: a dated table of our own (R8)."""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from homecall.contract.encoding import decoded

PACKAGED = Path(__file__).parent / "data" / "decrees" / "kz.toml"


@dataclass(frozen=True)
class Swap:
    """``off`` becomes a day of rest; ``works``, a day of rest before, a working day with the hours of ``off``."""

    off: date
    works: date


@dataclass(frozen=True)
class Correction:
    """A date on which the holiday calendar is put right: a day of rest, or none."""

    date: date
    off: bool
    name: str


@dataclass(frozen=True)
class Decrees:
    """The table: the years looked through, what was moved, what was put right, and a digest of all of it."""

    years: frozenset[int]
    swaps: tuple[Swap, ...]
    corrections: tuple[Correction, ...]
    digest: str


@cache
def packaged_decrees() -> Decrees:
    """The packaged table, read once."""
    return read_decrees(PACKAGED)


def read_decrees(path: Path) -> Decrees:
    """Read a table; ``ValueError`` names the year of an entry that is wrong."""
    content = path.read_bytes()
    years: set[int] = set()
    swaps: list[Swap] = []
    corrections: list[Correction] = []
    for entry in tomllib.loads(decoded(content))["years"]:
        year = entry["year"]
        if year in years:
            raise ValueError(f"{path.name}: {year} has two entries; put them into one")
        if not entry.get("source"):
            raise ValueError(f"{path.name}: {year} has no source")
        years.add(year)
        swaps += [Swap(off=swap["off"], works=swap["works"]) for swap in entry["swaps"]]
        for item in entry.get("corrections", ()):
            if not item.get("source"):
                raise ValueError(f"{path.name}: the correction of {item['date']} has no source")
            corrections.append(Correction(date=item["date"], off=item["off"], name=item["name"]))
    return Decrees(
        years=frozenset(years),
        swaps=tuple(swaps),
        corrections=tuple(corrections),
        digest=hashlib.sha256(content).hexdigest()[:12],
    )
