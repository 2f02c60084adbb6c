"""``homecall explain --request`` shows why a doctor and a time were chosen, and over whom."""

from homecall.contract.topics import SCHEDULER
from homecall.operations.life import Known, _row, life
from services.scheduler.store import SchedulerStore
from tests.unit.scheduler.office import Office, accepted, doctor, request_id, roster


async def test_the_choice_is_told_with_what_it_was_chosen_over() -> None:
    office = Office()
    shift = {"from": "09:00", "to": "20:00"}
    await office.hear(roster(doctor("a", shift=shift), doctor("b", shift=shift, districts=[])), accepted(number=1))
    calls = await SchedulerStore(office.memory).calls.load([request_id(1)])
    (step,) = life(Known({SCHEDULER: calls[request_id(1)]}))
    assert step["step"] == "visit.scheduled"
    assert (step["why"]["by"], step["why"]["basis"], step["why"]["extra_travel_minutes"]) == (
        "least travel",
        "district",
        10.0,
    )
    assert [(each["doctor_id"], each["basis"]) for each in step["why"]["over"]] == [("b", "least_loaded")]
    assert "why least travel; extra travel minutes 10.0; load 0.0; over b (+10.0 minutes)" in _row(step)[-1]
