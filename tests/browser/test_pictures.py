"""The pictures of the desk in the documentation. ``HOMECALL_TEST_PICTURES=1`` draws them afresh (issue 18)."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homecall.gateways.offers.port import Offer
from tests.browser.conftest import LiveDesk
from tests.browser.scene import CALLS, DOCTORS, NOW, TODAY, lose_a_doctor, open_the_clinic
from tests.unit.desk.reception import some_offers

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
PAGES = [ROOT / "docs" / name for name in ("desk.md", "desk.ru.md", "desk.kk.md")]
LARGEST = 150_000
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
SHOWN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "board": ("registrar", "/board", WIDE),
    "new-call": ("registrar", "/calls/new", WIDE),
    "answer": ("registrar", f"/calls/{CALLS[9]}", WIDE),
    "sick-doctor": ("dispatcher", f"/rosters/{TODAY}", WIDE),
    "phone": ("doctor", "/today", {"viewport": {"width": 390, "height": 780}}),
}


@pytest.mark.parametrize("name", SHOWN)
def test_12_a_picture_can_be_drawn(desk: LiveDesk, tab: Callable[..., Any], name: str) -> None:
    role, path, options = SHOWN[name]
    open_the_clinic(desk)
    if name == "sick-doctor":
        lose_a_doctor(desk)
    page = tab(role, path, **options)
    if name == "new-call":
        desk.offers.found = _windows()
        _type(page)
    page.evaluate("document.activeElement.blur()")
    assert page.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
    drawn = page.screenshot()
    if os.environ.get("HOMECALL_TEST_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"desk-{name}.png").write_bytes(_small(drawn))


def _type(page: Any) -> None:
    """A call half typed in."""
    page.fill("[name=iin]", "850715100000")
    page.locator("#earlier h2").wait_for()
    page.fill("[name=full_name]", "Оспанбеков Сәбит Маратұлы")
    page.fill("[name=phone]", "+7 700 000 01 23")
    page.fill("[name=address]", "улица Абая, 27")
    page.check("[name=reasons][value=fever_above_38]")
    page.locator("#offers input[type=radio] >> nth=3").wait_for()


def _windows() -> tuple[Offer, ...]:
    """Windows with the doctors of the scene."""
    names = {doctor_id: name for doctor_id, name, *_ in DOCTORS}
    return tuple(
        each.model_copy(update={"doctor": each.doctor.model_copy(update={"full_name": names[each.doctor.doctor_id]})})
        for each in some_offers(NOW)
    )


def _small(drawn: bytes) -> bytes:
    """The picture with 96 colours: a page needs no more, and the file is a third."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(drawn)).convert("RGB").quantize(96).save(out, "PNG", optimize=True)
    return out.getvalue()


def pictures(page: Path) -> list[str]:
    """The pictures that a page shows, in their order."""
    return re.findall(r"!\[[^\]]+\]\((?:docs/)?(pictures/[^)]+)\)", page.read_text(encoding="utf-8"))


def test_each_picture_that_is_named_is_there_and_small() -> None:
    for page in PAGES:
        assert pictures(page) == [f"pictures/desk-{name}.png" for name in SHOWN]
    for name in SHOWN:
        size = (PICTURES / f"desk-{name}.png").stat().st_size
        assert 5_000 < size < LARGEST, name
    assert pictures(ROOT / "README.md")[0].startswith("pictures/desk-")


def test_the_page_for_those_who_work_there_is_the_same_in_three_languages() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    headings = [re.findall(r"^(#+) ", text, re.M) for text in texts]
    assert headings[0] == headings[1] == headings[2]
    rows = [len(re.findall(r"^\|", text, re.M)) for text in texts]
    assert rows[0] == rows[1] == rows[2]
