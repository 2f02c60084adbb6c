"""Field types: what each takes, what it refuses, and the form in which it goes out."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from homecall.contract.iins import iin_check_digit, without_iins
from homecall.contract.types import (
    ZONE,
    AnyDay,
    ClinicId,
    ClockTime,
    Code,
    Day,
    Iin,
    Moment,
    OptionalPhone,
    Phone,
    Uuid,
    in_zone,
    is_moment,
)


def taken(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return str(caught.value.errors()[0]["msg"])


# ---------------------------------------------------------------- IIN


@pytest.mark.parametrize(
    ("iin", "why"),
    [
        ("850715100000", "first weights"),
        ("850715200007", "first weights"),
        ("850715100100", "second weights"),
        ("850715100112", "second weights"),
    ],
)
def test_an_iin_that_checks(iin: str, why: str) -> None:
    assert taken(Iin, iin) == iin, why
    assert iin_check_digit(iin[:11]) == int(iin[11])


@pytest.mark.parametrize("prefix", ["85071510015", "85071520088"])
def test_eleven_digits_that_can_carry_no_twelfth(prefix: str) -> None:
    assert iin_check_digit(prefix) is None
    for digit in "0123456789":
        assert "check digit" in refused(Iin, prefix + digit)


@pytest.mark.parametrize("iin", ["850715100001", "850751100000", "850715200008", "850715100101"])
def test_an_iin_that_does_not_check(iin: str) -> None:
    assert "check digit" in refused(Iin, iin)


@pytest.mark.parametrize(
    "iin", ["", "85071510000", "8507151000000", "850715 10000", "85071510000O", "٨٥٠٧١٥١٠٠٠٠٠", "85071510000²"]
)
def test_what_is_not_twelve_digits(iin: str) -> None:
    assert "12 digits" in refused(Iin, iin)


@given(st.from_regex(r"\A[0-9]{11}\Z"), st.integers(0, 9), st.integers(1, 9))
def test_a_check_digit_finds_one_wrong_digit(prefix: str, place: int, by: int) -> None:
    """Where both the number and its misreading check by the first weights; the eleventh weighs nothing modulo 11."""
    wrong = prefix[:place] + str((int(prefix[place]) + by) % 10) + prefix[place + 1 :]
    weights = range(1, 12)
    first, other = (sum(int(d) * w for d, w in zip(p, weights, strict=True)) % 11 for p in (prefix, wrong))
    assert first != other
    if first < 10 and other < 10:
        assert iin_check_digit(prefix) != iin_check_digit(wrong)


# ---------------------------------------------------------------- moments


@pytest.mark.parametrize(
    ("text", "in_almaty"),
    [
        ("2026-11-23T09:15:00+05:00", "2026-11-23T09:15:00+05:00"),
        ("2026-11-23T04:15:00Z", "2026-11-23T09:15:00+05:00"),
        ("2026-11-23t04:15:00z", "2026-11-23T09:15:00+05:00"),
        ("2026-11-22T20:00:00-08:15", "2026-11-23T09:15:00+05:00"),
        ("2026-11-23T09:15:00.25+05:00", "2026-11-23T09:15:00.250000+05:00"),
        ("2026-11-23T09:15:00.123456789+05:00", "2026-11-23T09:15:00.123456+05:00"),
        ("2023-11-23T09:15:00+05:00", "2023-11-23T10:15:00+06:00"),  # until 1 March 2024 the offset was +06:00
    ],
)
def test_a_moment_goes_out_in_the_clinics_zone(text: str, in_almaty: str) -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Moment)
    moment = adapter.validate_python(text)
    assert moment.tzinfo is not None
    assert adapter.dump_json(moment).decode() == f'"{in_almaty}"'
    assert is_moment(text)


def test_the_hour_that_came_twice_is_told_apart_whatever_was_written_before() -> None:
    """On 1 March 2024 Almaty's clocks were put back: 23:30 of the day before came at +06:00, then at +05:00."""
    twice = [datetime.fromisoformat(f"2024-02-29T23:30:00{offset}").astimezone(ZONE) for offset in ("+06:00", "+05:00")]
    assert [in_zone(each) for each in twice] == ["2024-02-29T23:30:00+06:00", "2024-02-29T23:30:00+05:00"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:15:00",
        "2026-11-23 09:15:00+05:00",
        "2026-11-23T09:15+05:00",
        "2026-11-23T09:15:00+0500",
        "2026-11-23T09:15:00+05",
        "2026-11-23",
        "1795407300",
        "",
        "2026-11-23T09:15:00+05:00\n",
        1795407300,
        1795407300.5,
        True,
        None,
        b"2026-11-23T09:15:00+05:00",
    ],
)
def test_a_time_of_another_form(text: Any) -> None:
    assert "RFC 3339" in refused(Moment, text)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30T09:00:00+05:00", "2026-13-01T09:00:00+05:00", "2026-11-23T24:00:00+05:00", "2026-11-23T09:60:00Z"],
)
def test_a_time_that_does_not_exist(text: str) -> None:
    assert refused(Moment, text)
    assert not is_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1999-12-31T23:59:59+06:00",
            "2151-01-01T00:00:00+05:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
        ),
        # Within by their own offset, and without by the clinics' zone, in which we would say them again.
        *("2150-12-31T23:59:59-23:59", "2150-12-31T19:00:00Z", "2000-01-01T00:00:00+23:59"),
    ],
)
def test_a_time_beyond_all_calendars(text: str) -> None:
    assert "2000 and 2150" in refused(Moment, text)


def test_a_datetime_without_an_offset() -> None:
    assert "offset" in refused(Moment, datetime(2026, 11, 23, 9, 15))  # noqa: DTZ001  # the very thing that is refused


@given(
    st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2150, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis takes bounds without a zone
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_stays_the_same_moment(at: datetime, offset_minutes: int) -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Moment)
    sent = at.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    once = adapter.validate_python(sent)
    assert once == at
    assert adapter.dump_json(adapter.validate_json(adapter.dump_json(once))) == adapter.dump_json(once)
    assert once.astimezone(ZONE).isoformat() == adapter.dump_json(once).decode().strip('"')


# ---------------------------------------------------------------- days and clock times


@pytest.mark.parametrize("text", ["2026-11-23", "2028-02-29", "1885-07-15", "1800-01-01", "2150-12-31"])
def test_a_day(text: str) -> None:
    assert taken(Day, text) == date.fromisoformat(text)


@pytest.mark.parametrize(
    "value", ["23.11.2026", "2026-11-3", "20261123", "2026-11-23T00:00:00", "", 20261123, 1.5, True, None, "2026-11-٢٣"]
)
def test_a_day_of_another_form(value: Any) -> None:
    assert "must be a date" in refused(Day, value)


def test_a_day_that_does_not_exist() -> None:
    assert refused(Day, "2026-02-29")


@pytest.mark.parametrize("text", ["0001-01-01", "1799-12-31", "2151-01-01", "9999-12-31"])
def test_a_day_beyond_all_calendars(text: str) -> None:
    assert "1800 and 2150" in refused(Day, text)
    assert taken(AnyDay, text) == date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [("00:00", time(0)), ("08:00", time(8)), ("23:59", time(23, 59)), ("24:00", time.max)],
)
def test_a_clock_time_comes_back_as_it_was(text: str, at: time) -> None:
    adapter: TypeAdapter[time] = TypeAdapter(ClockTime)
    assert adapter.validate_python(text) == at
    assert adapter.dump_json(at).decode() == f'"{text}"'


def test_midnight_at_the_end_of_a_day_is_later_than_any_other_time() -> None:
    assert taken(ClockTime, "24:00") > taken(ClockTime, "23:59")


@pytest.mark.parametrize(
    "value", ["8:00", "08:00:00", "24:01", "25:00", "08:60", "08.00", "", "0٨:00", 8, None, "08:00\n"]
)
def test_a_clock_time_of_another_form(value: Any) -> None:
    assert "HH:MM" in refused(ClockTime, value)


# ---------------------------------------------------------------- ids, codes, phones


def test_a_uuid_is_kept_in_lower_case() -> None:
    assert taken(Uuid, "5F0C1D2E-7A1B-4C3D-8E9F-0A1B2C3D4E5F") == "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5f0c1d2e7a1b4c3d8e9f0a1b2c3d4e5f",
        "{5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f}",
        "urn:uuid:5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f",
        "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5g",
        "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f\n",
    ],
)
def test_a_uuid_of_another_form(text: str) -> None:
    assert "must be a UUID" in refused(Uuid, text)


@pytest.mark.parametrize("text", ["a", "samal-3", "3", "-", "a" * 40])
def test_a_clinic_id(text: str) -> None:
    assert taken(ClinicId, text) == text


@pytest.mark.parametrize("text", ["", "Samal", "samal_3", "samal 3", "самал", "a" * 41, "samal-3\n", " samal-3"])
def test_what_is_no_clinic_id(text: str) -> None:
    assert refused(ClinicId, text)


@pytest.mark.parametrize(
    ("text", "good"), [("other", True), ("fever_above_38", True), ("Fever", False), ("38", False), ("a b", False)]
)
def test_a_code(text: str, good: bool) -> None:
    assert taken(Code, text) == text if good else refused(Code, text)


@pytest.mark.parametrize("text", ["+7 700 000 01 23", "8 (727) 000-03-03", "1414", "8-800-080-7777", " 1414 "])
def test_a_phone_stays_text(text: str) -> None:
    assert taken(Phone, text) == text.strip()


@pytest.mark.parametrize("text", ["-", "12", "ұялы 700", "+7 700 000 01 23 ext. 5", "8.700.000.01.23", "1" * 300])
def test_whatever_was_written_for_a_phone_is_kept(text: str) -> None:
    assert taken(Phone, text) == text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (87000000123, "87000000123"),
        (["+7 700 000 01 23", 87000000124], "+7 700 000 01 23, 87000000124"),
        ("+7\u00a0700\u00a0000 01\n23", "+7 700 000 01 23"),
        ("8 700 000 01 23 " + "х" * 400, "8 700 000 01 23 " + "х" * 284),
        (87000000123.0, "87000000123"),
        (["8 700 000 01 23", None, "  "], "8 700 000 01 23"),
    ],
)
def test_other_forms_of_a_phone_become_text(sent: Any, kept: str) -> None:
    assert taken(Phone, sent) == kept


@pytest.mark.parametrize("sent", [None, "", " \u00a0", [], [None, ""]])
def test_no_phone_is_absent_where_it_may_be(sent: Any) -> None:
    assert taken(OptionalPhone, sent) is None
    assert refused(Phone, sent)


@pytest.mark.parametrize("sent", [True, {"number": "1"}, 1.5, [{"number": "1"}], {}])
def test_what_is_no_phone(sent: Any) -> None:
    assert refused(Phone, sent)
    assert refused(OptionalPhone, sent)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("850715100000", "************"),
        ("850715 100000", "************"),
        ("8507 1510 0000", "************"),
        ("85-07-15-1-0000-0", "************"),
        ("ИИН: 850715 100000, тел. 8 700 000 01 23", "ИИН: ************, тел. 8 700 000 01 23"),
        # Not one with another check digit, nor an organisation's BIN.
        ("123456789012", "123456789012"),
        ("990140000007", "990140000007"),
        ("+998900000123", "+998900000123"),
        # Spaced, only what can be one: the date and the check digit.
        ("850715 100001", "850715 100001"),
        ("2026-11-23 0915", "2026-11-23 0915"),
        ("1234567890123", "1234567890123"),
        ("үй 5, пәтер 7", "үй 5, пәтер 7"),
    ],
)
def test_what_is_hidden_in_free_text(text: str, shown: str) -> None:
    assert without_iins(text) == shown
