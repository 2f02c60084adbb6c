"""The golden examples: what is valid is taken and comes back the same, what is not gets exactly the errors named."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from pydantic import ValidationError

from homecall.contract.envelope import Unreadable, outgoing, read
from homecall.contract.errors import field_errors, one_line
from homecall.contract.events import MODELS
from homecall.contract.types import Event
from tests.contract.goldens import INBOUND, OUTBOUND, Example, compact, examples, record

VALID = examples("valid")
INVALID = examples("invalid")


def parsed(example: Example) -> Event:
    return MODELS[example.type].model_validate_json(compact(example.data))


def nodes(data: Any) -> Iterator[Any]:
    """Everything in it, itself first."""
    yield data
    for child in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from nodes(child)


def test_every_type_has_examples_and_there_are_no_others() -> None:
    files = {file.name for file in resources.files("homecall.contract").joinpath("examples").iterdir()}
    assert files == {f"{name}.json" for name in MODELS}
    assert {example.type for example in VALID} == set(MODELS)
    assert {example.type for example in INVALID} == set(INBOUND)


@pytest.mark.parametrize("event_type", ["request.submitted", "complaint.submitted"])
def test_every_channel_has_an_example(event_type: str) -> None:
    shown = {example.data["channel"] for example in examples("valid", (event_type,))}
    assert shown == set(MODELS[event_type].model_json_schema()["properties"]["channel"]["enum"])


def test_titles_tell_examples_apart() -> None:
    for cases in (VALID, INVALID):
        assert len({str(example) for example in cases}) == len(cases)


@pytest.mark.parametrize("example", VALID, ids=str)
def test_a_valid_example_is_taken_and_its_round_trip_is_stable(example: Example) -> None:
    event = parsed(example)
    once = event.to_json()
    again = MODELS[example.type].model_validate_json(once)
    assert again == event
    assert again.to_json() == once == event.to_json()


@pytest.mark.parametrize("example", VALID, ids=str)
def test_fields_go_out_under_the_names_of_the_wire(example: Example) -> None:
    def names(data: Any) -> set[str]:
        return {key for node in nodes(data) if isinstance(node, dict) for key in node}

    gone_out = names(json.loads(parsed(example).to_json()))
    assert names(example.data) <= gone_out
    assert "frm" not in gone_out


@pytest.mark.parametrize("example", VALID, ids=str)
def test_a_valid_example_is_read_from_its_record(example: Example) -> None:
    incoming = read(record(example.type, compact(example.data)))
    assert incoming.data == parsed(example)
    assert incoming.errors == ()
    assert (incoming.type, incoming.clinic_id) == (example.type, example.data["clinic_id"])
    assert incoming.subject == example.data[MODELS[example.type].SUBJECT]


@pytest.mark.parametrize("example", VALID, ids=str)
def test_unknown_fields_are_ignored_wherever_they_stand(example: Example) -> None:
    def with_more(data: Any, *, free: bool = False) -> Any:
        if isinstance(data, list):
            return [with_more(each, free=free) for each in data]
        if not isinstance(data, dict):
            return data
        # Two objects have keys that are data themselves: a clinic's weekdays, and what a ruling looked at.
        more = {} if free else {"x_of_a_later_version": [{"iin": "850715100000"}]}
        return {key: with_more(value, free=free or key in ("hours", "inputs")) for key, value in data.items()} | more

    assert MODELS[example.type].model_validate_json(compact(with_more(example.data))) == parsed(example)


@pytest.mark.parametrize("example", examples("valid", OUTBOUND), ids=str)
def test_what_we_send_comes_back_byte_for_byte(example: Example) -> None:
    event = parsed(example)
    assert event.to_json() == compact(example.data)
    sent = outgoing(event, service="intake", causation_id="c", time="2026-11-23T09:14:06+05:00")
    assert sent.value == compact(example.data)


@pytest.mark.parametrize("example", examples("valid", OUTBOUND), ids=str)
def test_what_we_send_has_no_nulls_and_only_local_times(example: Example) -> None:
    for node in nodes(example.data):
        assert node is not None
        if isinstance(node, str) and re.match(r"\d{4}-\d{2}-\d{2}T", node):
            assert node.endswith("+05:00")


@pytest.mark.parametrize(
    ("event_type", "subject"), [("status.changed", "request_id"), ("complaint.status-changed", "complaint_id")]
)
def test_the_story_of_each_subject_has_no_gap(event_type: str, subject: str) -> None:
    stories: dict[str, list[int]] = {}
    for example in examples("valid", (event_type,)):
        stories.setdefault(example.data[subject], []).append(example.data["sequence"])
    for sequences in stories.values():
        assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_an_invalid_example_gets_exactly_the_errors_named(example: Example) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(example)
    assert field_errors(caught.value) == list(example.errors)


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_an_invalid_example_is_answered_or_dead_lettered_with_these_errors(example: Example) -> None:
    """The ids decide: with both readable the service can answer, without them nobody can be answered."""
    broken_ids = {MODELS[example.type].SUBJECT, "clinic_id"} & {error.path for error in example.errors}
    if broken_ids:
        with pytest.raises(Unreadable) as caught:
            read(record(example.type, compact(example.data)))
        assert (caught.value.reason, caught.value.detail) == ("schema", one_line(example.errors))
        return
    incoming = read(record(example.type, compact(example.data)))
    assert incoming.data is None
    assert incoming.errors == example.errors
    assert incoming.readable == example.data
    assert incoming.subject == example.data[MODELS[example.type].SUBJECT]


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_no_message_repeats_a_value_that_was_sent(example: Example) -> None:
    """Words of the contract itself (codes, languages, field names) may stand in a message; a sender's may not."""
    schema = json.dumps(MODELS[example.type].model_json_schema(), ensure_ascii=False) + "as in fever_above_38"
    sent = {str(node) for node in nodes(example.data) if isinstance(node, str | int | float) and len(str(node)) > 2}
    told = one_line(example.errors)
    assert [value for value in sent if value in told and value not in schema] == []
