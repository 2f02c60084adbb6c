"""The doctors' lists, printed by the command from what real services have stored."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

from pypdf import PdfReader

from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster
from tests.infrastructure.forked import homecall
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld


def routes(world: World, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return homecall("routes", *arguments, env=world.env)


def test_a_doctors_list_of_a_day_in_every_format(new_world: NewWorld, tmp_path: Path) -> None:
    with new_world(at=MONDAY) as world:
        start = {"lat": 43.24, "lon": 76.90}
        world.publish("clinic.published", a_clinic("samal-1"))
        world.publish("roster.published", a_roster("samal-1", MONDAY.date(), [a_doctor("one", start=start)]))
        world.start("intake", "scheduler")
        spots = {1: (43.25, 76.91), 2: (43.26, 76.93)}
        for number, (lat, lon) in spots.items():
            address = {"text": f"Абай, {number}", "district_id": "d1", "lat": lat, "lon": lon, "flat": "7"}
            world.publish("request.submitted", a_request("samal-1", number, MONDAY, address=address))
        world.wait(lambda: len(world.heard("visit.scheduled")) >= 2, "both visits to be placed")
        day = MONDAY.date().isoformat()

        found = json.loads(routes(world, "samal-1", day, "--format", "geojson").stdout)
        visits = [each for each in found["features"] if each["properties"]["kind"] == "visit"]
        assert {tuple(each["geometry"]["coordinates"]) for each in visits} == {
            (lon, lat) for lat, lon in spots.values()
        }
        promised = {each.data["request_id"]: each.data["arrives_from"] for each in world.heard("visit.scheduled")}
        assert {each["properties"]["request_id"]: each["properties"]["arrives_from"] for each in visits} == promised

        numbers = {each.data["request_id"]: each.data["register_number"] for each in world.heard("request.accepted")}
        assert sorted(numbers.values()) == [1, 2]

        for form in ("pdf", "html", "csv"):
            file = tmp_path / f"list.{form}"
            done = routes(world, "samal-1", day, "--format", form, "--language", "ru", "-o", str(file))
            assert done.returncode == 0, done.stderr
            text = (
                file.read_text("utf-8-sig")
                if form != "pdf"
                else PdfReader(io.BytesIO(file.read_bytes())).pages[0].extract_text()
            )
            assert "Дәрігер one" in text
            assert "кв.\u00a07" in text or "кв. 7" in text
            assert form == "csv" or "Поликлиника samal-1" in text
            assert form == "csv" or all(f"№ {each} в журнале" in " ".join(text.split()) for each in numbers.values())

        nobody = routes(world, "samal-2", day)
        assert nobody.returncode == 1
        assert "neither a roster nor calls" in nobody.stderr.decode()
