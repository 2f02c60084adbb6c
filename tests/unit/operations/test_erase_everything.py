"""``homecall erase``: what a person wrote is gone from all that is stored, however it ends and whatever text it is in.

Each personal field holds a word of its own, between odd beginnings and ends; afterwards no stored string has it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.gateways.signatures.port import Unchecked
from homecall.operations.erase import ERASURES, erase_from
from homecall.runtime.clock import SystemClock
from services.complaints.handler import ComplaintEngine, Complaints
from services.complaints.store import ComplaintStore
from services.notifier.handler import NotifierEngine
from services.notifier.store import Calls
from tests.unit.complaints import casebook
from tests.unit.intake import office as desk
from tests.unit.notifier import calls
from tests.unit.operations.test_erase import LATER, Erasing
from tests.unit.runtime.memory import MemoryDatabase

_BEGINNINGS = st.sampled_from(["", "«", '"', "  ", "(", "Кв. ", "№ ", ": "])
_ENDINGS = st.sampled_from(
    [
        "",
        ".",
        "..",
        ". ",
        " .",
        ",",
        ";",
        ":",
        "»",
        "».",
        '"',
        '".',
        "'",
        ")",
        ").",
        "!",
        "?",
        "…",
        "  ",
        "\u00a0",
        "-",
        "\\",
    ]
)
_CASES = st.sampled_from([str, str.upper, str.lower, str.title])


@st.composite
def written(draw: st.DrawFn, word: str) -> str:
    """What somebody wrote: two words, the marked one last."""
    case = draw(_CASES)
    return f"{draw(_BEGINNINGS)}Қазыбек {case(word)}{draw(_ENDINGS)}"


def fields(*names: str) -> st.SearchStrategy[dict[str, str]]:
    """A text for each of these fields, with a word that stands nowhere else."""
    return st.fixed_dictionaries({name: written(f"құпия{place}белгі") for place, name in enumerate(names)})


def left(memory: MemoryDatabase, said: dict[str, str]) -> list[str]:
    """The fields whose marked word is still stored somewhere."""
    stored = json.dumps(
        [list(each.docs.values()) for each in memory.collections.values()], ensure_ascii=False, default=str
    ).casefold()
    return [name for place, name in enumerate(said) if f"құпия{place}белгі" in stored]


async def _erased(service: str, erasing: Erasing, said: dict[str, str]) -> None:
    memory, store = erasing
    kept = left(memory, said)
    assert kept, "the test's own data hold none"
    assert (await erase_from(store, ERASURES[service], LATER))[0] > 0
    assert left(memory, said) == []


async def _complaint(said: dict[str, str], answer_by: str, addressed_to: str) -> Erasing:
    memory = MemoryDatabase()
    store = ComplaintStore(memory.as_database)
    table: Any = desk.NoTable()
    bound = Complaints(desk.known(), casebook.RULES, judge_record_time=False)
    engine = ComplaintEngine(store, bound, SystemClock(), table, Unchecked())
    person = casebook.DINARA | {name: said[name] for name in ("full_name", "postal_address")}
    more = {"complainant": person, "answer_by": answer_by, "addressed_to": addressed_to}
    of = casebook.command
    sent_by = {"sent_by": answer_by}
    await engine.handle(
        [
            casebook.incoming(
                "complaint.submitted",
                casebook.submission(
                    "Tue 2026-11-24 09:40", text=said["text"], answer_place=said["answer_place"], **more
                ),
            ),
            of("assigned", "Tue 2026-11-24 10:00"),
            of("executed", "Tue 2026-11-24 10:00", measures=said["measures"]),
            of("answered", "Tue 2026-11-24 10:00", text=said["answer"], **sent_by),
            of("escalated", "Tue 2026-11-24 10:10", grounds=said["why"]),
            of("refused", "Tue 2026-11-24 10:20", grounds=said["grounds"]),
        ],
        casebook.at("Tue 2026-11-24 11:00"),
    )
    return memory, store.complaints


@given(
    fields("full_name", "postal_address", "text", "answer_place", "measures", "answer", "why", "grounds"),
    st.sampled_from(["by_hand", "post"]),
    st.sampled_from(["clinic", "ministry", "quality_authority"]),
)
@settings(max_examples=60, deadline=None)
def test_of_a_complaint(said: dict[str, str], answer_by: str, addressed_to: str) -> None:
    async def story() -> None:
        await _erased("complaints", await _complaint(said, answer_by, addressed_to), said)

    asyncio.run(story())


_OF_A_REQUEST = ("full_name", "applicant", "text", "entrance", "floor", "flat", "intercom", "note", "reason")


@given(fields(*_OF_A_REQUEST))
@settings(max_examples=30, deadline=None)
def test_of_a_request(said: dict[str, str]) -> None:
    """Withdrawn before and after it was accepted, and refused."""

    async def story() -> None:
        office = await desk.Office().prepared()
        applicant = {
            "iin": desk.DINARA,
            "full_name": said["applicant"],
            "authority": {"kind": "power_of_attorney", "number": "N-17"},
        }
        patient = {"full_name": said["full_name"]}
        address = {name: said[name][:20] if name != "text" else said[name] for name in _OF_A_REQUEST[2:7]}
        more: dict[str, Any] = {"applicant": applicant, "note": said["note"], "address": address}
        await office.hear(
            desk.submitted("Fri 2026-11-20 10:00", "phone", 1, patient=patient, **more),
            desk.submitted("Fri 2026-11-20 22:00", "phone", 2, patient=patient, **more),
            desk.submitted("Fri 2026-11-20 10:00", "phone", 3, patient=patient, **more, reasons=[7]),
            now="Fri 2026-11-20 22:30",
        )
        withdrawal = {
            "request_id": desk.request_id(1),
            "clinic_id": "samal-3",
            "at": "2026-11-20T22:40:00+05:00",
            "reason": said["reason"],
        }
        await office.hear(desk.incoming("request.withdrawn", withdrawal), now="Fri 2026-11-20 22:40")
        await _erased("intake", (office.memory, office.store.requests), said)

    asyncio.run(story())


_OF_A_LINE = ("full_name", "text", "entrance", "flat")


@given(fields(*_OF_A_LINE), st.sampled_from(["served", "not_at_home", "declined"]))
@settings(max_examples=30, deadline=None)
def test_of_a_line_of_the_register(said: dict[str, str], outcome: str) -> None:
    async def story() -> None:
        memory = MemoryDatabase()
        store = Calls(memory.as_database)
        facts = calls.facts_of(sms_statuses={"registered", "scheduled"})
        table: Any = desk.NoTable()
        engine = NotifierEngine(store, facts, SystemClock(), table)
        patient = {"full_name": said["full_name"], "language": "kk", "phone": "+7 700 000 01 23"}
        address = {name: said[name] for name in ("text", "entrance", "flat")}
        heard = [
            calls.accepted("phone", patient=patient, address=address),
            calls.scheduled(),
            calls.rescheduled(),
            calls.closed(outcome=outcome),
        ]
        await engine.handle(
            [desk.incoming(each.TYPE, json.loads(each.to_json())) for each in heard], calls.at("12:00:00")
        )
        await _erased("notifier", (memory, store), said)

    asyncio.run(story())
