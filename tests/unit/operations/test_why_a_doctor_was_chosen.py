"""``homecall explain --request`` shows why a doctor and a time were chosen, and over whom."""

from homecall.contract.topics import SCHEDULER
from homecall.operations.life import Known, _row, life
from services.scheduler.domain.forecast import Forecast, Hour
from services.scheduler.store import SchedulerStore
from tests.unit.scheduler.office import CLINIC, FRIDAY, Office, accepted, doctor, request_id, roster


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


async def test_a_window_chosen_by_sampled_days_says_so() -> None:
    office = Office()
    start = {"lat": 43.25, "lon": 76.9}
    await office.hear(roster(doctor("a", shift={"from": "09:00", "to": "20:00"}, start=start)))
    key = f"{CLINIC}|{FRIDAY}"
    day = (await office.store.load_days([key]))[key]
    day.take_forecast(Forecast(20, 9, [Hour(10, 105, 240)]))
    await office.store.save_days([day])
    for number, lat in ((1, 43.2505), (2, 43.4)):
        await office.hear(accepted(number=number, address={"text": "Тал көшесі, 27", "lat": lat, "lon": 76.9}))
    rows = []
    for number in (1, 2):
        calls = await SchedulerStore(office.memory).calls.load([request_id(number)])
        (step,) = life(Known({SCHEDULER: calls[request_id(number)]}))
        rows.append(_row(step)[-1])
    assert "chosen by sampled days: 20 days, at once; at once up to 4.0 minutes of extra travel" in rows[0]
    assert "chosen by sampled days: 20 days, opens 105 minutes after the answer" in rows[1]
