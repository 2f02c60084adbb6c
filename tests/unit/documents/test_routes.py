"""The doctors' lists: every visit once, in the order of the plan, in four formats; the plan drawn to scale."""

from __future__ import annotations

import csv
import io
import json
import re
from math import dist
from typing import Any

import pytest
from pypdf import PdfReader

from homecall.documents.routes.plan import RADIUS, drawn
from homecall.documents.routes.routes import DayRoutes, not_drawn
from homecall.operations.routes import written
from tests.unit.documents.route_cases import FORMATS, KAZAKH, a_day, at, booking, request


def told(day: DayRoutes, form: str, language: str = "kk") -> str:
    document = written(day, form, language)  # type: ignore[arg-type]  # the formats of this file
    if form == "pdf":
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)
    return document.decode("utf-8-sig")


def test_each_visit_stands_once_in_its_doctors_list_in_the_order_of_the_plan() -> None:
    day = a_day()
    orders = {route.doctor_id: [stop.who.request_id for stop in route.stops] for route in day.routes}
    assert orders == {"a": ["r1", "r2", "r3"], "b": ["r4"], "idle": []}
    assert [stop.order for route in day.routes for stop in route.stops] == [1, 2, 3, 1]


def test_who_is_booked_and_no_more_in_the_roster_has_a_list() -> None:
    day = a_day(doctors=[])
    assert {route.doctor_id for route in day.routes} == {"a", "b"}


def test_a_booking_of_before_there_were_routes_is_in_its_place() -> None:
    slot = {"arrives_from": at("09:00"), "arrives_to": at("09:30"), "planned_at": None, "ends_at": None}
    old = booking("a", "09:00", **slot)
    day = a_day(bookings={"r1": booking("a", "10:00"), "r2": old})
    assert [stop.who.request_id for stop in day.routes[0].stops] == ["r2", "r1"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_list_says_where_when_and_why(form: str, language: str) -> None:
    text = "".join(told(a_day(), form, language).split())
    for part in (f"Науқас1{KAZAKH}", "+77000000001", "Абайдаңғылы,1", "14K", "09:05", "08:35", "10:35"):
        assert part in text, part
    assert "fever_above_38" not in text
    assert "Якубова" in text or form == "csv"  # a row of the CSV is a visit


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_it_says_who_is_urgent_away_done_or_waiting(form: str) -> None:
    text = " ".join(told(a_day(), form, "ru").split())
    for part in (
        "СРОЧНО",
        "не работает с 13:00",
        "осмотрен",
        "Вызовы без места",
        "Науқас 5",
        "Смена 08:00–16:00; Перерыв 12:00–12:30",
    ):
        assert part in text, part


@pytest.mark.parametrize("form", ["pdf", "html", "csv", "geojson"])
def test_the_same_day_is_the_same_bytes(form: Any) -> None:
    assert written(a_day(), form, "kk") == written(a_day(), form, "kk")


def test_each_doctor_begins_a_page_and_pages_are_numbered() -> None:
    many = {f"r{number}": booking("a", f"{9 + number // 60:02d}:{number % 60:02d}") for number in range(1, 61)}
    requests = {name: request(place) for place, name in enumerate(many, start=1)}
    pages = PdfReader(io.BytesIO(written(a_day(bookings=many, requests=requests, waiting=()), "pdf", "kk"))).pages
    texts = [page.extract_text() for page in pages]
    assert f"{len(pages)} / {len(pages)}" in texts[-1]
    for name in ("Әлімханова", "Бейсенов", "Якубова"):
        assert any(name in text for text in texts)
        assert all(text.count(name) <= 1 for text in texts)
    # Each page says whose list it is, and of which clinic.
    assert all("№ 1 «Самал» емханасы" in text and re.search("Әлімханова|Бейсенов|Якубова", text) for text in texts)
    # The head of the table is on each page of a long list.
    assert sum("Мекенжайы" in text for text in texts) == sum("Абай" in text for text in texts) > 1


def test_what_came_from_outside_is_text_and_nothing_else() -> None:
    nasty = request(1, patient={"full_name": "<script>x</script>", "phone": "+7"}, note="<b>&amp;")
    page = told(a_day(requests={"r1": nasty}), "html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert written(a_day(requests={"r1": nasty}), "pdf", "kk").startswith(b"%PDF")


def test_a_spreadsheet_runs_nothing() -> None:
    rows = list(csv.reader(io.StringIO(told(a_day(requests={"r1": request(1, note="=1+1")}), "csv")), delimiter=";"))
    assert len(rows) == 5
    assert all(cell[:1] not in {"=", "+", "-", "@"} for row in rows for cell in row)


def test_the_map_names_no_patient() -> None:
    text = told(a_day(), "geojson")
    found = json.loads(text)
    kinds = [feature["properties"]["kind"] for feature in found["features"]]
    assert kinds == ["route", "start", "visit", "visit", "start", "start"]
    assert found["features"][0]["geometry"]["coordinates"] == [[76.90, 43.24], [76.92, 43.25], [76.95, 43.26]]
    assert "Науқас" not in text
    assert "+7" not in text
    assert "Абай" not in text


def test_the_plan_is_to_scale_and_north_is_up() -> None:
    plan = drawn(a_day().routes[0], 500, 300)
    assert plan is not None
    assert [label for label, *_ in plan.points] == ["", "1", "3"]
    ys = [y for *_, y in plan.points]
    assert ys == sorted(ys)
    assert all(0 <= x <= 500 and 0 <= y <= 300 for _, x, y in plan.points)
    # From the start to the first visit: 0.01 degrees of latitude and 0.02 of longitude, at 43 degrees north.
    (_, *start), (_, *first), *_ = plan.points
    assert dist(start, first) / plan.bar * plan.km == pytest.approx(1.97, abs=0.03)


def test_where_nothing_can_be_drawn_it_is_said() -> None:
    day = a_day()
    assert "2" in not_drawn(day.routes[0], "ru")
    assert drawn(day.routes[2], 500, 300) is None
    assert drawn(day.routes[1], 500, 300) is None


WHOLE = {"html": "\u00a0", "pdf": " "}
"""A no-break space: as it stands in HTML, and as it is read from a PDF."""


def many_at_one_place(count: int, spread: float) -> DayRoutes:
    bookings = {
        f"r{n}": booking(
            "a", f"{9 + n // 30:02}:{n % 30 * 2:02}", lat=43.25 + n % 7 * spread, lon=76.92 + n % 5 * spread
        )
        for n in range(1, count + 1)
    }
    return a_day(bookings=bookings, requests={name: request(n) for n, name in enumerate(bookings, 1)}, waiting=())


@pytest.mark.parametrize("count", [2, 3, 10, 40])
@pytest.mark.parametrize("spread", [0.0, 0.0001, 0.0004, 0.01])
@pytest.mark.parametrize("size", [(520.0, 270.0), (560.0, 300.0)])
def test_no_number_of_the_plan_covers_another(count: int, spread: float, size: tuple[float, float]) -> None:
    plan = drawn(many_at_one_place(count, spread).routes[0], *size)
    assert plan is not None
    spots = [(x, y) for _, x, y in plan.markers]
    assert len(spots) == count + 1
    assert min(dist(one, other) for place, one in enumerate(spots) for other in spots[:place]) >= 2 * RADIUS
    assert all(RADIUS <= x <= size[0] - RADIUS and RADIUS <= y <= size[1] - RADIUS for x, y in spots[1:])
    # Where a number stands beside its place, a line leads to it.
    moved = [point for point, marker in zip(plan.points, plan.markers, strict=True) if point != marker]
    assert [place for place, _ in plan.moved()] == [(x, y) for _, x, y in moved]


def test_numbers_that_have_room_stand_at_their_place() -> None:
    plan = drawn(a_day().routes[0], 500, 300)
    assert plan is not None
    assert plan.markers[:2] == plan.points[:2]


@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize(("language", "degrees"), [("kk", "38,7"), ("ru", "38,7"), ("en", "38.7")])
def test_a_temperature_is_written_as_the_language_has_it_and_stays_whole(
    form: str, language: str, degrees: str
) -> None:
    assert f"{degrees}{WHOLE[form]}°C" in told(a_day(), form, language)


@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize(("language", "unit"), [("kk", "км"), ("ru", "км"), ("en", "km")])
def test_the_scale_is_in_the_language(form: str, language: str, unit: str) -> None:
    near = a_day(bookings={"r1": booking("a", "09:00", lat=43.241, lon=76.901)})
    for day in (a_day(), near):
        found = re.findall(rf"(\d+(?:[.,]\d)?){WHOLE[form]}(км|km)", told(day, form, language))
        assert found
        assert {each for _, each in found} == {unit}
        assert all("." not in number if unit == "км" else "," not in number for number, _ in found)


def test_the_north_arrow_ends_within_the_plan() -> None:
    found = re.search(r'<text class="north" x="([\d.]+)" y="([\d.]+)">С ↑', told(a_day(), "html", "ru"))
    assert found is not None
    assert float(found[1]) <= 560
    assert "text.north { text-anchor: end;" in told(a_day(), "html", "ru")


def test_a_phone_is_not_divided() -> None:
    asked = request(1, patient={"full_name": "Науқас", "phone": "+7 700 000-00-01"})
    day = a_day(requests={"r1": asked})
    assert '<span class="whole">+7\u00a0700\u00a0000-00-01</span>' in told(day, "html", "ru")
    assert "+7 700 000-00-01" in told(day, "pdf", "ru"), "on one line"
