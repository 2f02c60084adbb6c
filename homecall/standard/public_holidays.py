"""Public holidays of a year for the six-day and the five-day week, from the ``holidays`` package (C8.1, R8).

Imported only when a day is first needed: the package loads slowly. Its own table of swapped days is left out, since a
swap may apply to one week and not the other; ours is in ``decrees``.
"""

from datetime import date
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holidays.calendars.gregorian import SAT, SUN
from holidays.observed_holiday_base import SAT_SUN_TO_NEXT_WORKDAY, SUN_TO_NEXT_WORKDAY

from homecall.standard.rules import Week

if TYPE_CHECKING:
    from holidays.countries.kazakhstan import Kazakhstan
else:

    def _kazakhstan() -> type:
        """The package's class, from its file: ``holidays.countries`` imports all 250 countries, which take 10 MiB."""
        package = find_spec("holidays")
        file = Path(package.origin).parent / "countries" / "kazakhstan.py"
        spec = spec_from_file_location("holidays_of_kazakhstan", file)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.Kazakhstan

    Kazakhstan = _kazakhstan()


class FiveDayWeek(Kazakhstan):
    """Saturday and Sunday are free; a holiday on either moves to the next working day."""

    weekend = {SAT, SUN}  # noqa: RUF012  # declared so by the package
    moved = SAT_SUN_TO_NEXT_WORKDAY

    def __init__(self, year: int) -> None:
        super().__init__(years=year, language="en_US", observed_rule=self.moved)

    def _add_special_holidays(self, mapping_names: Any, *, observed: bool = False) -> None:
        """Leave out the package's swapped days."""

    def _populate_observed(self, dts: set[date], *, multiple: bool = False) -> None:
        # The package adds Kurban Ait after it has moved the others; a holiday must not move onto it (2060).
        self._add_eid_al_adha_day("Құрбан айт")
        super()._populate_observed(dts, multiple=multiple)


class SixDayWeek(FiveDayWeek):
    """Sunday alone is free: a holiday on Sunday moves to the next working day, one on Saturday stays."""

    weekend = {SUN}  # noqa: RUF012  # the library's own form
    moved = SUN_TO_NEXT_WORKDAY


def holidays_of(week: Week, year: int) -> dict[date, str]:
    """Date to English name, for one year."""
    return dict((SixDayWeek(year) if week == "six-day" else FiveDayWeek(year)).items())
