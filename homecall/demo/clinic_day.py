"""A clinic day for the demo: everything that clinics and the portal send, made from a seed. Pure.

It is Friday 23 October 2026. Sunday the 25th is a public holiday and moves to Monday, so what the portal takes on
Friday evening waits for Saturday 09:00, and what it takes after Saturday noon for Tuesday 08:00 (C8.2, R5 to R8). The
same number and seed give the same bytes, but for the signatures, which whoever asks for a plan has made. Persons and
telephones are invented; IINs are of births in the 1800s, so they are nobody's.
"""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from homecall.contract.envelope import STRUCTURED
from homecall.contract.events import ClinicPublished
from homecall.contract.iins import iin_check_digit
from homecall.contract.topics import CLINICS, REQUESTS, VISITS
from homecall.contract.types import ZONE
from homecall.standard.acceptance import decide_acceptance
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.clinics import calendar_of
from homecall.standard.rules import load_rule_sets
from homecall_client.records import record_of

DAY: Final = date(2026, 10, 23)
SATURDAY, TUESDAY = DAY + timedelta(days=1), DAY + timedelta(days=4)

LATE_ROSTER: Final = "juldyz-4"
"""The clinic whose roster comes after its first calls: they wait for a place, and their clocks run."""
UNKNOWN: Final = "nobody-knows-9"

# Of all requests, these parts; the rest is accepted at once on Friday.
_DEFERRED, _ON_SATURDAY, _OUTSIDE, _INVALID, _DUPLICATE, _UNKNOWN_CLINIC = 0.12, 0.03, 0.03, 0.03, 0.03, 0.01
_BADLY_SIGNED = 0.02
_WITHDRAWN = 0.04
_WAVES: Final = 30
_GAP_SECONDS: Final = 2.0
"""Between two applications of a wave, on average."""
_PLACE_MINUTES: Final = 30
"""A visit and the way to it, as the rosters' defaults have it."""
_ROOM: Final = 2.5
"""So many places for each call that is expected: late calls must find room in what is left of the day."""


def at(day: date, clock: str) -> datetime:
    """A local moment: ``HH:MM`` or ``HH:MM:SS``."""
    return datetime.fromisoformat(f"{day.isoformat()}T{clock}").replace(tzinfo=ZONE)


STARTS_AT: Final = at(DAY, "07:50")
ENDS_AT: Final = at(TUESDAY, "08:00")


@dataclass(frozen=True, slots=True)
class Act:
    """One record that somebody outside sends at a moment of service time.

    ``subject`` is the request or complaint it is about. ``repeats`` marks a request that was sent before under the same
    id, ``dead`` the reason of the dead letter that it must become. ``expected`` is what must become of a request
    (``accepted``, ``deferred`` or the code of a refusal) or of a complaint (``registered`` or ``refused``). ``news`` is
    what to tell whoever watches.
    """

    at: datetime
    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    type: str
    clinic_id: str = ""
    subject: str = ""
    channel: str = ""
    repeats: bool = False
    dead: str = ""
    expected: str = ""
    news: str = ""


class Signatures(Protocol):
    """Where the portal has signatures made: ``signature.value`` over an event's data."""

    def of_person(self, data: Mapping[str, Any], iin: str) -> str:
        """By the person with that IIN: what is asked for (C9.2)."""

    def of_organisation(self, data: Mapping[str, Any], iin: str) -> str:
        """By the same person with the certificate of an organisation, which is none of theirs."""


@dataclass(frozen=True)
class Plan:
    """All acts in the order of their time, and what is to become of each request.

    ``expected``: ``accepted``, ``deferred`` or the code of a refusal, by request.
    """

    acts: tuple[Act, ...]
    expected: Mapping[str, str]
    withdrawn: frozenset[str]
    clinics: Mapping[str, ClinicPublished]


@dataclass(frozen=True)
class _Clinic:
    clinic_id: str
    kk: str
    ru: str
    streets: tuple[str, ...]
    hours: dict[str, list[list[str]]] | None = None
    oral_confirmation: bool = False
    by_districts: bool = True


def _week(hours: list[list[str]], saturday: list[list[str]] | None) -> dict[str, list[list[str]]]:
    return dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours) | ({"sat": saturday} if saturday else {})


_CLINICS: Final = (
    _Clinic("samal-1", "№ 1 «Самал» қалалық емханасы", "Городская поликлиника № 1 «Самал»", ("Тал", "Емен")),
    _Clinic("baiterek-2", "№ 2 «Бәйтерек» емханасы", "Поликлиника № 2 «Байтерек»", ("Шыршалы", "Қайыңды")),
    _Clinic(
        "qarlygash-3",
        "№ 3 «Қарлығаш» емханасы",
        "Поликлиника № 3 «Карлыгаш»",
        ("Теректі", "Жиде"),
        oral_confirmation=True,
    ),
    _Clinic(LATE_ROSTER, "№ 4 «Жұлдыз» емханасы", "Поликлиника № 4 «Жулдыз»", ("Долана", "Арша")),
    _Clinic(
        "aqqu-5",
        "№ 5 «Аққу» отбасылық емханасы",
        "Семейная поликлиника № 5 «Акку»",
        ("Үйеңкі", "Шетен"),
        hours=_week([["08:00", "20:00"]], None),
    ),
    _Clinic("shagala-6", "№ 6 «Шағала» емханасы", "Поликлиника № 6 «Шагала»", ("Мойыл", "Итмұрын"), by_districts=False),
    _Clinic(
        "tumar-7",
        "«Тұмар» дәрігерлік амбулаториясы",
        "Врачебная амбулатория «Тумар»",
        ("Жусан", "Бетеге"),
        hours=_week([["08:00", "13:00"], ["14:00", "18:00"]], [["09:00", "14:00"]]),
    ),
)
_FAMILY: Final = (
    *("Әлімханов", "Бейсенов", "Дәулетов", "Есімов", "Жақыпов", "Қалиев", "Мұқанов", "Нұрғалиев", "Оспанов", "Сейітов"),
    *("Тілеубаев", "Шәріпов", "Белов", "Громов", "Зимин", "Ковров", "Лугов", "Полевой", "Снежин", "Уваров"),
)
_MEN: Final = ("Арман", "Ерлан", "Нұрлан", "Дәурен", "Сәкен", "Тимур", "Андрей", "Павел", "Олег", "Руслан")
_WOMEN: Final = ("Әсел", "Гүлнәр", "Динара", "Жанна", "Сәуле", "Мадина", "Ольга", "Вера", "Нина", "Алия")
_REASONS: Final = (
    *("fever_above_38", "fever_above_38", "fever_above_38", "high_blood_pressure_with_malaise", "repeated_loose_stool"),
    *("acute_back_or_joint_pain", "dizziness_nausea_vomiting", "chronic_illness_cannot_travel", "not_transportable"),
    *("passed_on_by_ambulance", "dangerous_infection_suspected", "other"),
)
_RED_FLAGS: Final = ("chest_pain", "severe_breathlessness", "stroke_signs", "heavy_bleeding")
_FLAWS: Final = {
    "tampered": "the data were changed after signing",
    "another": "it is another person's",
    "organisation": "it is an organisation's",
    "no_cms": "it is something else altogether",
}
"""What may be wrong with a signature, and how it is told."""


def make_plan(requests: int, seed: int, signatures: Signatures) -> Plan:
    """Plan the day with so many different requests, refused ones among them; all of the portal's are signed."""
    return _Maker(requests, seed, signatures).plan()


def report_of(act_at: datetime, clinic_id: str, request_id: str, ended_at: datetime) -> Act:
    """What a clinic reports of a visit whose time is over: most patients were served."""
    chance = random.Random(f"visit {request_id}")
    outcome = chance.choices(("served", "not_at_home", "hospitalised"), (94, 4, 2))[0]
    data = {"request_id": request_id, "clinic_id": clinic_id, "at": ended_at.isoformat(), "outcome": outcome}
    return _act(chance, act_at, "visit.reported", data, source=f"/clinics/{clinic_id}")


def _act(
    chance: random.Random,
    moment: datetime,
    event_type: str,
    data: dict[str, Any],
    *,
    source: str,
    structured: bool = False,
    repeats: bool = False,
    dead: str = "",
    expected: str = "",
    news: str = "",
) -> Act:
    record = record_of(event_type, data, source=source, time=moment.isoformat(), event_id=str(_uuid(chance)))
    value, headers = record.value, record.headers
    if structured:
        # The same event in CloudEvents' other mode, as some systems send it.
        attributes = {name.removeprefix("ce_"): text.decode() for name, text in headers if name.startswith("ce_")}
        value = json.dumps({**attributes, "data": data}, ensure_ascii=False).encode()
        headers = (("content-type", STRUCTURED.encode()),)
    return Act(
        at=moment,
        topic=record.topic,
        key=record.key,
        value=value,
        headers=headers,
        type=event_type,
        clinic_id=data.get("clinic_id", ""),
        subject=data.get("complaint_id") or data.get("request_id", ""),
        channel=data.get("channel", ""),
        repeats=repeats,
        dead=dead,
        expected=expected,
        news=news,
    )


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


@dataclass
class _Maker:
    requests: int
    seed: int
    signatures: Signatures
    acts: list[Act] = field(default_factory=list)
    expected: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    patients: dict[str, dict[str, Any]] = field(default_factory=dict)
    apply_again: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"homecall demo {self.seed}")
        self.rules = load_rule_sets(None).on(DAY)
        self.clinics = {each.clinic_id: self._published(each) for each in _CLINICS}
        self.calendars = {key: calendar_of(each, self.rules) for key, each in self.clinics.items()}
        self.streets = {each.clinic_id: each.streets for each in _CLINICS}
        self._iins: set[str] = set()

    def plan(self) -> Plan:
        share = {
            name: round(part * self.requests)
            for name, part in (
                ("deferred", _DEFERRED),
                ("saturday", _ON_SATURDAY),
                ("outside", _OUTSIDE),
                ("invalid", _INVALID),
                ("badly signed", _BADLY_SIGNED),
                ("duplicate", _DUPLICATE),
                ("unknown", _UNKNOWN_CLINIC),
            )
        }
        friday = self.requests - sum(share.values())
        accepted = self._friday(friday)
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
        self._garbage(accepted, invalid)
        self._complaints(accepted)
        self._clinics_and_rosters()
        return Plan(
            acts=tuple(sorted(self.acts, key=lambda act: act.at)),
            expected=self.expected,
            withdrawn=frozenset(self.withdrawn),
            clinics=self.clinics,
        )

    def _do(self, moment: datetime, event_type: str, data: dict[str, Any], source: str = "", **more: Any) -> Act:
        source = source or ("/portal" if data.get("channel") == "portal" else f"/clinics/{data['clinic_id']}")
        act = _act(self.chance, moment, event_type, data, source=source, **more)
        self.acts.append(act)
        return act

    # ------------------------------------------------------------ clinics, rosters, who falls ill

    def _published(self, clinic: _Clinic) -> ClinicPublished:
        number = clinic.clinic_id[-1]
        data: dict[str, Any] = {
            "clinic_id": clinic.clinic_id,
            "name": {"kk": clinic.kk, "ru": clinic.ru},
            "region": "Алматы",
            "address": f"Алматы, {clinic.streets[0]} көшесі, {number}",
            "phone": f"+7 727 000 0{number} 0{number}",
            "head": {"full_name": self._name()},
            "oral_confirmation": clinic.oral_confirmation,
        }
        if clinic.hours is not None:
            data["hours"] = clinic.hours
        if clinic.by_districts:
            streets = [[f"Алматы, {name} көшесі", f"Алматы, улица {name}"] for name in clinic.streets]
            data["districts"] = [
                {"district_id": f"{number}-01", "kind": "adult", "addresses": streets[0]},
                {"district_id": f"{number}-02", "kind": "adult", "addresses": streets[1]},
                {"district_id": f"{number}-11", "kind": "child", "addresses": [*streets[0], *streets[1]]},
            ]
        return ClinicPublished.model_validate(data)

    def _clinics_and_rosters(self) -> None:
        starts = STARTS_AT
        for clinic_id, clinic in self.clinics.items():
            data = clinic.model_dump(mode="json", by_alias=True, exclude_none=True)
            self._do(starts, "clinic.published", data, source=f"/clinics/{clinic_id}")
        calls = self._calls_by_day()
        names = {clinic_id: self._staff(clinic_id, calls[clinic_id]) for clinic_id in self.clinics}
        for day in (DAY, SATURDAY, TUESDAY):
            for clinic_id in self.clinics:
                late = day == DAY and clinic_id == LATE_ROSTER
                moment = at(DAY, "08:06:30") if late else starts + timedelta(seconds=30)
                news = f"the roster of {clinic_id} comes late" if late else ""
                self._roster(moment, clinic_id, day, names[clinic_id], 1, news)
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
        more = [*names["shagala-6"], self._doctor("shagala-6", 90, "gp", [])]
        news = "shagala-6 sends its roster anew: one doctor more"
        self._roster(at(DAY, "11:20"), "shagala-6", DAY, more, 2, news)

    def _calls_by_day(self) -> dict[str, dict[date, int]]:
        """How many calls each clinic is to place on each day."""
        calls: dict[str, dict[date, int]] = {clinic_id: {} for clinic_id in self.clinics}
        for act in self.acts:
            if act.type != "request.submitted" or self.expected.get(act.subject) not in {"accepted", "deferred"}:
                continue
            calendar = self.calendars[act.clinic_id]
            day = act.at.date() if self._accepts(calendar, act.at) else calendar.next_opening(act.at).date()
            calls[act.clinic_id][day] = calls[act.clinic_id].get(day, 0) + 1
        return calls

    def _staff(self, clinic_id: str, calls: Mapping[date, int]) -> list[dict[str, Any]]:
        """The clinic's doctors: enough for its fullest day."""
        needed = max(
            (math.ceil(_ROOM * number / self._places(clinic_id, day)) for day, number in calls.items()), default=0
        )
        districts = [district.district_id for district in self.clinics[clinic_id].districts]
        specialties = ("gp", "paediatrician", "therapist", "gp")
        staff = []
        for number in range(max(len(specialties), needed + 2)):
            specialty = specialties[number % len(specialties)]
            own = [each for each in districts if (each.endswith("11") if specialty == "paediatrician" else True)]
            if own and specialty != "paediatrician":
                own = [own[number // 2 % 2]]
            staff.append(self._doctor(clinic_id, number + 1, specialty, own))
        staff[-1]["on_duty"] = True
        return staff

    def _doctor(self, clinic_id: str, number: int, specialty: str, districts: Sequence[str]) -> dict[str, Any]:
        return {
            "doctor_id": f"{clinic_id}-{specialty}-{number:02}",
            "full_name": self._name(),
            "specialty": specialty,
            "districts": list(districts),
        }

    def _places(self, clinic_id: str, day: date) -> int:
        begins, ends = self._shift(clinic_id, day)
        return int((ends - begins) / timedelta(minutes=_PLACE_MINUTES))

    def _shift(self, clinic_id: str, day: date) -> tuple[datetime, datetime]:
        """From the opening to an hour before the clinic closes: by then the last visits have been reported."""
        hours = self.calendars[clinic_id].day(day)
        if hours.opens_at is None or hours.closes_at is None:
            return at(day, "08:00"), at(day, "09:00")
        return hours.opens_at, hours.closes_at - timedelta(hours=1)

    def _roster(
        self,
        moment: datetime,
        clinic_id: str,
        day: date,
        doctors: Sequence[dict[str, Any]],
        revision: int,
        news: str = "",
    ) -> None:
        if not self.calendars[clinic_id].day(day).is_open:
            return
        begins, ends = self._shift(clinic_id, day)
        shift = {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}"}
        data = {
            "clinic_id": clinic_id,
            "date": day.isoformat(),
            "revision": revision,
            "doctors": [each | {"shift": shift, "max_visits": self._places(clinic_id, day)} for each in doctors],
        }
        self._do(moment, "roster.published", data, news=news)

    # ------------------------------------------------------------ requests

    def _friday(self, number: int) -> list[Act]:
        """Waves of applications over the day, more of them in the morning; two early ones meet no roster."""
        accepted: list[Act] = []
        if number > 20:
            for clock, channel in (("08:01:30", "phone"), ("08:02:10", "portal")):
                accepted.append(self._request(at(DAY, clock), LATE_ROSTER, channel, "accepted"))
        last = [("17:59:59", "portal"), ("17:59:58", "phone")] if number > 20 else []
        for clock, channel in last:
            accepted.append(self._request(at(DAY, clock), "samal-1", channel, "accepted"))
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
            clinic_id = "samal-1" if moment == at(DAY, "18:00:00") else self.chance.choice(list(self.clinics))
            act = self._request(moment, clinic_id, "portal", "deferred")
            if self.calendars[clinic_id].next_opening(moment) - moment > timedelta(hours=2):
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
            self._request(moment, self.chance.choice(list(self.clinics)), channel, "outside_acceptance_hours")

    def _duplicates(self, number: int, accepted: Sequence[Act]) -> None:
        """The same patient again while the first call is open (R11)."""
        firsts = [act for act in accepted if act.at < at(DAY, "17:30")]
        for first in self.chance.sample(firsts, min(number, len(firsts))):
            self.apply_again.add(first.subject)
            moment = first.at + timedelta(seconds=self.chance.randint(15, 60))
            self._request(moment, first.clinic_id, "phone", "duplicate", patient=self.patients[first.subject])
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
                        "iin": self._iin(),
                        "full_name": self._name(),
                        "authority": {"kind": "power_of_attorney", "number": "17", "valid_until": "2026-09-30"},
                    }
                },
            ),
        ]
        acts = []
        for place, moment in enumerate(self._waves(number, at(DAY, "08:40"), at(DAY, "17:30"), max(1, number // 2))):
            channel, code, over = wrong[place % len(wrong)]
            acts.append(self._request(moment, self._open_clinic(moment), channel, code, over=over))
        return acts

    def _badly_signed(self, number: int) -> None:
        """Through the portal, with a signature that does not hold (C9.2): refused at once, also in the evening."""
        begins, ends = at(DAY, "09:20"), at(DAY, "22:40")
        for place in range(number):
            moment = begins + (ends - begins) * (place + self.chance.random()) / number
            moment = moment.replace(microsecond=0)
            flaw = list(_FLAWS)[place % len(_FLAWS)]
            news = f"a portal request whose signature does not hold: {_FLAWS[flaw]}" if place < len(_FLAWS) else ""
            clinic_id = self.chance.choice(list(self.clinics))
            self._request(moment, clinic_id, "portal", "signature_invalid", flaw=flaw, news=news)

    def _unknown_clinic(self, number: int) -> None:
        for moment in self._waves(number, at(DAY, "09:30"), at(DAY, "16:30"), max(1, number)):
            self._request(moment, UNKNOWN, "portal", "unknown_clinic")

    def _withdrawals(self, accepted: Sequence[Act]) -> None:
        candidates = [act for act in accepted if act.clinic_id != LATE_ROSTER and act.subject not in self.apply_again]
        for act in self.chance.sample(candidates, min(len(candidates), round(_WITHDRAWN * self.requests))):
            self._withdraw(act, timedelta(seconds=self.chance.randint(60, 400)))

    def _withdraw(self, act: Act, later: timedelta) -> None:
        moment = act.at + later
        data = {
            "request_id": act.subject,
            "clinic_id": act.clinic_id,
            "at": moment.isoformat(),
            "reason": self.chance.choice(("Жағдайы жақсарды", "Стало лучше", "Сам приду на приём")),
        }
        self.withdrawn.add(act.subject)
        self._do(moment, "request.withdrawn", data, source="/portal" if act.channel == "portal" else "")

    def _said_again(self, accepted: Sequence[Act]) -> None:
        """The same record twice, and the same request under another event id: neither is a second request (R11)."""
        for act in self.chance.sample(accepted, min(len(accepted), max(1, self.requests // 60))):
            again = act.at + timedelta(seconds=8)
            self.acts.append(_again(act, again))
            data = json.loads(act.value)
            self._do(again, act.type, data.get("data", data), repeats=True)

    def _oral_answers(self) -> None:
        """Where the clinic confirms them, the answer counts once it was given aloud (C6.1)."""
        spoken = [
            act
            for act in self.acts
            if act.type == "request.submitted"
            and not act.repeats
            and self.expected.get(act.subject) == "accepted"
            and act.channel != "portal"
            and self.clinics[act.clinic_id].oral_confirmation
        ]
        for act in spoken:
            moment = act.at + timedelta(seconds=self.chance.randint(40, 55))
            registrar = {"id": "reg-1", "full_name": self._name()}
            data = {
                "request_id": act.subject,
                "clinic_id": act.clinic_id,
                "at": moment.isoformat(),
                "given_by": registrar,
            }
            self._do(moment, "answer.given", data)

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

    def _accepts(self, calendar: ClinicCalendar, moment: datetime) -> bool:
        return calendar.day_of(moment).accepts(moment)

    def _open_clinic(self, moment: datetime) -> str:
        """A clinic that still accepts then, and has had its roster."""
        return self.chance.choice([key for key, each in self.calendars.items() if self._accepts(each, moment)])

    def _request(
        self,
        moment: datetime,
        clinic_id: str,
        channel: str,
        expected: str,
        *,
        patient: dict[str, Any] | None = None,
        over: Mapping[str, Any] | None = None,
        flaw: str = "",
        news: str = "",
    ) -> Act:
        chance = self.chance
        is_child = chance.random() < 0.25
        patient = patient or self._patient(is_child)
        fever = chance.random() < 0.4
        reasons = [chance.choice(_RED_FLAGS) if chance.random() < 0.03 else chance.choice(_REASONS)]
        street = chance.choice(self.streets.get(clinic_id, ("Тал",)))
        line = f"{street} көшесі" if patient["language"] == "kk" else f"улица {street}"
        data: dict[str, Any] = {
            "request_id": str(_uuid(chance)),
            "clinic_id": clinic_id,
            "channel": channel,
            "submitted_at": moment.isoformat(),
            "patient": patient,
            "address": {"text": f"Алматы, {line}, {chance.randint(1, 60)}", "flat": chance.randint(1, 90)},
            "reasons": reasons,
        }
        if fever:
            data["temperature_c"] = round(chance.uniform(38.1, 39.9), 1)
        if "birth_date" in patient:
            authority = {"kind": "parent"}
            data["applicant"] = {"iin": self._iin(), "full_name": self._name(), "authority": authority}
        if channel != "portal":
            served = moment - timedelta(seconds=chance.randint(40, 150))
            # One in a hundred has waited too long before being heard at all (C4.2).
            waited = 700 if chance.random() < 0.01 else chance.randint(20, 400)
            data["queued_at"] = (moment - timedelta(seconds=max(waited, 160))).isoformat()
            data["service_started_at"] = served.isoformat()
            data["registrar"] = {"id": f"reg-{chance.randint(1, 4)}", "full_name": self._name()}
        if channel == "desk":
            data["identity_document"] = {"kind": "id_card", "number": f"{chance.randint(0, 999_999):09}"}
        for name, value in (over or {}).items():
            if value is None:
                data.pop(name, None)
            elif isinstance(value, dict) and name in data:
                data[name] = data[name] | value
            else:
                data[name] = value
        if channel == "portal" and "signature" not in (over or {}):
            self._sign(data, data.get("applicant", patient)["iin"], flaw)
        self.expected[data["request_id"]] = expected
        self.patients[data["request_id"]] = patient
        self._check(expected, data, moment)
        structured = channel == "portal"
        return self._do(moment, "request.submitted", data, structured=structured, expected=expected, news=news)

    def _sign(self, data: dict[str, Any], iin: str, flaw: str = "") -> None:
        """Have the data signed by who must sign (R15), or so that the signature does not hold."""
        if flaw == "no_cms":
            value = base64.b64encode("ЭЦҚ".encode()).decode()
        elif flaw == "organisation":
            value = self.signatures.of_organisation(data, iin)
        else:
            value = self.signatures.of_person(data, self._iin() if flaw == "another" else iin)
        if flaw == "tampered":
            data["address"] = data["address"] | {"flat": data["address"]["flat"] + 1}
        data["signature"] = {"format": "cms", "value": value}

    def _check(self, expected: str, data: Mapping[str, Any], moment: datetime) -> None:
        """What is expected by the law alone must be what the law says."""
        calendar = self.calendars.get(data["clinic_id"])
        if calendar is None or expected not in {"accepted", "deferred", "outside_acceptance_hours"}:
            return
        verdict = decide_acceptance(
            channel=data["channel"], submitted_at=moment, calendar=calendar, rules=self.rules, record_time=None
        )
        named = getattr(verdict, "code", type(verdict).__name__.lower())
        if named != expected:
            raise AssertionError(f"{data['clinic_id']} at {moment}: {named}, not {expected}")

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
            clinic_id = self.chance.choice(list(self.clinics)[:3])
            data: dict[str, Any] = {
                "complaint_id": str(_uuid(self.chance)),
                "addressed_to": addressed_to,
                "clinic_id": clinic_id,
                "channel": channel,
                "submitted_at": moment.isoformat(),
                "complainant": {"full_name": self._name(), "iin": self._iin(), "language": language},
                "text": text,
                "answer_by": {"post": "post", "in_person": "by_hand", "portal": "portal"}[channel],
            }
            if channel == "portal":
                self._sign(data, data["complainant"]["iin"], flaw)
            else:
                data["received_by"] = {"full_name": self._name(), "position": "Кеңсе маманы"}
            news = f"a complaint comes in ({channel}, to the {addressed_to.replace('_', ' ')})"
            if about and (channel == "in_person" or before.get("channel") == "in_person"):
                data |= {"request_id": about.subject, "clinic_id": about.clinic_id}
                if before:
                    data["complainant"] = before["complainant"] | {"language": language}
                    news += ", about the same call as the last one, by the same person"
            before = data
            if flaw:
                news += f"; its signature does not hold: {_FLAWS[flaw]}"
            self._do(moment, "complaint.submitted", data, expected="refused" if flaw else "registered", news=news)

    # ------------------------------------------------------------ what cannot be handled

    def _garbage(self, accepted: Sequence[Act], invalid: Sequence[Act]) -> None:
        """Records that must become dead letters, and must not harm their neighbours."""
        wrong = "/clinics/misconfigured"

        def broken(clock: str, topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...], dead: str) -> None:
            self.acts.append(Act(at(DAY, clock), topic, b"samal-1", value, headers, type="", dead=dead))

        broken("09:10", REQUESTS.name, b'{"request_id": ', (), "not_json")
        broken("09:40", REQUESTS.name, b'{"request_id": "1"}', (), "not_cloudevent")
        broken("09:50", CLINICS.name, b"<clinic/>", (), "not_json")
        template = _act(
            self.chance,
            at(DAY, "10:10"),
            "visit.reported",
            {"request_id": str(_uuid(self.chance)), "clinic_id": "samal-1", "at": at(DAY, "10:10").isoformat()},
            source=wrong,
        )
        broken("10:10", VISITS.name, template.value, template.headers, "schema")
        headers = tuple(
            (name, b"kz.homecall.visit.imagined" if name == "ce_type" else value) for name, value in template.headers
        )
        broken("10:20", VISITS.name, template.value, headers, "unknown_type")
        if accepted:
            # Another clinic takes an id that is in use.
            first = min(accepted, key=lambda act: act.at)
            data = json.loads(first.value)
            data = data.get("data", data)
            other = next(clinic_id for clinic_id in self.clinics if clinic_id != first.clinic_id)
            data = data | {"clinic_id": other, "submitted_at": at(DAY, "17:40").isoformat()}
            self._do(at(DAY, "17:40"), "request.submitted", data, source=wrong, dead="invalid_transition")
        if invalid:
            # Nothing is left to withdraw of what was refused.
            refused = invalid[0]
            data = {
                "request_id": refused.subject,
                "clinic_id": refused.clinic_id,
                "at": at(DAY, "17:42").isoformat(),
                "reason": "Не нужно",
            }
            self._do(at(DAY, "17:42"), "request.withdrawn", data, source=wrong, dead="invalid_transition")

    # ------------------------------------------------------------ people

    def _patient(self, is_child: bool) -> dict[str, Any]:
        patient: dict[str, Any] = {
            "iin": self._iin(),
            "full_name": self._name(),
            "phone": f"+7 700 000 {self.chance.randint(0, 99):02} {self.chance.randint(0, 99):02}",
            "language": self.chance.choices(("kk", "ru", "en"), (55, 40, 5))[0],
        }
        if is_child:
            patient["birth_date"] = date(self.chance.randint(2012, 2025), self.chance.randint(1, 12), 15).isoformat()
        return patient

    def _name(self) -> str:
        family = self.chance.choice(_FAMILY)
        if self.chance.random() < 0.5:
            return f"{family} {self.chance.choice(_MEN)}"
        ending = "ая" if family.endswith("ой") else "а"
        return f"{family.removesuffix('ой')}{ending} {self.chance.choice(_WOMEN)}"

    def _iin(self) -> str:
        while True:
            born = date(1800, 1, 1) + timedelta(days=self.chance.randrange(36_000))
            first = f"{born:%y%m%d}{self.chance.choice('12')}{self.chance.randrange(10_000):04}"
            digit = iin_check_digit(first)
            if digit is not None and first not in self._iins:
                self._iins.add(first)
                return f"{first}{digit}"


def _again(act: Act, moment: datetime) -> Act:
    """The same record once more, as a publisher sends it that was not sure."""
    return Act(
        moment,
        act.topic,
        act.key,
        act.value,
        act.headers,
        act.type,
        act.clinic_id,
        act.subject,
        act.channel,
        repeats=True,
    )
