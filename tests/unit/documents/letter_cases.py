"""Complaints that have a receipt, a reply or a refusal to print."""

from __future__ import annotations

from typing import Any, get_args

from homecall.texts.documents import PageLanguage
from services.complaints.domain.state import ComplaintState
from tests.unit.complaints.casebook import (
    DINARA,
    clinic,
    command,
)
from tests.unit.complaints.office import Office
from tests.unit.complaints.test_matters import (
    accepted,
    an_office,
    complaint,
    status,
)

LANGUAGES: tuple[PageLanguage, ...] = get_args(PageLanguage)
CLINIC = clinic()
KAZAKH = "ӘәҒғҚқҢңӨөҰұҮүҺһІі"
LONG = "Қаралған шағым бойынша анықталғаны: хабар он минуттан кейін берілді. "
ANSWER = f"{LONG * 60}\n\nПриносим извинения.\u202e <b>{KAZAKH}</b>"


async def a_case(**more: Any) -> tuple[ComplaintState, Office]:
    office = an_office()
    await office.hear_of_call(accepted(), status("scheduled", "08:31", on_time=False))
    person = DINARA | {"full_name": f"Сағынтай-{KAZAKH} Динара"}
    await office.hear(complaint(**{"complainant": person, "answer_by": "post"} | more))
    return office.state(), office


async def an_answer(**more: Any) -> ComplaintState:
    _, office = await a_case()
    await office.hear(
        command("assigned", "Tue 2026-11-24 10:00"),
        command("executed", "Tue 2026-11-24 10:30"),
        command("answered", "Tue 2026-11-24 12:00", **{"text": ANSWER, "sent_by": "post"} | more),
    )
    return office.state()


async def a_refusal() -> ComplaintState:
    _, office = await a_case()
    await office.hear(command("refused", "Tue 2026-11-24 12:00"))
    return office.state()
