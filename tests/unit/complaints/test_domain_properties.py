"""Whatever comes in whatever order: statuses without a gap, one final answer per stage, no number twice."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.complaints.domain.timers import timer_at
from tests.unit.complaints.casebook import MARAT, SAULE, YERZHAN, Casebook, at, command, incoming, submission

IDS = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123"]
START = at("Mon 2026-12-28 07:00")  # a new year, with its holidays, lies on the way

_names = st.sampled_from(["submitted", "broken", "assigned", "executed", "answered", "refused", "escalated", "tick"])
_steps = st.tuples(
    _names,
    st.sampled_from(IDS),
    st.sampled_from([0, 1, 5, 14, 30, 100, 250]),  # hours since the step before
    st.sampled_from([0, 0, 0, -3, 2, 60]),  # how far the event's own time is off, in hours
    st.sampled_from([YERZHAN, MARAT, SAULE]),
    st.booleans(),  # whether the numbers are given at once
    st.sampled_from(["samal-3", "samal-3", "samal-3", "ainabulaq-1"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_steps, min_size=5, max_size=30))
def test_any_order_of_events(steps: list[tuple[str, str, int, int, dict[str, str], bool, str]]) -> None:
    book, now, again = Casebook(), START, []
    for name, complaint_id, hours, off, who, number, clinic_id in steps:
        now += timedelta(hours=hours)
        when = now + timedelta(hours=off)
        if name == "tick":
            book.give_numbers()
            book.tick(now)
            continue
        more = {"complaint_id": complaint_id, "clinic_id": clinic_id}
        if name in {"submitted", "broken"}:
            event = incoming(
                "complaint.submitted", submission(when, **more) | ({"text": ""} if name == "broken" else {})
            )
        elif name == "assigned":
            event = command(name, when, executor=who, **more)
        else:
            event = command(name, when, **more)
        again.append(event)
        book.hear(event, number=number, now=now)
    book.give_numbers()
    book.tick(now + timedelta(days=60))

    for complaint_id, state in book.states.items():
        statuses = book.statuses(complaint_id)
        assert [each.sequence for each in statuses] == list(range(1, len(statuses) + 1)), "statuses have no gap"
        assert statuses[0].status in {"delivered", "refused"}
        said = Counter((each.stage, each.status) for each in statuses)
        for stage in {each.stage for each in statuses}:
            assert said[stage, "answered"] + said[stage, "refused"] <= 1, "one final word per stage"
            assert said[stage, "registered"] <= 1
            assert said[stage, "overdue"] <= 1
            numbers = {each.incoming_number for each in statuses if each.stage == stage} - {None}
            assert len(numbers) <= 1, "a stage keeps its number"
        deadlines = Counter((each.stage, each.TYPE) for each in book.deadlines() if each.subject_id == complaint_id)
        assert all(times == 1 for times in deadlines.values()), "each deadline is said once per stage"
        assert timer_at(state) is None, "every timer ends"
        first = {each.full_name for stage in state.stages[:1] for each in stage.executors}
        second = {each.full_name for stage in state.stages[1:] for each in stage.executors}
        assert not first & second

    stages = [(state, stage) for state in book.states.values() for stage in state.stages]
    given_out = [(state.clinic_id, stage.number) for state, stage in stages if stage.number]
    assert len(set(given_out)) == len(given_out), "no number twice"
    for page, numbers in book.pages.pages.items():
        clinic_id, year = page.split("|")
        expected = {(clinic_id, f"{year}-{number}") for number in range(1, len(numbers) + 1)}
        assert {each for each in given_out if each[0] == clinic_id and each[1].startswith(year)} == expected, "no gap"
    ended = sum(1 for _, stage in stages if stage.missed_said or stage.answer or stage.refusal)
    assert len(book.measured) == ended, "an outcome per stage that ended, counted once"
    assert len(set(book.siblings)) == len(book.siblings), "two events of one cause never share an id"

    # A second time, all of it is heard already or changes nothing that was said of another cause.
    before, said_before = dict(book.states), len(book.said)
    for event in again:
        if event.causation_id in book.heard:
            assert book.hear(event) == "nothing"
    assert (book.states, len(book.said)) == (before, said_before)
