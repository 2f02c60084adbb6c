"""A place that the scheduler could not believe: the register's line shows it beside what intake flagged."""

from homecall.contract.events import VisitScheduled
from tests.unit.notifier.calls import Told, accepted, rescheduled, scheduled

FLAG = "location_implausible"


def flagged(visit: VisitScheduled) -> VisitScheduled:
    return visit.model_copy(update={"flags": [FLAG]})


def test_the_flag_joins_those_of_the_request_once() -> None:
    told = Told()
    told.hear(accepted())
    told.hear(flagged(scheduled()))
    told.hear(flagged(rescheduled()))
    assert [each.flags for each in told.entries] == [["iin_mismatch"]] + 2 * [["iin_mismatch", FLAG]]
    assert told.statuses[-1].status == "rescheduled"


def test_one_that_intake_has_said_is_not_said_twice() -> None:
    told = Told()
    told.hear(accepted(flags=[FLAG]))
    told.hear(flagged(scheduled()))
    assert [each.flags for each in told.entries] == 2 * [[FLAG]]
