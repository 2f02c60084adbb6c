"""A clinic's complaints office for tests: events come in as records, timers tick, numbers come from pages in memory."""

import json
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from homecall.contract.envelope import Incoming, Record, read
from homecall.contract.events import ClinicPublished, ComplaintStatusChanged, DeadlineEvent
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import Event
from homecall.runtime.engine.decision import Decision, Ended
from homecall.standard.clinics import Clinics
from homecall.standard.rules import load_rule_sets
from services.complaints.domain import decisions, timers
from services.complaints.domain.facts import Facts
from services.complaints.domain.numbers import Wanted, numbered, wanted_numbers
from services.complaints.domain.state import ComplaintState, Official, Sealed, Unsaid, awaits_number

ALMATY = ZoneInfo("Asia/Almaty")
RULES = load_rule_sets()
COMPLAINT = "b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d"
IIN = "850715200007"

DINARA = {
    "full_name": "Сағынтай Динара Ерланқызы",
    "iin": IIN,
    "phone": "+7 700 000 04 56",
    "postal_address": "050000, Алматы, улица Тал, 9, кв. 3",
    "language": "ru",
}
ASEL = {"full_name": "Тұрсынова Әсел Маратқызы", "position": "Аға тіркеуші"}
HEAD = {"full_name": "Ахметов Бауыржан Нұрланұлы", "position": "Бас дәрігер"}
YERZHAN = {"full_name": "Нұрпейіс Ержан Талғатұлы", "position": "Бас дәрігердің орынбасары"}
MARAT = {"full_name": "Оспанов Марат Серікұлы", "position": "Заңгер"}
SAULE = {"full_name": "Жүнісова Сәуле Қайратқызы", "position": "Бас маман"}

_causes = count(1)


def at(text: str) -> datetime:
    """``Tue 2026-11-24 09:40`` by the clinic's clock; the weekday is held to be right."""
    weekday, day, clock = text.split()
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ALMATY)
    assert f"{moment:%a}" == weekday, f"the table is wrong: {day} is a {moment:%a}"
    return moment


def clinic(clinic_id: str = "samal-3", **more: Any) -> ClinicPublished:
    return ClinicPublished.model_validate(
        {
            "clinic_id": clinic_id,
            "name": {"kk": "№ 3 «Самал» қалалық емханасы", "ru": "Городская поликлиника № 3 «Самал»"},
            "region": "Алматы",
            "address": "Алматы, Тал көшесі, 14",
            "phone": "+7 727 000 03 03",
            "head": {"full_name": HEAD["full_name"]},
        }
        | more
    )


def incoming(event_type: str, data: dict[str, Any], *, causation_id: str = "", timestamp: int = 0) -> Incoming:
    """The event as it comes from Kafka; each is another unless ``cause`` says otherwise."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": causation_id or f"cause-{next(_causes)}",
        "ce_source": "/tests",
        "ce_type": TYPE_PREFIX + event_type,
    }
    value = json.dumps(data, default=lambda moment: moment.isoformat()).encode()
    topic = TOPIC_OF_TYPE[event_type].name
    key = str(data.get("complaint_id", "")).encode()
    return read(Record(topic, 0, 0, key, value, tuple((k, v.encode()) for k, v in headers.items()), timestamp))


def submission(when: datetime | str, **more: Any) -> dict[str, Any]:
    """The data of a complaint handed in at the clinic's office."""
    return {
        "complaint_id": COMPLAINT,
        "addressed_to": "clinic",
        "clinic_id": "samal-3",
        "channel": "in_person",
        "submitted_at": at(when) if isinstance(when, str) else when,
        "complainant": DINARA,
        "text": "Время прихода врача мне сообщили позже, чем через полчаса.",
        "received_by": ASEL,
        "answer_by": "by_hand",
    } | more


_MORE: dict[str, dict[str, Any]] = {
    "assigned": {"executor": YERZHAN, "assigned_by": HEAD},
    "executed": {"measures": "С регистраторами проведена беседа."},
    "answered": {"text": "Жалоба обоснованна: график вышел поздно.", "decision": "upheld", "sent_by": "by_hand"},
    "refused": {"grounds": "Жалоба не относится к работе поликлиники."},
    "escalated": {"grounds": "Не согласна с ответом."},
}


def command(name: str, when: datetime | str, **more: Any) -> Incoming:
    """``assigned``, ``executed``, ``answered``, ``refused`` or ``escalated``."""
    causation_id = more.pop("cause", "")
    timestamp = more.pop("timestamp", 0)
    data = {"complaint_id": COMPLAINT, "clinic_id": "samal-3", "at": at(when) if isinstance(when, str) else when}
    return incoming(f"complaint.{name}", data | _MORE[name] | more, causation_id=causation_id, timestamp=timestamp)


class MemorySequences:
    """The second stage's pages: numbers 1, 2, 3… by (page, subject), the same one when asked again."""

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, int]] = {}

    def allocate_now(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        given = {}
        for page, subject in wanted:
            numbers = self.pages.setdefault(page, {})
            given[page, subject] = numbers.setdefault(subject, len(numbers) + 1)
        return given

    async def allocate(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        return self.allocate_now(wanted)


class Casebook:
    """Complaints by id, carried through decisions as the engine does; ``said`` and ``measured`` are all that came out.

    Every decision is held to leave the state it was given as it was.
    """

    def __init__(
        self, *clinics: ClinicPublished, pages: MemorySequences | None = None, officer: Official | None = None
    ) -> None:
        self.officer = officer
        self.clinics = Clinics()
        for each in clinics or (clinic(), clinic("ainabulaq-1")):
            self.clinics.take(each)
        self.pages = pages or MemorySequences()
        self.states: dict[str, ComplaintState] = {}
        self.said: list[Event] = []
        self.siblings: list[tuple[str, str, str, str]] = []
        self.measured: list[Ended] = []
        self.heard: set[str] = set()

    @property
    def state(self) -> ComplaintState:
        return self.states[COMPLAINT]

    def facts(self, **more: Any) -> Facts:
        """What decisions look at: these clinics, the rules, the officer on duty, and what else is given."""
        return Facts(self.clinics, RULES, self.officer, **more)

    def decide(
        self,
        event: Incoming,
        *,
        record_time: datetime | None = None,
        now: datetime | None = None,
        unchecked: Sealed | None = None,
    ) -> Decision:
        """A decision that is not carried out; ``unchecked``: the signature cannot be checked now."""
        state = self.states.get(event.subject)
        before = deepcopy(state)
        facts = self.facts(record_time=record_time, unchecked=unchecked)
        decision = decisions.decide(state, event, facts, now or at("Tue 2026-11-24 09:41"))
        assert state == before, "a decision must not change the state it was given"
        return decision

    def hear(self, event: Incoming, *, number: bool = True, **facts: Any) -> str:
        """Decide and carry out. What came of it: what was said, ``parked``, ``nothing``, or the dead letter's detail.

        ``number=False`` leaves the numbers for later, as within a batch.
        """
        if event.causation_id in self.heard:
            return "nothing"
        decision = self.decide(event, **facts)
        if decision.dead is not None:
            assert decision.dead.reason == "invalid_transition"
            assert decision.state is None
            assert not decision.says
            return decision.dead.detail
        if decision.park:
            return "parked"
        if decision.state is None:
            return "nothing"
        return self._carry_out(event.subject, event.causation_id, decision, number)

    def tick(self, now: datetime | str) -> str:
        """Let the timers of every complaint come round as often as something is due."""
        now = at(now) if isinstance(now, str) else now
        done = []
        for complaint_id in list(self.states):
            while (item := timers.timer_at(self.states[complaint_id])) is not None and item <= now:
                state = self.states[complaint_id]
                before = deepcopy(state)
                decision = timers.due(state, self.facts(), now)
                assert state == before, "a timer must not change the state it was given"
                assert decision.state is not None, "a timer that is due must move on"
                done.append(self._carry_out(complaint_id, f"timer {next(_causes)}", decision, True))
        return " ".join(each for each in done if each)

    def _carry_out(self, complaint_id: str, causation_id: str, decision: Decision, number: bool) -> str:
        before = len(self.said)
        self.states[complaint_id] = decision.state
        self.measured.extend(each for each in decision.measures if isinstance(each, Ended))
        if not awaits_number(decision.state):
            self.heard.add(causation_id)
            self._say(causation_id, decision.says)
        elif number:
            self.give_numbers()
        return " ".join(_word(each) for each in self.said[before:])

    def give_numbers(self) -> list[Unsaid]:
        """The second stage, for all complaints that wait for it, in the order of registration."""
        waiting = {key: state for key, state in self.states.items() if awaits_number(state)}
        wanted: list[Wanted] = [each for state in waiting.values() for each in wanted_numbers(state)]
        wanted.sort(key=lambda each: each.registered_at)
        numbers = self.pages.allocate_now([(each.page, each.subject) for each in wanted])
        done = []
        for key, state in waiting.items():
            before = deepcopy(state)
            self.states[key], said = numbered(state, numbers)
            assert state == before, "giving numbers must not change the state it was given"
            for each, says in said:
                self.heard.add(each.cause)
                self._say(each.cause, says)
                done.append(each)
        return done

    def _say(self, causation_id: str, says: Sequence[Any]) -> None:
        for each in says:
            self.said.append(each.data)
            self.siblings.append((causation_id, each.data.TYPE, each.data.subject, each.sibling))

    def statuses(self, complaint_id: str = COMPLAINT) -> list[ComplaintStatusChanged]:
        return [
            each for each in self.said if isinstance(each, ComplaintStatusChanged) and each.complaint_id == complaint_id
        ]

    def deadlines(self) -> list[DeadlineEvent]:
        return [each for each in self.said if isinstance(each, DeadlineEvent)]

    def outcomes(self) -> list[str]:
        return [each.outcome for each in self.measured]


def _word(event: Event) -> str:
    return event.status if isinstance(event, ComplaintStatusChanged) else event.TYPE.removeprefix("deadline.")


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
