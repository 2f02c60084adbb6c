"""Rule sets as dated data (R12): the packaged figures, the example of later law, and what a bad file is told."""

import re
import shutil
from datetime import date, time
from pathlib import Path

import pytest

from homecall.standard import rules as rules_module
from homecall.standard.rules import NotCoveredError, RuleSetError, load_rule_sets

PACKAGED = Path(rules_module.__file__).parent / "data" / "rules" / "kz-2015.toml"
EXAMPLE = Path(rules_module.__file__).parent / "data" / "examples" / "kz-2021.toml"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(PACKAGED, tmp_path)
    return tmp_path


def edited(directory: Path, old: str, new: str, name: str = "kz-2015.toml") -> None:
    text = (directory / name).read_text(encoding="utf-8")
    assert old in text, f"nothing to edit: {old}"
    (directory / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_r12_the_packaged_set_is_kz_2015_alone_without_an_end() -> None:
    sets = load_rule_sets().sets
    assert [rules.id for rules in sets] == ["kz-2015"]
    assert sets[0].valid_until is None


@pytest.mark.parametrize("day", [date(2015, 1, 1), date(2021, 9, 7), date(2026, 11, 23), date(2100, 12, 31)])
def test_r12_kz_2015_covers_every_year_of_the_calendar(day: date) -> None:
    assert load_rule_sets().on(day).id == "kz-2015"


def test_r12_a_date_before_the_first_set_is_not_covered() -> None:
    with pytest.raises(NotCoveredError, match=r"2014-12-31.*from 2015-01-01"):
        load_rule_sets().on(date(2014, 12, 31))


def test_the_figures_of_the_standard_and_their_clauses() -> None:
    rules = load_rule_sets().sets[0]
    weekday = ((time(8), time(20)),)
    assert rules.hours.by_weekday == (weekday,) * 5 + (((time(9), time(14)),), ())
    assert rules.hours.clause == "C8.1"
    assert rules.cut_off.minutes_before_closing == 120
    assert [rules.cut_off_clause(channel) for channel in ("desk", "phone", "portal")] == ["C4.5", "C4.5", "C4.6"]
    limits = rules.limits
    assert [
        (limit.seconds, limit.clause)
        for limit in (limits.queue.desk, limits.queue.phone, limits.service.desk, limits.service.phone)
    ] == [(600, "C4.2"), (600, "C4.2"), (600, "C4.3"), (600, "C4.3")]
    assert [(rules.answer_limit(c).seconds, rules.answer_limit(c).clause) for c in ("desk", "phone", "portal")] == [
        (600, "C4.1"),
        (600, "C4.1"),
        (1800, "C4.4"),
    ]
    terms = [rules.complaint_term(who) for who in ("clinic", "ministry", "quality_authority")]
    assert [(term.working_days, term.week, term.clause) for term in terms] == [
        (5, "six-day", "C10.4"),
        (5, "six-day", "R10"),
        (15, "six-day", "C10.8"),
    ]
    assert (rules.held.seconds, rules.held.clause) == (72 * 3600, "R24")
    assert (rules.approaching.share, rules.clock_tolerance.seconds, rules.calls.week) == (0.8, 120, "six-day")


def test_r12_kz_2015_does_not_refuse_for_attachment_or_unreliable_data() -> None:
    rules = load_rule_sets().sets[0]
    assert rules.refusal_ground("not_attached") is None
    assert rules.refusal_ground("unreliable_data") is None
    duplicate = rules.refusal_ground("duplicate")
    assert duplicate is not None
    assert duplicate.clause == "R11"


@pytest.mark.parametrize(
    ("reasons", "urgency", "flags"),
    [
        (["fever_above_38"], "same_day", ()),
        (["other", "passed_on_by_ambulance"], "urgent", ()),
        (["dangerous_infection_suspected"], "urgent", ()),
        (["stroke_signs", "fever_above_38", "chest_pain"], "urgent", ("stroke_signs", "chest_pain")),
        ([], "same_day", ()),
    ],
)
def test_r13_red_flags_and_urgency(reasons: list[str], urgency: str, flags: tuple[str, ...]) -> None:
    rules = load_rule_sets().sets[0]
    assert rules.urgency(reasons) == urgency
    assert rules.red_flags_in(reasons) == flags


def test_reasons_known_are_the_list_and_the_red_flags() -> None:
    rules = load_rule_sets().sets[0]
    assert rules.knows_reason("seizures")
    assert rules.knows_reason("not_transportable")
    assert not rules.knows_reason("boredom")


def test_r12_the_example_of_2021_applies_from_its_date_once_the_operator_adds_it(directory: Path) -> None:
    shutil.copy(EXAMPLE, directory)
    sets = load_rule_sets(directory)
    assert sets.on(date(2021, 9, 6)).id == "kz-2015"
    later = sets.on(date(2021, 9, 7))
    assert later.id == "kz-2021"
    assert sets.on(date(2100, 12, 31)).id == "kz-2021"
    grounds = {ground: later.refusal_ground(ground) for ground in ("not_attached", "unreliable_data")}
    assert {ground: entry and (entry.code, entry.carried_over) for ground, entry in grounds.items()} == {
        "not_attached": ("not_attached", False),
        "unreliable_data": ("identity_not_confirmed", False),
    }


def test_r12_the_example_marks_every_figure_it_took_from_kz_2015() -> None:
    later = EXAMPLE.read_text(encoding="utf-8")
    figures = len(re.findall(r"^clauses? = |\bclause = \"C4\.[1-4]\"", later, flags=re.M))
    known = len(re.findall(r'^clause = "R12"$', later, flags=re.M))
    assert later.count("carried_over = true") == figures - known
    assert known == 2


def test_r12_a_set_with_an_end_is_followed_on_the_next_day(directory: Path) -> None:
    shutil.copy(EXAMPLE, directory)
    edited(directory, "valid_from = 2015-01-01", "valid_from = 2015-01-01\nvalid_until = 2021-09-06")
    assert load_rule_sets(directory).on(date(2021, 9, 7)).id == "kz-2021"


def test_r12_a_date_after_the_last_set_has_ended_is_not_covered(directory: Path) -> None:
    edited(directory, "valid_from = 2015-01-01", "valid_from = 2015-01-01\nvalid_until = 2030-12-31")
    sets = load_rule_sets(directory)
    assert sets.on(date(2030, 12, 31)).id == "kz-2015"
    with pytest.raises(NotCoveredError, match="to 2030-12-31"):
        sets.on(date(2031, 1, 1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "kz-2015"\n', "", "id: is missing"),
        ("valid_from = 2015-01-01", 'valid_from = "2015-01-01"', "valid_from: "),
        ("valid_from = 2015-01-01", "valid_from = 2015-01-01\nvalid_until = 2014-01-01", "valid_until is before"),
        ('id = "kz-2015"', 'id = "kz-2015"\ncolour = "red"', "colour: is not a field of a rule set"),
        ('mon = [["08:00", "20:00"]]', 'mon = [["8am", "20:00"]]', "hours.mon: '8am' is not a local time as HH:MM"),
        ('mon = [["08:00", "20:00"]]', 'mon = [["08:00", "24:00"]]', "hours.mon: '24:00' is not a local time"),
        ('mon = [["08:00", "20:00"]]', 'mon = [["20:00", "08:00"]]', "hours.mon: 08:00 is not after 20:00"),
        (
            'mon = [["08:00", "20:00"]]',
            'mon = [["08:00", "14:00"], ["13:00", "20:00"]]',
            "hours.mon: the interval from 13:00 begins before the one to 14:00 has ended",
        ),
        ('mon = [["08:00", "20:00"]]', 'mon = "08:00-20:00"', "hours.mon: must be a list of pairs"),
        ('sat = [["09:00", "14:00"]]\n', "", "hours.sat: is missing"),
        ("minutes_before_closing = 120", "minutes_before_closing = 120.5", "cut_off.minutes_before_closing: "),
        ('desk = { seconds = 600, clause = "C4.2" }', 'desk = { seconds = "600", clause = "C4.2" }', "queue.desk.sec"),
        ('desk = { seconds = 600, clause = "C4.2" }', 'desk = { seconds = 0, clause = "C4.2" }', "queue.desk.seconds"),
        ('desk = { seconds = 600, clause = "C4.2" }', "desk = { seconds = 600 }", "queue.desk.clause: is missing"),
        ('desk = { seconds = 600, clause = "C4.2" }', 'desk = { seconds = 600, clause = "X" }', "queue.desk.clause: "),
        ("share = 0.8", "share = 1.5", "approaching.share: "),
        ("working_days = 15", "working_days = true", "complaints.quality_authority.working_days: "),
        ('week = "six-day"', 'week = "seven-day"', "calls.week: "),
        ('"seizures"', '"other"', "other is both in reasons and in red_flags"),
        ('"passed_on_by_ambulance"]', '"thirst"]', "thirst in urgent_reasons is neither"),
        ('"seizures"', '"chest_pain"', "red_flags: chest_pain is listed twice"),
        ('ground = "unknown_clinic"', 'ground = "bad_mood"', "refusal_grounds.1.ground: "),
        ('ground = "unknown_clinic"', 'ground = "duplicate"', "duplicate in refusal_grounds is listed twice"),
        ("[hours]", "[hours", "not TOML: "),
    ],
)
def test_r12_a_bad_file_is_told_in_one_line_with_file_field_and_reason(
    directory: Path, old: str, new: str, told: str
) -> None:
    edited(directory, old, new)
    with pytest.raises(RuleSetError) as caught:
        load_rule_sets(directory)
    line = str(caught.value)
    assert line.startswith("rules file kz-2015.toml: ")
    assert told in line
    assert "\n" not in line


def test_r12_a_week_without_any_hours_is_refused(directory: Path) -> None:
    text = (directory / "kz-2015.toml").read_text(encoding="utf-8")
    (directory / "kz-2015.toml").write_text(re.sub(r"^(\w{3}) = \[\[.*", r"\1 = []", text, flags=re.M))
    with pytest.raises(RuleSetError, match=r"^rules file kz-2015.toml: hours: no day of the week has hours$"):
        load_rule_sets(directory)


@pytest.mark.parametrize(
    ("first_until", "second_from", "told"),
    [
        (None, "2015-01-01", "later.toml: valid_from: overlaps kz-2015.toml"),
        ("2021-09-07", "2021-09-07", "later.toml: valid_from: 2021-09-07 overlaps kz-2015.toml, in force until"),
        ("2021-09-05", "2021-09-07", "later.toml: valid_from: 2021-09-07 leaves a gap after kz-2015.toml"),
    ],
)
def test_r12_overlapping_and_gapped_periods_are_refused(
    directory: Path, first_until: str | None, second_from: str, told: str
) -> None:
    shutil.copy(EXAMPLE, directory / "later.toml")
    edited(directory, "valid_from = 2021-09-07", f"valid_from = {second_from}", "later.toml")
    if first_until:
        edited(directory, "valid_from = 2015-01-01", f"valid_from = 2015-01-01\nvalid_until = {first_until}")
    with pytest.raises(RuleSetError, match=f"^rules file {re.escape(told)}"):
        load_rule_sets(directory)


def test_r12_two_sets_of_one_id_are_refused(directory: Path) -> None:
    shutil.copy(EXAMPLE, directory)
    edited(directory, 'id = "kz-2021"', 'id = "kz-2015"', "kz-2021.toml")
    with pytest.raises(RuleSetError, match=r"kz-2021\.toml: id: kz-2015 is also the id of kz-2015\.toml"):
        load_rule_sets(directory)


def test_a_missing_or_empty_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleSetError, match="no rule set"):
        load_rule_sets(tmp_path)
    with pytest.raises(RuleSetError, match="not a directory"):
        load_rule_sets(tmp_path / "absent")


def test_a_file_that_is_no_text_is_named(directory: Path) -> None:
    (directory / "broken.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuleSetError, match=r"^rules file broken\.toml: is in UTF-16, not in UTF-8"):
        load_rule_sets(directory)


@pytest.mark.parametrize("call", ["answer_limit", "complaint_term"])
def test_a_channel_or_addressee_that_is_none_is_named(call: str) -> None:
    with pytest.raises(ValueError, match="fax is none of"):
        getattr(load_rule_sets().sets[0], call)("fax")
