"""The state's weeks (C8.1, R8): holidays, those that move, those that do not, and the government's swaps."""

import subprocess
import sys
from datetime import date, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
from holidays.countries.kazakhstan import Kazakhstan

from homecall.standard import calendar as calendar_module
from homecall.standard.calendar import ALMATY, calendar_version, decrees_missing, state_days, state_works
from homecall.standard.decrees import Correction, Decrees, Swap, read_decrees
from homecall.standard.rules import NotCoveredError
from tests.unit.standard.local_times import on

REST, WORKS = False, True


@pytest.mark.parametrize(
    ("day", "works", "because"),
    [
        ("Fri 2026-11-20", WORKS, "a plain Friday"),
        ("Sat 2026-11-21", WORKS, "R7: Saturday is a working day"),
        ("Sun 2026-11-22", REST, "C8.1: Sunday"),
        ("Thu 2026-01-01", REST, "New Year"),
        ("Fri 2026-01-02", REST, "New Year"),
        ("Wed 2026-01-07", REST, "Orthodox Christmas"),
        ("Sun 2024-01-07", REST, "Orthodox Christmas on Sunday"),
        ("Mon 2024-01-08", WORKS, "7 January never moves"),
        ("Sun 2026-03-08", REST, "Women's Day"),
        ("Mon 2026-03-09", REST, "moved from Sunday"),
        ("Sat 2026-03-21", REST, "Nauryz"),
        ("Sun 2026-03-22", REST, "Nauryz"),
        ("Mon 2026-03-23", REST, "Nauryz"),
        ("Tue 2026-03-24", REST, "Nauryz, moved from Sunday past Monday"),
        ("Wed 2026-03-25", WORKS, "what fell on Saturday does not move in six days"),
        ("Sat 2026-05-09", REST, "Victory Day"),
        ("Mon 2026-05-11", WORKS, "Saturday's does not move in six days"),
        ("Wed 2026-05-27", REST, "Kurban Ait"),
        ("Sun 2024-06-16", REST, "Kurban Ait on Sunday"),
        ("Mon 2024-06-17", WORKS, "Kurban Ait never moves"),
        ("Mon 2026-07-06", REST, "Capital Day"),
        ("Sun 2026-08-30", REST, "Sunday"),
        ("Mon 2026-08-31", WORKS, "30 August is no holiday from 2026"),
        ("Sat 2025-08-30", REST, "Constitution Day until 2025"),
        ("Mon 2025-09-01", WORKS, "Saturday's does not move"),
        ("Sun 2026-10-25", REST, "Republic Day"),
        ("Mon 2026-10-26", REST, "moved from Sunday"),
        ("Wed 2026-12-16", REST, "Independence Day"),
        ("Mon 2025-03-10", WORKS, "8 March 2025 was a Saturday"),
        ("Mon 2025-03-24", REST, "23 March 2025 was a Sunday"),
        ("Tue 2025-03-25", WORKS, "only one of Nauryz fell on Sunday"),
        ("Mon 2025-10-27", WORKS, "25 October 2025 was a Saturday"),
        ("Mon 2027-03-15", REST, "Constitution Day from 2027"),
        ("Mon 2022-01-03", REST, "2 January 2022 was a Sunday"),
        ("Tue 2022-01-04", WORKS, "1 January 2022 was a Saturday"),
        ("Tue 2023-01-03", REST, "1 January 2023 was a Sunday, past the 2nd"),
        ("Thu 2015-09-24", REST, "Kurban Ait 2015"),
        ("Tue 2060-05-11", REST, "9 May moves past Kurban Ait, which is on the Monday"),
        ("Wed 2060-05-12", WORKS, "and no further"),
    ],
)
def test_c8_1_r8_six_day_week(day: str, works: bool, because: str) -> None:
    assert state_works(on(day), "six-day") is works, because


@pytest.mark.parametrize(
    ("day", "six", "five", "because"),
    [
        ("Sat 2024-05-04", WORKS, WORKS, "a working Saturday anyway in six days, a swapped one in five"),
        ("Wed 2024-05-08", WORKS, REST, "a swap from Saturday binds five-day workers only"),
        ("Sun 2025-01-05", WORKS, WORKS, "a swap from Sunday binds both"),
        ("Fri 2025-01-03", REST, REST, "a swap from Sunday binds both"),
        ("Sun 2020-12-20", WORKS, WORKS, "a swap from Sunday binds both"),
        ("Fri 2020-12-18", REST, REST, "a swap from Sunday binds both"),
        ("Mon 2020-05-11", WORKS, WORKS, "free in five days only (9 May was a Saturday), swapped there"),
        ("Fri 2020-05-08", WORKS, REST, "so the swap binds five-day workers only"),
        ("Sat 2026-11-21", WORKS, REST, "a plain Saturday"),
        ("Mon 2026-05-11", WORKS, REST, "what fell on Saturday moves in five days"),
        ("Wed 2026-03-25", WORKS, REST, "what fell on Saturday moves in five days"),
    ],
)
def test_r8_what_binds_which_week(day: str, six: bool, five: bool, because: str) -> None:
    assert (state_works(on(day), "six-day"), state_works(on(day), "five-day")) == (six, five), because


def test_r8_our_table_of_swaps_says_what_the_package_says_for_five_days() -> None:
    """An update of the package that knows of another resolution fails here: enter it in the table."""
    package = Kazakhstan(years=range(2015, 2027))
    day, differing = date(2015, 1, 1), []
    while day.year < 2027:
        if package.is_working_day(day) != state_works(day, "five-day"):
            differing.append(day)
        day += timedelta(days=1)
    assert differing == []


def test_r8_years_without_a_decree_table_are_known_as_such() -> None:
    assert [year for year in range(2015, 2101) if decrees_missing(year)] == list(range(2027, 2101))


@pytest.mark.parametrize("year", range(2015, 2101))
def test_c8_1_every_year_has_its_holidays(year: int) -> None:
    days = state_days(year, "six-day")
    assert {date(year, 1, 1), date(year, 1, 2), date(year, 1, 7), date(year, 12, 16)} <= set(days)
    assert any("Eid al-Adha" in day.name for day in days.values())
    assert all(day.year == year for day in days)


@pytest.mark.parametrize("year", [2014, 2101])
def test_a_year_outside_the_calendar_is_said_to_be(year: int) -> None:
    with pytest.raises(NotCoveredError, match="2015 to 2100"):
        state_days(year, "six-day")


@pytest.fixture
def decrees(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a factory, typed by its uses
    def use(*, swaps: tuple[Swap, ...] = (), corrections: tuple[Correction, ...] = ()) -> None:
        table = Decrees(frozenset({2027}), swaps, corrections, "of-a-test")
        monkeypatch.setattr(calendar_module, "packaged_decrees", lambda: table)
        calendar_module.state_days.cache_clear()

    yield use
    monkeypatch.undo()
    calendar_module.state_days.cache_clear()


def test_r8_a_correction_moves_an_estimated_kurban_ait(decrees) -> None:  # type: ignore[no-untyped-def]  # the table above has the types
    estimated = next(day for day, found in state_days(2028, "six-day").items() if "Eid al-Adha" in found.name)
    announced = estimated + timedelta(days=1)
    assert (state_works(estimated, "six-day"), state_works(announced, "six-day")) == (REST, WORKS)
    decrees(
        corrections=(
            Correction(estimated, off=False, name=""),
            Correction(announced, off=True, name="Kurban Ait"),
        )
    )
    assert (state_works(estimated, "six-day"), state_works(announced, "six-day")) == (WORKS, REST)


def test_r8_a_swap_may_reach_into_the_year_before(decrees) -> None:  # type: ignore[no-untyped-def]  # the table above has the types
    decrees(swaps=(Swap(off=on("Mon 2028-01-03"), works=on("Sun 2027-12-26")),))
    assert state_works(on("Sun 2027-12-26"), "six-day")
    assert not state_works(on("Mon 2028-01-03"), "six-day")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('[[years]]\nyear = 2027\nsource = ""\nswaps = []', "2027 has no source"),
        ('[[years]]\nyear = 2027\nsource = "a"\nswaps = []\n' * 2, "2027 has two entries"),
        (
            '[[years]]\nyear = 2027\nsource = "a"\nswaps = []\n'
            'corrections = [{ date = 2027-05-16, off = false, name = "" }]',
            "the correction of 2027-05-16 has no source",
        ),
    ],
)
def test_r8_every_entry_of_the_table_has_its_source(tmp_path: Path, table: str, told: str) -> None:
    (tmp_path / "kz.toml").write_text(table, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read_decrees(tmp_path / "kz.toml")


def test_the_calendar_version_names_the_package_and_the_table() -> None:
    assert calendar_version().startswith(f"holidays {metadata.version('holidays')}, decrees ")


def test_another_table_is_another_version(tmp_path: Path) -> None:
    table = '[[years]]\nyear = 2027\nsource = "a"\nswaps = []\n'
    (tmp_path / "one.toml").write_text(table, encoding="utf-8")
    (tmp_path / "two.toml").write_text(table.replace("2027", "2028"), encoding="utf-8")
    assert read_decrees(tmp_path / "one.toml").digest != read_decrees(tmp_path / "two.toml").digest


@pytest.mark.parametrize(
    ("day", "hours_ahead"), [(date(2024, 2, 29), 6), (date(2024, 3, 1), 5), (date(2026, 11, 23), 5)]
)
def test_the_zone_changed_on_1_march_2024(day: date, hours_ahead: int) -> None:
    assert datetime(day.year, day.month, day.day, 12, tzinfo=ALMATY).utcoffset() == timedelta(hours=hours_ahead)


def test_importing_the_law_does_not_load_the_holidays_package() -> None:
    script = (
        "import sys; from homecall.standard import acceptance, calendar, complaints, deadlines, patient; "
        "sys.exit('holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
