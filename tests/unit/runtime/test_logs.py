"""Personal data are taken out of a log line before it is written."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from homecall.runtime.logs import REDACTED, log, redact, set_up_logs

IIN = "850715100000"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the logs write, as set up by the product; the machine's own set-up comes back afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level, logging.getLogger("aiokafka").level
    stream = io.StringIO()
    set_up_logs("info", stream)
    yield stream
    root.handlers, root.level = before[0], before[1]
    logging.getLogger("aiokafka").setLevel(before[2])
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        IIN,
        f"ИИН {IIN}.",
        f"iin{IIN}",
        "+7 700 000 01 23",
        "+77000000123",
        "77000000123",
        "87000000123",
        "8 (700) 000-01-23",
        "+7-700-000-01-23",
        "call +7 (727) 200 00 00 now",
    ],
)
def test_iins_and_phones_in_any_text(text: str) -> None:
    for event in ({"event": text}, {"detail": [text]}, {"detail": {"inner": (text,)}}, {"error": ValueError(text)}):
        said = json.dumps(redact(None, "", event), ensure_ascii=False)
        assert REDACTED in said
        assert not any(digits in said.replace(" ", "").replace("-", "") for digits in (IIN, "7000000123", "2000000"))


@pytest.mark.parametrize(
    "kept",
    [
        "request 5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f",
        "offset 1234567890123",
        "at 2026-11-23T09:15:00.123456+05:00",
        "homecall.requests.v1",
        "127.0.0.1:27017",
        "1414",
    ],
)
def test_what_an_operator_needs_stays(kept: str) -> None:
    assert redact(None, "", {"event": kept})["event"] == kept


@pytest.mark.parametrize("name", ["full_name", "patient", "phone", "address", "note", "text", "signature", "value"])
def test_fields_that_hold_personal_data_go_by_their_name(name: str) -> None:
    event = {name: "Сынақ Серік", "detail": {name: {"x": "Сынақ Серік"}, "list": [{name: "Сынақ Серік"}]}}
    said = json.dumps(redact(None, "", event), ensure_ascii=False)
    assert "Серік" not in said
    assert said.count(REDACTED) == 3


@given(
    st.recursive(
        st.sampled_from([IIN, f"x {IIN}", IIN.encode(), ValueError(IIN), "+77000000123", 7, None, True]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
            | st.tuples(inner)
        ),
    )
)
def test_however_deep_it_stands(value: Any) -> None:
    said = json.dumps(redact(None, "", {"detail": value}))
    assert IIN not in said
    assert "7000000123" not in said


def test_a_line_is_json_with_its_service_level_and_time(written: io.StringIO) -> None:
    log("intake").info("started", topics=["a"], count=3)
    ((line),) = lines(written)
    assert (line["event"], line["service"], line["level"], line["topics"], line["count"]) == (
        "started",
        "intake",
        "info",
        ["a"],
        3,
    )
    assert line["timestamp"].endswith("Z")


def test_below_the_level_nothing_is_written(written: io.StringIO) -> None:
    log("intake").debug("not now")
    assert lines(written) == []


def test_a_traceback_is_redacted_too(written: io.StringIO) -> None:
    try:
        int(f"no such patient: {IIN}")
    except ValueError as error:
        log("intake").error("batch failed", exc_info=error)
    (line,) = lines(written)
    assert "ValueError" in line["exception"]
    assert IIN not in written.getvalue()


def test_an_errors_own_words_stay_out_of_its_traceback(written: io.StringIO) -> None:
    """They may quote what was sent, names and all; what was raised, and where, is enough."""
    name = "Сынақ Серік"
    try:
        try:
            assert {}[name]
        except KeyError as error:
            raise ValueError(f"no patient {name}") from error
    except ValueError as error:
        log("intake").error("batch failed", exc_info=error)
        logging.getLogger("some.library").exception("failed")
    ours, theirs = lines(written)
    for line in (ours, theirs):
        assert "KeyError\nled to\n" in line["exception"]
        assert line["exception"].endswith("ValueError")
        assert "test_logs.py" in line["exception"]
    assert name not in written.getvalue()


def test_the_libraries_own_lines_too(written: io.StringIO) -> None:
    logging.getLogger("some.library").warning("cannot send %s", IIN)
    logging.getLogger("some.library").info("a detail")
    (line,) = lines(written)
    assert (line["event"], line["logger"]) == (f"cannot send {REDACTED}", "some.library")
