"""Every state of a complaint against every event: what happens, or which error with its way out, changing nothing."""

from collections.abc import Callable

import pytest

from homecall.contract.envelope import Incoming
from homecall.contract.topics import COMPLAINTS_IN
from services.complaints.domain.state import Sealed
from tests.unit.complaints.casebook import MARAT, SAULE, YERZHAN, Casebook, command, incoming, submission

# A complaint of Tuesday morning is due on Monday 30 November; one of Monday night is registered on Tuesday at 08:00.
MORNING, NIGHT = "Tue 2026-11-24 09:40", "Mon 2026-11-23 20:30"


def _submitted(when: str, **more: object) -> Incoming:
    return incoming("complaint.submitted", submission(when, **more))


def _story(*events: Incoming, tick: str = "") -> Casebook:
    book = Casebook()
    for event in events:
        said = book.hear(event)
        assert said.replace(" ", "").isalpha(), said
    if tick:
        book.tick(tick)
    return book


def _first(*more: Incoming, tick: str = "", addressed_to: str = "clinic") -> Casebook:
    return _story(_submitted(MORNING, addressed_to=addressed_to), *more, tick=tick)


def _second(*more: Incoming, when: str = "Wed 2026-11-25 10:00") -> Casebook:
    return _first(command("assigned", "Tue 2026-11-24 10:00", executor=YERZHAN), command("escalated", when), *more)


def _held() -> Casebook:
    """A complaint from the portal while signatures cannot be checked: neither registered nor refused."""
    book = Casebook()
    signed = _submitted(MORNING, channel="portal", received_by=None, signature={"format": "cms", "value": "AAAA"})
    assert book.hear(signed, unchecked=Sealed(cause=signed.causation_id, record={})) == "delivered"
    assert book.state.status == "held"
    return book


def _tick(book: Casebook, moment: str) -> Casebook:
    book.tick(moment)
    return book


def _late(name: str) -> Casebook:
    book = _first(command("assigned", "Tue 2026-11-24 10:00"), tick="Mon 2026-11-30 20:00")
    assert book.hear(command(name, "Tue 2026-12-01 11:00")) == name
    return book


def _second_late(name: str) -> Casebook:
    book = _tick(_second(command("assigned", "Wed 2026-11-25 11:00", executor=SAULE)), OVER)
    assert book.hear(command(name, "Mon 2026-12-21 10:00")) == name
    return book


OVER = "Sat 2026-12-19 12:00"
"""Past the second stage's term of 15 working days, and none of the days that follow is a holiday."""
STATES: dict[str, Callable[[], Casebook]] = {
    "unknown": Casebook,
    "delivered": lambda: _story(_submitted(NIGHT)),
    "registered": _first,
    "to the ministry": lambda: _first(addressed_to="ministry"),
    "assigned": lambda: _first(command("assigned", "Tue 2026-11-24 10:00")),
    "executed": lambda: _first(
        command("assigned", "Tue 2026-11-24 10:00"), command("executed", "Tue 2026-11-24 11:00")
    ),
    "overdue": lambda: _first(tick="Mon 2026-11-30 20:00"),
    "overdue, assigned": lambda: _first(command("assigned", "Tue 2026-11-24 10:00"), tick="Mon 2026-11-30 20:00"),
    "overdue, executed": lambda: _first(
        command("assigned", "Tue 2026-11-24 10:00"),
        command("executed", "Tue 2026-11-24 11:00"),
        tick="Mon 2026-11-30 20:00",
    ),
    "answered late": lambda: _late("answered"),
    "refused late": lambda: _late("refused"),
    "answered": lambda: _first(
        command("assigned", "Tue 2026-11-24 10:00"), command("answered", "Tue 2026-11-24 11:00")
    ),
    "refused": lambda: _first(command("refused", "Tue 2026-11-24 10:00")),
    "held": lambda: _held(),
    "invalid": lambda: _story(_submitted(MORNING, text="")),
    "escalated at night": lambda: _second(when="Wed 2026-11-25 21:00"),
    "escalated": _second,
    "second assigned": lambda: _second(command("assigned", "Wed 2026-11-25 11:00", executor=SAULE)),
    "second executed": lambda: _second(
        command("assigned", "Wed 2026-11-25 11:00", executor=SAULE), command("executed", "Wed 2026-11-25 12:00")
    ),
    "second answered": lambda: _second(
        command("assigned", "Wed 2026-11-25 11:00", executor=SAULE), command("answered", "Wed 2026-11-25 12:00")
    ),
    "second refused": lambda: _second(command("refused", "Wed 2026-11-25 11:00")),
    "second overdue": lambda: _tick(_second(), OVER),
    "second overdue, assigned": lambda: _tick(
        _second(command("assigned", "Wed 2026-11-25 11:00", executor=SAULE)), OVER
    ),
    "second overdue, executed": lambda: _tick(
        _second(
            command("assigned", "Wed 2026-11-25 11:00", executor=SAULE), command("executed", "Wed 2026-11-25 12:00")
        ),
        OVER,
    ),
    "second answered late": lambda: _second_late("answered"),
    "second refused late": lambda: _second_late("refused"),
    "straight to the authority": lambda: _first(addressed_to="quality_authority"),
}

# When the event of the table says that it happened; before the opening where the state waits for one.
WHEN = {
    "unknown": MORNING,
    "delivered": "Mon 2026-11-23 21:00",
    "overdue": "Tue 2026-12-01 12:00",
    "overdue, assigned": "Tue 2026-12-01 12:00",
    "overdue, executed": "Tue 2026-12-01 12:00",
    "answered late": "Tue 2026-12-01 12:00",
    "refused late": "Tue 2026-12-01 12:00",
    "second overdue": "Mon 2026-12-21 12:00",
    "second overdue, assigned": "Mon 2026-12-21 12:00",
    "second overdue, executed": "Mon 2026-12-21 12:00",
    "second answered late": "Mon 2026-12-21 12:00",
    "second refused late": "Mon 2026-12-21 12:00",
    "escalated at night": "Wed 2026-11-25 21:30",
}

EVENTS: dict[str, Callable[[str], Incoming]] = {
    "again": lambda when: _submitted(when),
    "elsewhere": lambda when: command("assigned", when, clinic_id="ainabulaq-1"),
    "assigned": lambda when: command("assigned", when, executor=MARAT),
    "executed": lambda when: command("executed", when, measures="Установлен второй телефон."),
    "answered": lambda when: command("answered", when),
    "refused": lambda when: command("refused", when),
    "escalated": lambda when: command("escalated", when),
}

ERRORS = {
    "other clinic": "another clinic's: send that clinic's id, or a complaint of your own under a new complaint_id",
    "unregistered": "is not registered yet, that is at ",
    "no executor": "has no executor yet: send complaint.assigned first (C10.3)",
    "final": "which is final: it goes on only with complaint.escalated (C10.8), or in court (C11)",
    "final, court": "which is final: the next step is the court (C11)",
    "court": "is with the quality authority already: the next step is the court (C11)",
    "stays refused": "was refused as invalid_complaint and stays so: send the corrected one under a new complaint_id",
}

TABLE = """
state                     | again                | elsewhere    | assigned      | executed      | answered      | refused       | escalated
unknown                   | delivered registered | parked       | parked        | parked        | parked        | parked        | parked
delivered                 | nothing              | other clinic | unregistered  | unregistered  | unregistered  | unregistered  | unregistered
registered                | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | escalated registered
to the ministry           | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | escalated registered
assigned                  | nothing              | other clinic | assigned      | executed      | answered      | refused       | escalated registered
executed                  | nothing              | other clinic | assigned      | executed      | answered      | refused       | escalated registered
overdue                   | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | escalated registered
overdue, assigned         | nothing              | other clinic | assigned      | executed      | answered      | refused       | escalated registered
overdue, executed         | nothing              | other clinic | assigned      | executed      | answered      | refused       | escalated registered
answered late             | nothing              | other clinic | final         | final         | final         | final         | escalated registered
refused late              | nothing              | other clinic | final         | final         | final         | final         | escalated registered
answered                  | nothing              | other clinic | final         | final         | final         | final         | escalated registered
refused                   | nothing              | other clinic | final         | final         | final         | final         | escalated registered
held                      | nothing              | other clinic | parked        | parked        | parked        | parked        | parked
invalid                   | stays refused        | other clinic | stays refused | stays refused | stays refused | stays refused | stays refused
escalated at night        | nothing              | other clinic | unregistered  | unregistered  | unregistered  | unregistered  | unregistered
escalated                 | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | court
second assigned           | nothing              | other clinic | assigned      | executed      | answered      | refused       | court
second executed           | nothing              | other clinic | assigned      | executed      | answered      | refused       | court
second answered           | nothing              | other clinic | final, court  | final, court  | final, court  | final, court  | court
second refused            | nothing              | other clinic | final, court  | final, court  | final, court  | final, court  | court
second overdue            | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | court
second overdue, assigned  | nothing              | other clinic | assigned      | executed      | answered      | refused       | court
second overdue, executed  | nothing              | other clinic | assigned      | executed      | answered      | refused       | court
second answered late      | nothing              | other clinic | final, court  | final, court  | final, court  | final, court  | court
second refused late       | nothing              | other clinic | final, court  | final, court  | final, court  | final, court  | court
straight to the authority | nothing              | other clinic | assigned      | no executor   | no executor   | refused       | court
"""  # noqa: E501 - a table is read across


def _cells() -> list[tuple[str, str, str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    head, *body = rows
    assert [row[0] for row in body] == list(STATES)
    assert head[1:] == list(EVENTS)
    return [(row[0], event, cell) for row in body for event, cell in zip(head[1:], row[1:], strict=True)]


@pytest.mark.parametrize(("state", "event", "expected"), _cells())
def test_every_state_and_every_event(state: str, event: str, expected: str) -> None:
    book = STATES[state]()
    before, said = dict(book.states), len(book.said)
    came_of_it = book.hear(EVENTS[event](WHEN.get(state, "Thu 2026-11-26 12:00")))
    if expected in ERRORS:
        assert ERRORS[expected] in came_of_it
        assert "\n" not in came_of_it
    else:
        assert came_of_it == expected
    if expected in ERRORS or expected in {"nothing", "parked"}:
        assert (book.states, len(book.said)) == (before, said)


def _kind(book: Casebook) -> tuple[str, str, bool]:
    """Stage, status, and whether its time is over: all that a command looks at."""
    if not book.states:
        return "-", "unknown", False
    state = book.state
    if not state.stages:
        return "-", state.status, False
    return ("first" if len(state.stages) == 1 else "second"), state.status, state.stages[-1].missed_said


def test_the_table_is_the_full_product() -> None:
    kinds = {_kind(book()) for book in STATES.values()}
    registered = ("registered", "assigned", "executed", "answered", "refused")
    missing = {
        (stage, status, over) for stage in ("first", "second") for status in registered for over in (False, True)
    } - kinds
    assert not missing
    assert {("-", "unknown", False), ("-", "held", False), ("-", "invalid", False)} <= kinds
    # Until it is registered no term runs.
    assert {("first", "delivered", False), ("second", "escalated", False)} <= kinds
    commands = {each(MORNING).type for each in EVENTS.values()}
    assert commands == set(COMPLAINTS_IN.types)


def test_the_way_out_of_an_unregistered_complaint_is_its_opening() -> None:
    book = STATES["delivered"]()
    detail = book.hear(command("assigned", "Mon 2026-11-23 21:00"))
    assert detail.endswith("that is at 2026-11-24T08:00:00+05:00 (R9a): send complaint.assigned with an at after that")
    # Given at the opening itself it is in order, also when the opening's own timer has not come round.
    assert book.hear(command("assigned", "Tue 2026-11-24 08:00")) == "registered assigned"


def test_a_command_dated_before_the_registration_is_told_so() -> None:
    book = STATES["assigned"]()
    detail = book.hear(command("answered", "Tue 2026-11-24 09:39"))
    assert detail.startswith("at: lies before the registration at 2026-11-24T09:40:00+05:00: correct it")


@pytest.mark.parametrize("name", ["answered", "executed", "refused", "escalated"])
def test_what_has_no_words_gives_no_reasons(name: str) -> None:
    field = {"answered": "text", "executed": "measures"}.get(name, "grounds")
    book = STATES["assigned"]()
    assert book.hear(command(name, "Tue 2026-11-24 12:00", **{field: " - 12 / 3 ..."})) == (
        f"{field}: gives no reasons: state them in words"
    )
    assert command(name, "Tue 2026-11-24 12:00", **{field: "  "}).errors[0].message == "must not be empty"


def test_a_broken_complaint_again_is_no_news() -> None:
    book = STATES["invalid"]()
    assert book.hear(_submitted(MORNING, text="")) == "nothing"
    assert book.hear(_submitted(MORNING, text="", clinic_id="ainabulaq-1")).startswith("clinic_id: this complaint is")


def test_reassignment_keeps_its_history() -> None:
    book = STATES["registered"]()
    assert book.hear(command("assigned", "Tue 2026-11-24 10:00", executor=YERZHAN)) == "assigned"
    assert book.hear(command("assigned", "Tue 2026-11-24 10:05", executor=YERZHAN)) == "nothing"
    assert book.hear(command("assigned", "Wed 2026-11-25 10:00", executor=MARAT)) == "assigned"
    executors = book.state.stages[0].executors
    assert [(each.full_name, f"{each.at:%Y-%m-%dT%H:%M}", each.assigned_by.position) for each in executors] == [
        (YERZHAN["full_name"], "2026-11-24T10:00", "Бас дәрігер"),
        (MARAT["full_name"], "2026-11-25T10:00", "Бас дәрігер"),
    ]
    assert book.statuses()[-1].executor.full_name == MARAT["full_name"]


def test_measures_add_up_and_the_same_ones_again_are_no_news() -> None:
    book = STATES["executed"]()
    assert book.hear(command("executed", "Wed 2026-11-25 10:00")) == "nothing"
    assert book.hear(command("executed", "Wed 2026-11-25 10:00", measures="Установлен телефон.")) == "executed"
    assert len(book.state.stages[0].measures) == 2


@pytest.mark.parametrize("name", [YERZHAN["full_name"], "  нұрпейіс  ержан талғатұлы "])
def test_the_second_stage_has_another_executor(name: str) -> None:
    book = STATES["escalated"]()
    # Whoever had it in the first stage, also for a time only, and whatever the position is called now (C10.8).
    detail = book.hear(command("assigned", "Thu 2026-11-26 10:00", executor={"full_name": name, "position": "Маман"}))
    assert detail == "executor: has dealt with this complaint in its first stage: name somebody else (C10.8)"
    assert book.hear(command("assigned", "Thu 2026-11-26 10:00", executor=SAULE)) == "assigned"


@pytest.mark.parametrize("state", ["answered", "refused", "second answered", "second refused"])
def test_every_final_word_names_the_court(state: str) -> None:
    kinds = [step.kind for step in STATES[state]().statuses()[-1].next_steps]
    assert kinds == (
        ["court", "contact_centre"] if "second" in state else ["quality_authority", "court", "contact_centre"]
    )
