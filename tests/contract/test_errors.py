"""What a sender is told: one line for each field, the rule and the way out, and nothing of what was sent."""

import copy
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from homecall.contract.errors import _ANY_OTHER, field_errors, one_line
from homecall.contract.events import MODELS, ClinicPublished, FieldError
from tests.contract.goldens import INBOUND, Example, compact, examples

CANARY = "қанарейка 870"
CANARIES: tuple[Any, ...] = (
    CANARY,
    870870870870870,
    -870.87087,
    True,
    None,
    "",
    [CANARY] * 60,
    {CANARY: {CANARY: CANARY}},
)
TRACES = (CANARY, "870", "қанар")


def errors_of(model: type[BaseModel], data: Any) -> list[FieldError]:
    """What its sender is told of the data; nothing where the model takes it."""
    try:
        model.model_validate_json(compact(data))
    except ValidationError as error:
        return field_errors(error)
    return []


def told(model: type[BaseModel], data: Any) -> list[tuple[str, str]]:
    return [(error.path, error.message) for error in errors_of(model, data)]


def places(data: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to everything in the data, the whole first."""
    yield at
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from places(data[key], (*at, key))


def replaced(data: Any, at: tuple[str | int, ...], value: Any) -> Any:
    if not at:
        return value
    data = copy.deepcopy(data)
    parent = data
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return data


@pytest.mark.parametrize("example", examples("valid", INBOUND), ids=str)
def test_no_error_repeats_what_was_sent_whatever_stands_wherever(example: Example) -> None:
    model, wrong = MODELS[example.type], 0
    for at in places(example.data):
        for canary in CANARIES:
            found = errors_of(model, replaced(example.data, at, canary))
            wrong += bool(found)
            for error in found:
                assert not any(trace in error.path + error.message for trace in TRACES), error
                assert error.message != _ANY_OTHER, at
                assert "\n" not in error.message
    assert wrong > len(example.data)


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (str, 1, "must be a text: put it in quotes"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty"),
        (Annotated[str, Field(min_length=3)], "a", "must have at least 3 characters"),
        (Annotated[str, Field(max_length=3)], "abcd", "must have at most 3 characters: shorten it"),
        (int, 1.5, "must be a whole number"),
        (int, "one", "must be a whole number"),
        (float, "38,5", "must be a number, with a point before decimals"),
        (Annotated[float, Field(le=90)], 90.5, "must be at most 90"),
        (Annotated[float, Field(ge=-0.5)], -1, "must be at least -0.5"),
        (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "must be a finite number"),
        (bool, "иә", "must be true or false"),
        (list[int], "1", "must be a list: put it in square brackets"),
        (Annotated[list[int], Field(min_length=1)], [], "must not be empty"),
        (Annotated[list[int], Field(min_length=2)], [1], "must have at least 2 entries"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "must have at most 1 entries"),
        (dict[str, int], 1, "must be an object: put its fields in braces"),
        (FieldError, 1, "must be an object: put its fields in braces"),
    ],
)
def test_pydantics_rules_are_said_in_our_words(rule: Any, value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(rule).validate_python(value)
    assert [found.message for found in field_errors(caught.value)] == [message]


def test_a_rule_of_pydantics_that_has_no_words_here_gives_the_general_line() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(complex).validate_python(CANARY)
    assert [found.message for found in field_errors(caught.value)] == [_ANY_OTHER]


def test_an_exception_raised_by_a_validator_is_never_repeated() -> None:
    def leaks(_: Any) -> Any:
        raise ValueError(CANARY)

    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[str, BeforeValidator(leaks)]).validate_python(CANARY)
    assert [found.message for found in field_errors(caught.value)] == [_ANY_OTHER]


def test_the_whole_is_called_data() -> None:
    assert told(ClinicPublished, []) == [("data", "must be an object: put its fields in braces")]


def test_paths_are_dotted_and_use_the_names_of_the_wire() -> None:
    clinic = next(iter(examples("valid", ("roster.published",)))).data
    assert told(MODELS["roster.published"], replaced(clinic, ("doctors", 1, "shift"), {"frm": "08:00"})) == [
        ("doctors.1.shift.to", "is required: add it")
    ]
    assert told(MODELS["roster.published"], replaced(clinic, ("doctors", 1, "shift"), {"to": "08:00"})) == [
        ("doctors.1.shift.from", "is required: add it")
    ]


def test_a_key_that_was_sent_stands_in_no_path() -> None:
    clinic = examples("valid", ("clinic.published",))[0].data
    assert told(ClinicPublished, replaced(clinic, ("hours",), {CANARY: [["08:00", "8"]]})) == [
        ("hours", "must have no keys but mon, tue, wed, thu, fri, sat, sun; leave out a day that is closed")
    ]


def test_at_most_twenty_are_told() -> None:
    roster = examples("valid", ("roster.published",))[0].data
    assert len(told(MODELS["roster.published"], {**roster, "doctors": [{}] * 400})) == 20


def test_an_error_of_ours_at_another_field_is_told_of_that_field() -> None:
    def asks(_: Any) -> Any:
        raise PydanticCustomError("at:shift.to", "is required here: add it")

    class Asking(BaseModel):
        doctor: Annotated[str, AfterValidator(asks)]

    assert told(Asking, {"doctor": "x"}) == [("doctor.shift.to", "is required here: add it")]


def test_one_line_holds_them_all() -> None:
    line = one_line([FieldError(path="a.0", message="is wrong"), FieldError(path="b", message="is required: add it")])
    assert line == "a.0 is wrong; b is required: add it"
