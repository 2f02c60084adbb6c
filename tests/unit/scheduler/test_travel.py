"""How long the way takes: what a router said, the clinic's table, the straight line, the roster's flat minutes."""

import pytest

from homecall.standard.places import straight_km
from services.scheduler.domain.travel import Location, Travel

HOME = Location("home", 43.25, 76.90, "d1")
NORTH = Location("north", 43.34, 76.90, "d2")
UNKNOWN = Location("unknown", None, None, "d1")
NOWHERE = Location("nowhere")


@pytest.mark.parametrize(
    ("travel", "one", "other", "minutes"),
    [
        # 0.09 degrees are 10.0 km; by road 13.0; at 20 km/h 39 minutes.
        (Travel(), HOME, NORTH, 39.03),
        (Travel(road_factor=1.0, speed_kmh=60), HOME, NORTH, 10.02),
        (Travel(flat_seconds=900), HOME, UNKNOWN, 15),
        (Travel(flat_seconds=900), NOWHERE, NOWHERE, 15),
        (Travel(table={("d1", "d2"): 720}), HOME, NORTH, 12),
        (Travel(table={("d2", "d1"): 720}), HOME, NORTH, 12),
        (Travel(table={("d2", "d1"): 720, ("d1", "d2"): 600}), HOME, NORTH, 10),
        (Travel(table={("d1", "d3"): 720}), HOME, NORTH, 39.03),
        (Travel(routed={("home", "north"): 1500}, table={("d1", "d2"): 720}), HOME, NORTH, 25),
        (Travel(routed={("north", "home"): 1500}), HOME, NORTH, 39.03),
    ],
    ids=[
        "straight",
        "faster",
        "one unknown",
        "both unknown",
        "table",
        "back",
        "both ways",
        "no line",
        "router",
        "there",
    ],
)
def test_the_way(travel: Travel, one: Location, other: Location, minutes: float) -> None:
    assert travel.seconds(one, other) == pytest.approx(minutes * 60, abs=2)


def test_a_degree_of_longitude_is_shorter_in_the_north() -> None:
    assert straight_km(43, 76, 43, 77) == pytest.approx(81.3, abs=0.1)
    assert straight_km(0, 76, 0, 77) == pytest.approx(111.2, abs=0.1)
