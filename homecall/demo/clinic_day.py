"""A clinic day for the demo: everything that clinics and the portal send, made from a seed. Pure.

It is Friday 23 October 2026. Sunday the 25th is a public holiday and moves to Monday, so what the portal takes on
Friday evening waits for Saturday 09:00, and what it takes after Saturday noon for Tuesday 08:00 (C8.2, R5 to R8). The
same number and seed give the same bytes, but for the signatures, which the caller makes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from homecall.contract.events import ClinicPublished, RosterPublished
from homecall.demo.acts import DAY, SATURDAY, STARTS_AT, TUESDAY, Act, act_of, again, at, data_of, uuid_of
from homecall.demo.applications import FLAWS, ORDINARY, Applications, Signatures, Special
from homecall.demo.broken import broken_records
from homecall.demo.clinics import LATE_ROSTER, UNKNOWN, Clinics
from homecall.demo.people import People
from homecall.standard.rules import load_rule_sets

_SHARES: Final = {
    "deferred": 0.12,
    "saturday": 0.03,
    "outside": 0.03,
    "invalid": 0.03,
    "badly signed": 0.02,
    "duplicate": 0.03,
    "unknown": 0.01,
}
"""Parts of all requests; the rest is accepted at once on Friday."""
_WITHDRAWN: Final = 0.04
_WAVES: Final = 30
_GAP_SECONDS: Final = 2.0
"""Between two applications of a wave, on average."""


@dataclass(frozen=True)
class Plan:
    """All acts in the order of their time, and what is to become of each request.

    ``expected``: ``accepted``, ``deferred`` or the code of a refusal, by request. ``patients``: by IIN, as requests
    name them.
    """

    acts: tuple[Act, ...]
    expected: Mapping[str, str]
    withdrawn: frozenset[str]
    clinics: Mapping[str, ClinicPublished]
    patients: Mapping[str, Mapping[str, Any]]

    def doctor_of(self, clinic_id: str) -> tuple[str, str]:
        """Id and name of a doctor in the clinic's first roster."""
        for act in self.acts:
            if act.type == RosterPublished.TYPE and act.clinic_id == clinic_id and not act.dead:
                doctor = RosterPublished.model_validate_json(act.value).doctors[0]
                return doctor.doctor_id, doctor.full_name
        return "gp-01", "gp-01"


def make_plan(requests: int, seed: int, signatures: Signatures) -> Plan:
    """Plan the day with so many different requests, refused ones among them; all of the portal's are signed."""
    return _Maker(requests, seed, signatures).plan()


class _Maker:
    """All of the day, in the order in which chance is asked."""

    def __init__(self, requests: int, seed: int, signatures: Signatures) -> None:
        self.requests = requests
        self.chance = random.Random(f"homecall demo {seed}")
        rules = load_rule_sets(None).on(DAY)
        self.people = People(self.chance)
        self.clinics = Clinics(self.people, rules)
        self.applications = Applications(self.chance, self.people, self.clinics, rules, signatures)
        self.acts: list[Act] = []
        self.withdrawn: set[str] = set()
        self.apply_again: set[str] = set()

    def plan(self) -> Plan:
        share = {name: round(part * self.requests) for name, part in _SHARES.items()}
        accepted = self._friday(self.requests - sum(share.values()))
        self._saturday(share["saturday"])
        self._deferred(share["deferred"])
        self._outside_hours(share["outside"])
        self._duplicates(share["duplicate"], accepted)
        invalid = self._invalid(share["invalid"])
        self._badly_signed(share["badly signed"])
        self._unknown_clinic(share["unknown"])
        self._withdrawals(accepted)
        self._said_again(accepted)
        self._oral_answers()
        self.acts += broken_records(self.chance, list(self.clinics.published), accepted, invalid)
        self._complaints(accepted)
        self._clinics_and_rosters()
        return Plan(
            acts=tuple(sorted(self.acts, key=lambda act: act.at)),
            expected=self.applications.expected,
            withdrawn=frozenset(self.withdrawn),
            clinics=self.clinics.published,
            patients={str(each["iin"]): each for each in self.applications.patients.values()},
        )

    def _request(
        self, moment: datetime, clinic_id: str, channel: str, expected: str, special: Special = ORDINARY
    ) -> Act:
        self.acts.append(self.applications.request(moment, clinic_id, channel, expected, special))
        return self.acts[-1]

    def _roster(self, moment: datetime, roster: dict[str, Any] | None, news: str) -> None:
        if roster is not None:
            self._do(moment, "roster.published", roster, news=news)

    def _do(self, moment: datetime, event_type: str, data: dict[str, Any], source: str = "", **more: Any) -> Act:
        source = source or ("/portal" if data.get("channel") == "portal" else f"/clinics/{data['clinic_id']}")
        act = act_of(self.chance, moment, event_type, data, source=source, **more)
        self.acts.append(act)
        return act

    # ------------------------------------------------------------ clinics, rosters, who falls ill

    def _clinics_and_rosters(self) -> None:
        starts = STARTS_AT
        for clinic_id, clinic in self.clinics.published.items():
            data = clinic.model_dump(mode="json", by_alias=True, exclude_none=True)
            self._do(starts, "clinic.published", data, source=f"/clinics/{clinic_id}")
        calls = self._calls_by_day()
        names = {clinic_id: self.clinics.staff(clinic_id, calls[clinic_id]) for clinic_id in self.clinics.published}
        for day in (DAY, SATURDAY, TUESDAY):
            for clinic_id in self.clinics.published:
                late = day == DAY and clinic_id == LATE_ROSTER
                moment = at(DAY, "08:06:30") if late else starts + timedelta(seconds=30)
                news = f"the roster of {clinic_id} comes late" if late else ""
                self._roster(moment, self.clinics.roster(clinic_id, day, names[clinic_id], 1), news)
        self._drop_outs(names)

    def _drop_outs(self, names: Mapping[str, list[dict[str, Any]]]) -> None:
        for clinic_id, clock, specialty, reason in (
            ("samal-1", "10:35", "gp", "Дәрігер ауырып қалды"),
            ("baiterek-2", "14:10", "paediatrician", "Врач заболел"),
        ):
            ill = next(each for each in names[clinic_id] if each["specialty"] == specialty)
            data = {
                "clinic_id": clinic_id,
                "date": DAY.isoformat(),
                "doctor_id": ill["doctor_id"],
                "from": clock,
                "reason": reason,
            }
            news = f"a doctor of {clinic_id} ({specialty}) falls ill: the visits from {clock} on move"
            self._do(at(DAY, clock), "doctor.unavailable", data, news=news)
        more = [*names["shagala-6"], self.clinics.doctor("shagala-6", 90, "gp", [])]
        news = "shagala-6 sends its roster again: one doctor more"
        self._roster(at(DAY, "11:20"), self.clinics.roster("shagala-6", DAY, more, 2), news)

    def _calls_by_day(self) -> dict[str, dict[date, int]]:
        """How many calls each clinic is to place on each day."""
        calls: dict[str, dict[date, int]] = {clinic_id: {} for clinic_id in self.clinics.published}
        for act in self.acts:
            expected = self.applications.expected.get(act.subject)
            if act.type == "request.submitted" and expected in {"accepted", "deferred"}:
                opening = self.clinics.calendars[act.clinic_id].next_opening
                day = (act.at if self.clinics.accepts(act.clinic_id, act.at) else opening(act.at)).date()
                calls[act.clinic_id][day] = calls[act.clinic_id].get(day, 0) + 1
        return calls

    # ------------------------------------------------------------ requests

    def _friday(self, number: int) -> list[Act]:
        """Waves of applications over the day, more of them in the morning; two early ones meet no roster."""
        accepted: list[Act] = []
        if number > 20:
            for clock, clinic_id, channel in (
                ("08:01:30", LATE_ROSTER, "phone"),
                ("08:02:10", LATE_ROSTER, "portal"),
                ("17:59:59", "samal-1", "portal"),
                ("17:59:58", "samal-1", "phone"),
            ):
                accepted.append(self._request(at(DAY, clock), clinic_id, channel, "accepted"))
        for moment in self._waves(number - len(accepted), at(DAY, "08:09"), at(DAY, "17:45"), _WAVES, morning=True):
            clinic_id = self._open_clinic(moment)
            channel = self.chance.choices(("desk", "phone", "portal"), (30, 40, 30))[0]
            accepted.append(self._request(moment, clinic_id, channel, "accepted"))
        return accepted

    def _saturday(self, number: int) -> None:
        for moment in self._waves(number, at(SATURDAY, "09:15"), at(SATURDAY, "11:40"), 3):
            channel = self.chance.choices(("desk", "phone", "portal"), (20, 50, 30))[0]
            self._request(moment, self._open_clinic(moment), channel, "accepted")

    def _deferred(self, number: int) -> None:
        """Through the portal while no clinic accepts: before the opening, in the evening, at night, on days off."""
        times = [at(DAY, "18:00:00")] if number else []  # R2: this very second is too late
        windows = (
            (0.15, at(DAY, "07:51:30"), at(DAY, "07:58")),
            (0.45, at(DAY, "18:05"), at(DAY, "23:30")),
            (0.10, at(SATURDAY, "00:30"), at(SATURDAY, "08:30")),
            (0.30, at(SATURDAY, "12:10"), at(TUESDAY, "06:30")),
        )
        left = number - len(times)
        for place, (part, begins, ends) in enumerate(windows):
            some = min(left, round(part * number)) if place < len(windows) - 1 else left
            times += self._waves(some, begins, ends, 1 + place % 3)
            left -= some
        wait_long: list[Act] = []
        for moment in times:
            clinic_id = "samal-1" if moment == at(DAY, "18:00:00") else self.chance.choice(list(self.clinics.published))
            act = self._request(moment, clinic_id, "portal", "deferred")
            if self.clinics.calendars[clinic_id].next_opening(moment) - moment > timedelta(hours=2):
                wait_long.append(act)
        # A few think better of it before the clinic opens.
        for act in self.chance.sample(wait_long, round(2 * _WITHDRAWN * len(wait_long))):
            self._withdraw(act, timedelta(minutes=self.chance.randint(20, 90)))

    def _outside_hours(self, number: int) -> None:
        """At the desk or by telephone after the cut-off, and on the holiday that was moved (R3, R8)."""
        for place in range(number):
            moment, channel = (
                (at(date(2026, 10, 26), "10:15"), "phone") if place % 4 == 3 else (at(DAY, "18:20"), "desk")
            )
            moment += timedelta(seconds=place * 4)
            self._request(moment, self.chance.choice(list(self.clinics.published)), channel, "outside_acceptance_hours")

    def _duplicates(self, number: int, accepted: Sequence[Act]) -> None:
        """The same patient again while the first call is open (R11)."""
        firsts = [act for act in accepted if act.at < at(DAY, "17:30")]
        for first in self.chance.sample(firsts, min(number, len(firsts))):
            self.apply_again.add(first.subject)
            moment = first.at + timedelta(seconds=self.chance.randint(15, 60))
            same = Special(patient=self.applications.patients[first.subject])
            self._request(moment, first.clinic_id, "phone", "duplicate", same)
        for _ in range(number - min(number, len(firsts))):
            self._request(at(DAY, "18:22"), "samal-1", "phone", "outside_acceptance_hours")

    def _invalid(self, number: int) -> list[Act]:
        """What breaks the schema or the rules, and can still be answered: with the fields, and the way out."""
        wrong: list[tuple[str, str, dict[str, Any]]] = [
            ("desk", "invalid_request", {"patient": {"iin": "850715100001"}}),
            ("phone", "invalid_request", {"reasons": []}),
            ("desk", "invalid_request", {"identity_document": None}),
            ("phone", "invalid_request", {"queued_at": "2026-10-23T09:00:00"}),
            ("portal", "invalid_request", {"signature": None}),
            ("phone", "invalid_request", {"reasons": ["sniffles"]}),
            (
                "desk",
                "authority_invalid",
                {
                    "applicant": {
                        "iin": self.people.iin(),
                        "full_name": self.people.name(),
                        "authority": {"kind": "power_of_attorney", "number": "17", "valid_until": "2026-09-30"},
                    }
                },
            ),
        ]
        acts = []
        for place, moment in enumerate(self._waves(number, at(DAY, "08:40"), at(DAY, "17:30"), max(1, number // 2))):
            channel, code, over = wrong[place % len(wrong)]
            acts.append(self._request(moment, self._open_clinic(moment), channel, code, Special(over=over)))
        return acts

    def _badly_signed(self, number: int) -> None:
        """Through the portal, with a signature that does not hold (C9.2): refused at once, also in the evening."""
        begins, ends = at(DAY, "09:20"), at(DAY, "22:40")
        for place in range(number):
            moment = begins + (ends - begins) * (place + self.chance.random()) / number
            moment = moment.replace(microsecond=0)
            flaw = list(FLAWS)[place % len(FLAWS)]
            news = f"a portal request whose signature does not hold: {FLAWS[flaw]}" if place < len(FLAWS) else ""
            clinic_id = self.chance.choice(list(self.clinics.published))
            self._request(moment, clinic_id, "portal", "signature_invalid", Special(flaw=flaw, news=news))

    def _unknown_clinic(self, number: int) -> None:
        for moment in self._waves(number, at(DAY, "09:30"), at(DAY, "16:30"), max(1, number)):
            self._request(moment, UNKNOWN, "portal", "unknown_clinic")

    def _withdrawals(self, accepted: Sequence[Act]) -> None:
        candidates = [act for act in accepted if act.clinic_id != LATE_ROSTER and act.subject not in self.apply_again]
        for act in self.chance.sample(candidates, min(len(candidates), round(_WITHDRAWN * self.requests))):
            self._withdraw(act, timedelta(seconds=self.chance.randint(60, 400)))

    def _withdraw(self, act: Act, later: timedelta) -> None:
        moment = act.at + later
        reason = self.chance.choice(("Жағдайы жақсарды", "Стало лучше", "Сам приду на приём"))
        self.withdrawn.add(act.subject)
        source = "/portal" if act.channel == "portal" else ""
        self._do(moment, "request.withdrawn", _about(act, moment) | {"reason": reason}, source=source)

    def _said_again(self, accepted: Sequence[Act]) -> None:
        """The same record twice, and the same request under another event id: neither is a second request (R11)."""
        for act in self.chance.sample(accepted, min(len(accepted), max(1, self.requests // 60))):
            later = act.at + timedelta(seconds=8)
            self.acts.append(again(act, later))
            self._do(later, act.type, data_of(act), repeats=True)

    def _oral_answers(self) -> None:
        """Where the clinic confirms them, the answer counts once it was given aloud (C6.1)."""
        spoken = [
            act
            for act in self.acts
            if act.type == "request.submitted"
            and not act.repeats
            and self.applications.expected.get(act.subject) == "accepted"
            and act.channel != "portal"
            and self.clinics.published[act.clinic_id].oral_confirmation
        ]
        for act in spoken:
            moment = act.at + timedelta(seconds=self.chance.randint(40, 55))
            given_by = {"id": "reg-1", "full_name": self.people.name()}
            self._do(moment, "answer.given", _about(act, moment) | {"given_by": given_by})

    def _waves(
        self, number: int, begins: datetime, ends: datetime, waves: int, *, morning: bool = False
    ) -> Iterator[datetime]:
        """Moments in order: so many, in so many waves at most, all between the two."""
        if number <= 0:
            return
        waves = min(waves, max(1, number // 4))
        size = math.ceil(number / waves)
        window = (ends - begins).total_seconds()
        gap = min(_GAP_SECONDS, window / 2 / number)
        # A power above 1 puts more waves to the beginning.
        starts = sorted(self.chance.random() ** (1.5 if morning else 1.0) * (window - size * gap) for _ in range(waves))
        for place in range(number):
            offset = starts[place // size] + (place % size) * gap + self.chance.random() * gap
            yield begins + timedelta(milliseconds=int(offset * 1000))

    def _open_clinic(self, moment: datetime) -> str:
        """A clinic that still accepts then, and has had its roster."""
        return self.chance.choice(self.clinics.open_at(moment))

    # ------------------------------------------------------------ complaints

    def _complaints(self, accepted: Sequence[Act]) -> None:
        about = accepted[0] if accepted else None
        before: dict[str, Any] = {}
        sunday = date(2026, 10, 25)
        for moment, channel, addressed_to, language, text, flaw in (
            (at(DAY, "11:05"), "in_person", "clinic", "ru", "Врач пришёл позже назначенного времени.", ""),
            (at(DAY, "15:30"), "post", "clinic", "kk", "Телефонға ұзақ жауап берілмеді.", ""),
            (at(DAY, "16:20"), "portal", "clinic", "ru", "На вызов никто не приехал.", "another"),
            (at(DAY, "21:10"), "portal", "clinic", "kk", "Дәрігердің келген уақыты дұрыс жазылмаған.", ""),
            (at(SATURDAY, "10:05"), "post", "ministry", "ru", "Вызов не приняли по телефону.", ""),
            (at(sunday, "13:00"), "portal", "quality_authority", "ru", "С ответом поликлиники не согласен.", ""),
        ):
            clinic_id = self.chance.choice(list(self.clinics.published)[:3])
            data: dict[str, Any] = {
                "complaint_id": str(uuid_of(self.chance)),
                "addressed_to": addressed_to,
                "clinic_id": clinic_id,
                "channel": channel,
                "submitted_at": moment.isoformat(),
                "complainant": {"full_name": self.people.name(), "iin": self.people.iin(), "language": language},
                "text": text,
                "answer_by": {"post": "post", "in_person": "by_hand", "portal": "portal"}[channel],
            }
            if channel == "portal":
                self.applications.sign(data, data["complainant"]["iin"], flaw)
            else:
                data["received_by"] = {"full_name": self.people.name(), "position": "Кеңсе маманы"}
            news = f"a complaint comes in ({channel}, to the {addressed_to.replace('_', ' ')})"
            if about and (channel == "in_person" or before.get("channel") == "in_person"):
                data |= {"request_id": about.subject, "clinic_id": about.clinic_id}
                if before:
                    data["complainant"] = before["complainant"] | {"language": language}
                    news += ", about the same call as the last one, by the same person"
            before = data
            if flaw:
                news += f"; its signature does not hold: {FLAWS[flaw]}"
            self._do(moment, "complaint.submitted", data, expected="refused" if flaw else "registered", news=news)


def _about(act: Act, moment: datetime) -> dict[str, Any]:
    """What an event about a request that was sent begins with."""
    return {"request_id": act.subject, "clinic_id": act.clinic_id, "at": moment.isoformat()}
