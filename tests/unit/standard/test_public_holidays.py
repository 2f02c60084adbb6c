"""The package of public holidays is loaded without the countries that nobody asks for."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
from homecall.standard import public_holidays
print(*sorted(public_holidays.holidays_of("five-day", 2026).values())[:1])
print(*(name for name in sys.modules if name.startswith("holidays.countries")))
"""


def test_of_all_countries_only_ours_is_loaded() -> None:
    """All of them take 10 MiB of each service, and a second of a slow machine at the first request of a day."""
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    found, others = done.stdout.splitlines()
    assert found, "the year has holidays"
    assert others == ""
