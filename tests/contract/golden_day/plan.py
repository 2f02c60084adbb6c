"""Makes the golden day's inputs: the demo's clinic day, and beside it what that has no use for.

Only for ``--inputs``: what was made once is committed, and a change of the demo's generator changes nothing in it.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from tests.contract.golden_day.harness import BY_TYPE, Day, Input, clinic_day, signature
from tests.factories import iin

SEED: Final = 20261023
REQUESTS: Final = 80
PREFIX: Final = "kz.homecall."
SMALL: Final = "kuzet-8"
"""Our own clinic: asks for attachment, has one doctor with few visits, and roads."""
FRIDAY, SATURDAY, TUESDAY = date(2026, 10, 23), date(2026, 10, 24), date(2026, 10, 27)
UNTIL: Final = date(2026, 11, 19)
NONE: Final[Mapping[str, Any]] = {}
WRONG_NUMBER, BUSY, BROKEN, CUT = "+77010000001", "+77010000002", "+77010000003", "+77010000004"


def at(day: date, clock: str) -> datetime:
    return clinic_day.at(day, clock)


class _Signatures:
    def of_person(self, data: Mapping[str, Any], iin: str) -> str:
        signer = data.get("applicant") or data.get("patient") or data["complainant"]
        return signature("valid" if signer["iin"] == iin else "invalid iin")

    def of_organisation(self, data: Mapping[str, Any], iin: str) -> str:
        del data, iin
        return signature("invalid individual")


class _Maker:
    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.inputs: list[Input] = []
        self.people: dict[str, dict[str, Any]] = {}
        self._count = 0

    # ---- records

    def send(
        self,
        moment: datetime,
        event_type: str,
        data: Mapping[str, Any],
        *,
        recorded_at: datetime | None = None,
        source: str = "",
        event_id: str = "",
        **headers: str,
    ) -> Mapping[str, Any]:
        self._count += 1
        topic, key = BY_TYPE[event_type]
        told = {
            "ce_specversion": "1.0",
            "ce_id": event_id or str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "ce_source": source or f"/clinics/{data.get('clinic_id', 'none')}",
            "ce_type": PREFIX + event_type,
            "ce_time": moment.isoformat(),
            "content-type": "application/json",
        } | headers
        value = json.dumps(data, ensure_ascii=False).encode()
        self.raw(moment, topic, str(data.get(key, "")).encode(), value, told, recorded_at=recorded_at)
        return data

    def raw(
        self,
        moment: datetime,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, str] = NONE,
        recorded_at: datetime | None = None,
    ) -> None:
        pairs = tuple((name, text.encode()) for name, text in headers.items())
        self.inputs.append(Input(moment, topic, key, value, pairs, recorded_at or moment))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    # ---- the demo's day

    def demo(self) -> None:
        plan = clinic_day.make_plan(REQUESTS, SEED, _Signatures())
        kept_back = 0
        for act in plan.acts:
            if act.type == "answer.given":
                kept_back += 1
                if kept_back % 3 == 0:
                    continue  # nobody gives the answer aloud: its time runs out
            self.inputs.append(Input(act.at, act.topic, act.key, act.value, act.headers, act.at))
            if act.type == "request.submitted":
                data = json.loads(act.value or b"{}")
                patient = data.get("data", data).get("patient", {})
                if "birth_date" in patient:
                    self.people[patient["iin"]] = {"birth_date": patient["birth_date"]}

    # ---- our own clinic and its requests

    def clinic(self, **over: Any) -> dict[str, Any]:
        return {
            "clinic_id": SMALL,
            "name": {"kk": "«Күзет» дәрігерлік амбулаториясы", "ru": "Врачебная амбулатория «Кузет»"},
            "region": "Алматы",
            "address": "Алматы, Самал көшесі, 8",
            "phone": "+7 727 000 08 08",
            "head": {"full_name": "Бас Дәрігер Айгүл"},
            "attachment_required": True,
            "districts": [
                {"district_id": "8-01", "kind": "mixed", "addresses": ["Алматы, Самал көшесі", "Алматы, улица Самал"]},
                {"district_id": "8-02", "kind": "mixed", "addresses": ["Алматы, Бұлақ көшесі"]},
            ],
            "dispatch": {"window_minutes": 90, "travel_table": [{"from": "8-01", "to": "8-02", "minutes": 15}]},
        } | over

    def doctor(self, number: int, **over: Any) -> dict[str, Any]:
        return {
            "doctor_id": f"kz-{number}",
            "full_name": f"Дәрігер {number}",
            "specialty": "gp",
            "districts": ["8-01"],
            "shift": {"from": "09:00", "to": "19:00"},
            "max_visits": 4,
        } | over

    def roster(self, moment: datetime, day: date, revision: int, doctors: Sequence[Any], **over: Any) -> None:
        data = {"clinic_id": SMALL, "date": day.isoformat(), "revision": revision, "doctors": list(doctors)}
        self.send(moment, "roster.published", data | over)

    def request(
        self,
        number: int,
        moment: datetime,
        channel: str = "phone",
        *,
        language: str = "en",
        known: Mapping[str, Any] = NONE,
        signed: str = "valid",
        recorded_at: datetime | None = None,
        sent_at: datetime | None = None,
        patient: Mapping[str, Any] = NONE,
        headers: Mapping[str, str] = NONE,
        **over: Any,
    ) -> dict[str, Any]:
        who = {"iin": iin(900_000 + number), "full_name": f"Patient {number}", "language": language}
        who["phone"] = f"+7 701 111 {number // 100:02} {number % 100:02}"
        who |= patient
        self.people[who["iin"]] = {"clinic_id": SMALL} | dict(known)
        data: dict[str, Any] = {
            "request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"golden {number}")),
            "clinic_id": SMALL,
            "channel": channel,
            "submitted_at": moment.isoformat(),
            "patient": who,
            "address": {"text": f"Алматы, Самал көшесі, {number}", "flat": 1 + number},
            "reasons": ["fever_above_38"],
        }
        if channel == "desk":
            data["identity_document"] = {"kind": "id_card", "number": f"{number:09}"}
        if channel != "portal":
            data["queued_at"] = (moment - timedelta(minutes=4)).isoformat()
            data["service_started_at"] = (moment - timedelta(minutes=2)).isoformat()
            data["registrar"] = {"id": "reg-8", "full_name": "Тіркеуші Сәуле"}
        data |= over
        data = {name: value for name, value in data.items() if value is not None}
        if channel == "portal" and "signature" not in over:
            data["signature"] = {"format": "cms", "value": signature(signed)}
        self.send(
            sent_at or moment,
            "request.submitted",
            data,
            recorded_at=recorded_at,
            source="/portal" if channel == "portal" else "",
            **headers,
        )
        return data

    def about(self, request: Mapping[str, Any], moment: datetime, event_type: str, **more: Any) -> None:
        ids = {name: request[name] for name in ("request_id", "clinic_id")}
        recorded_at = more.pop("recorded_at", None)
        self.send(moment, event_type, ids | {"at": moment.isoformat()} | more, recorded_at=recorded_at)

    def small_clinic(self) -> None:
        f = FRIDAY
        self.send(at(f, "07:50"), "clinic.published", self.clinic())
        self.roster(at(f, "07:52"), f, 1, [self.doctor(1, start={"lat": 43.25, "lon": 76.95})])
        parent = {"iin": iin(950_001), "full_name": "Ата-ана Дана", "authority": {"kind": "parent"}}
        deputy = {
            "iin": iin(950_002),
            "full_name": "Representative Olga",
            "phone": "+7 701 222 00 01",
            "authority": {"kind": "power_of_attorney", "number": "2026-8", "valid_until": "2026-12-31"},
        }
        guardian = {"iin": iin(950_003), "full_name": "Қамқоршы Ержан", "authority": {"kind": "guardian"}}
        trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}

        # Places by road, red flags, traces, who applies.
        here = {"text": "Алматы, Самал көшесі, 1", "lat": 43.24, "lon": 76.94, "entrance": "1", "floor": 2}
        first = self.request(1, at(f, "08:31"), "desk", address=here, headers=trace)
        flags = self.request(2, at(f, "08:33"), "portal", reasons=["chest_pain", "fever_above_38"], temperature_c=39.1)
        child = self.request(
            3,
            at(f, "08:36"),
            applicant=parent,
            patient={"birth_date": "2020-02-02"},
            known={"birth_date": "2020-02-02"},
            language="kk",
            note="ЖСН 850715100000 деп жазылды",
        )
        far = self.request(
            4,
            at(f, "08:40"),
            "portal",
            applicant=deputy,
            language="ru",
            address={"text": "Алматы, Бұлақ көшесі, 4", "lat": 0, "lon": 0, "district_id": "8-02"},
        )
        # Room for four only: these wait, and the last of them has no visit that day.
        late = [self.request(5 + place, at(f, "09:05") + timedelta(minutes=7 * place)) for place in range(3)]
        self.request(8, at(f, "09:40"), patient={"sms": False}, reasons=["stroke_signs"])
        self.about(child, at(f, "10:20"), "request.withdrawn", reason="Стало лучше")
        self.about(late[2], at(f, "11:00"), "request.withdrawn", reason="Will come in person")
        self.about(first, at(f, "12:31"), "visit.reported", outcome="hospitalised")
        self.about(first, at(f, "12:40"), "visit.reported", outcome="served")
        self.about(flags, at(f, "13:31"), "visit.reported", outcome="declined", note="Пациент отказался")
        self.about(far, at(f, "14:40"), "visit.reported", outcome="false_call")
        self.about(late[2], at(f, "15:00"), "visit.reported", outcome="served")

        # Who is refused, and how the person is told.
        self.request(20, at(f, "09:50"), known={"clinic_id": "elsewhere-1"}, language="en")
        self.request(21, at(f, "09:52"), known={"status": "not_found"}, language="ru")
        self.request(22, at(f, "09:54"), applicant=parent, language="en")  # no minor: no parent applies
        self.request(23, at(f, "09:56"), applicant=deputy | {"authority": {"kind": "power_of_attorney"}})
        self.request(24, at(f, "09:58"), "portal", signed="never", language="en")
        self.request(25, at(f, "10:00"), "portal", signed="invalid revocation", language="kk")
        self.request(26, at(f, "19:10"), "desk", language="en")
        self.request(27, at(f, "10:02"), language="xx")
        self.request(28, at(f, "10:03"), "portal", address=None, language="ru")
        self.request(29, at(f, "10:04"), clinic_id="nobody-knows-9", language="en")
        self.request(31, at(f, "10:08"), "desk", applicant=guardian, clinic_id="samal-1", language="ru")
        self.request(30, at(f, "10:06"), patient={"iin": iin(900_001)}, language="en")  # number 1 has an open call

        # What cannot be checked now: persons, and signatures.
        soon, later = at(f, "09:17").isoformat(), at(f, "18:30").isoformat()
        self.request(40, at(f, "09:16"), known={"unreadable_until": soon}, clinic_id="samal-1")
        self.request(41, at(f, "09:18"), known={"unreadable_until": at(f, "09:30").isoformat(), "status": "not_found"})
        self.request(42, at(f, "09:20"), known={"status": "no_consent"}, clinic_id="shagala-6")
        self.request(43, at(f, "09:22"), "portal", signed=f"away {at(f, '09:40').isoformat()}", clinic_id="samal-1")
        self.request(44, at(f, "09:24"), "portal", signed=f"away {later}", clinic_id="samal-1", language="ru")
        self.request(45, at(f, "09:26"), "portal", signed="away 2027-01-01T00:00:00+05:00", clinic_id="shagala-6")
        gone = self.request(46, at(f, "09:28"), "portal", signed=f"away {later}", clinic_id="baiterek-2")
        self.about(gone, at(f, "09:45"), "request.withdrawn", reason="Не нужно")
        self.request(47, at(f, "20:30"), "portal", signed=f"away {at(f, '20:50').isoformat()}", clinic_id="samal-1")

        # Times: waited too long, told too late, a clock that is ahead, what cannot be.
        busy = {"clinic_id": "qarlygash-3"}
        for number, (queued, served) in enumerate((("10:05", "10:29"), ("10:20", "10:10"), ("10:18", "10:19")), 50):
            times = {"queued_at": at(f, queued).isoformat(), "service_started_at": at(f, served).isoformat()}
            self.request(number, at(f, "10:30"), "desk", **times, **busy)
        answered = self.request(53, at(f, "10:40"), sent_at=at(f, "11:25"), language="kk", **busy)
        self.about(answered, at(f, "11:26"), "answer.given", given_by={"id": "r", "full_name": "Тіркеуші"})
        self.request(54, at(f, "11:31"), sent_at=at(f, "11:30"), clinic_id="samal-1")  # put right
        self.request(55, at(f, "11:50"), sent_at=at(f, "11:30"), clinic_id="samal-1", language="ru")  # refused
        spoken = self.request(56, at(f, "11:40"), **busy)
        self.about(spoken, at(f, "11:44"), "answer.given", given_by={"id": "r", "full_name": "Тіркеуші"})
        self.about(spoken, at(f, "11:46"), "answer.given", given_by={"id": "r", "full_name": "Тіркеуші"})
        slow = self.request(57, at(f, "12:00"), **busy)
        self.about(slow, at(f, "12:30"), "answer.given", given_by={"id": "r", "full_name": "Тіркеуші"})
        ahead = self.request(58, at(f, "12:02"), **busy)
        self.about(
            ahead,
            at(f, "12:50"),
            "answer.given",
            given_by={"id": "r", "full_name": "Тіркеуші"},
            recorded_at=at(f, "12:10"),
        )

        # The order of what belongs together, and what belongs to nothing.
        early = {"request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden 60")), "clinic_id": "samal-1"}
        self.about(early, at(f, "12:10:10"), "request.withdrawn", reason="Жағдайы жақсарды")
        self.request(60, at(f, "12:10"), sent_at=at(f, "12:12"), clinic_id="samal-1")
        nothing = {"request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden nothing")), "clinic_id": "samal-1"}
        self.about(nothing, at(f, "12:15"), "request.withdrawn", reason="Жоқ")
        self.about(nothing, at(f, "12:16"), "visit.reported", outcome="served")
        self.about(nothing, at(f, "12:17"), "answer.given", given_by={"id": "r", "full_name": "Тіркеуші"})
        twice = self.request(61, at(f, "12:20"), clinic_id="samal-1", language="ru")
        self.send(at(f, "12:21"), "request.submitted", twice)
        self.send(at(f, "12:22"), "request.submitted", twice | {"reasons": ["other"]})

        # Messages that do not go well.
        for number, phone in enumerate((WRONG_NUMBER, BUSY, BROKEN, CUT), 70):
            self.request(
                number,
                at(f, "12:30") + timedelta(minutes=number - 70),
                clinic_id="baiterek-2",
                patient={"phone": phone},
            )
        self.request(74, at(f, "12:40"), clinic_id="baiterek-2", patient={"phone": "+7 727 200 00 00"}, language="kk")

        # The evening and the days after: deferred, the calendar changes, the small clinic has no roster.
        waits = self.request(80, at(f, "21:00"), "portal", language="en", reasons=["severe_breathlessness"])
        self.request(81, at(f, "21:05"), "portal", clinic_id="tumar-7", language="ru")
        back = self.request(82, at(f, "21:10"), "portal", language="en")
        self.about(back, at(f, "21:40"), "request.withdrawn", reason="Better now")
        del waits
        self.send(at(f, "22:00"), "clinic.published", self.clinic(closed_dates=[SATURDAY.isoformat()]))
        self.request(83, at(SATURDAY, "09:30"), "phone", language="en")
        self.request(84, at(TUESDAY, "08:20"), "phone", language="kk")
        self.roster(
            at(TUESDAY, "10:00"), TUESDAY, 1, [self.doctor(1), self.doctor(2, districts=["8-02"], on_duty=True)]
        )
        self.request(85, at(TUESDAY, "10:10"), "desk", language="ru")
        self.roster(at(TUESDAY, "10:20"), TUESDAY, 2, [self.doctor(2, shift={"from": "12:00", "to": "18:00"})])
        self.roster(at(TUESDAY, "10:25"), TUESDAY, 1, [self.doctor(3)])
        self.request(86, at(TUESDAY, "16:45"), "phone", language="en")
        ill = {"clinic_id": SMALL, "date": TUESDAY.isoformat(), "reason": "Дәрігер ауырып қалды"}
        self.send(at(TUESDAY, "12:30"), "doctor.unavailable", ill | {"doctor_id": "kz-2", "from": "12:30"})
        self.send(at(TUESDAY, "12:31"), "doctor.unavailable", ill | {"doctor_id": "kz-77", "from": "12:30"})
        self.send(at(TUESDAY, "12:32"), "doctor.unavailable", ill | {"doctor_id": "kz-2"})

    def garbage(self) -> None:
        f = FRIDAY
        self.raw(at(f, "09:11"), "homecall.requests.v1", None, None)
        self.raw(at(f, "09:12"), "homecall.complaints.v1", b"\xff\xfe", b"\xff\xfe\x00")
        self.raw(at(f, "09:13"), "homecall.rosters.v1", b"samal-1", b"[]", {"ce_id": "1"})
        self.send(at(f, "09:14"), "roster.published", {"clinic_id": "samal-1", "date": "23.10.2026"})
        self.send(at(f, "09:15"), "answer.given", {"clinic_id": "samal-1"})
        self.send(at(f, "09:15:10"), "request.submitted", {"clinic_id": "samal-1"})
        self.raw(at(SATURDAY, "15:00"), "homecall.clinics.v1", b"aqqu-5", None)

    # ---- complaints

    def complaint(
        self,
        number: int,
        moment: datetime,
        channel: str = "in_person",
        *,
        signed: str = "valid",
        sent_at: datetime | None = None,
        **over: Any,
    ) -> dict[str, Any]:
        way = {"post": "post", "in_person": "by_hand", "portal": "portal"}[channel]
        who = {"full_name": f"Complainant {number}", "iin": iin(960_000 + number), "language": "en"}
        data: dict[str, Any] = {
            "complaint_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"golden complaint {number}")),
            "addressed_to": "clinic",
            "clinic_id": "samal-1",
            "channel": channel,
            "submitted_at": moment.isoformat(),
            "complainant": who | over.pop("complainant", {}),
            "text": "The doctor came two hours late. ЖСН 850715100000.",
            "answer_by": way,
        } | over
        if channel == "portal":
            data["signature"] = {"format": "cms", "value": signature(signed)}
        else:
            data["received_by"] = {"full_name": "Қабылдаушы Айша", "position": "Аға тіркеуші"}
        return dict(self.send(sent_at or moment, "complaint.submitted", data))

    def command(self, complaint: Mapping[str, Any], moment: datetime, name: str, **more: Any) -> None:
        official = {"full_name": "Орындаушы Болат", "position": "Бөлім меңгерушісі"}
        content: dict[str, dict[str, Any]] = {
            "assigned": {"executor": official, "assigned_by": official | {"position": "Бас дәрігер"}},
            "executed": {"measures": "Дәрігермен әңгіме жүргізілді."},
            "answered": {"text": "Кешірім сұраймыз.", "decision": "upheld", "sent_by": "by_hand"},
            "refused": {"grounds": "Шағым басқа ұйымға қатысты."},
            "escalated": {"grounds": "Жауаппен келіспеймін."},
        }
        ids = {each: complaint[each] for each in ("complaint_id", "clinic_id")}
        sent_at = more.pop("sent_at", moment)
        self.send(sent_at, f"complaint.{name}", ids | {"at": moment.isoformat()} | content[name] | more)

    def complaints(self) -> None:
        f, tuesday = FRIDAY, TUESDAY
        call = {"request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden 1")), "clinic_id": SMALL}
        caller = {"iin": iin(900_001), "full_name": "Patient 1"}
        done = self.complaint(1, at(f, "14:00"), complainant=caller | {"phone": "+7 701 111 00 01"}, **call)
        self.command(done, at(f, "14:30"), "assigned")
        self.command(done, at(f, "16:00"), "executed")
        self.command(done, at(tuesday, "11:00"), "answered")
        self.command(done, at(tuesday, "11:30"), "answered", decision="not_upheld")
        self.complaint(2, at(f, "15:10"), "portal", complainant=caller, **call)
        post = {"postal_address": "050000, Алматы, Самал көшесі, 3", "language": "kk"}
        by_post = self.complaint(3, at(f, "15:20"), "post", complainant=post)
        self.command(by_post, at(f, "17:00"), "assigned")
        self.command(by_post, at(tuesday, "15:00"), "answered", decision="partly_upheld", sent_by="post")
        other = self.complaint(4, at(f, "15:40"), complainant={"language": "ru"})
        self.command(other, at(tuesday, "09:30"), "refused")
        long = self.complaint(5, at(f, "16:00"), "portal", complainant={"language": "ru"})
        self.command(long, at(f, "16:30"), "assigned")
        self.command(long, at(tuesday, "10:00"), "answered", decision="not_upheld", sent_by="portal")
        self.command(long, at(tuesday, "16:00"), "escalated")
        self.command(long, at(date(2026, 10, 29), "10:00"), "assigned")
        self.command(long, at(date(2026, 11, 5), "10:00"), "executed")
        self.command(long, at(date(2026, 11, 6), "10:00"), "answered", sent_by="portal")
        self.complaint(6, at(f, "16:10"), complainant={"language": "kk"})  # nobody answers
        ministry = self.complaint(7, at(f, "16:15"), "post", addressed_to="ministry", complainant=post)
        self.command(ministry, at(date(2026, 10, 28), "10:00"), "assigned")
        self.command(ministry, at(date(2026, 11, 9), "10:00"), "answered", sent_by="post")
        self.complaint(
            8, at(f, "16:20"), "portal", signed=f"away {at(f, '17:20').isoformat()}", addressed_to="ministry"
        )
        held = self.complaint(9, at(f, "16:25"), "portal", signed="away 2027-01-01T00:00:00+05:00")
        self.command(held, at(f, "16:50"), "assigned")
        self.complaint(10, at(f, "16:28"), "portal", signed="never", complainant={"language": "kk"})
        self.complaint(11, at(f, "16:30"), text="", complainant={"language": "en"})
        waited = {"complaint_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden complaint 12")), "clinic_id": "samal-1"}
        self.command(waited, at(f, "16:45"), "assigned")
        self.complaint(12, at(f, "16:40"), sent_at=at(f, "16:55"), complainant={"language": "kk"}, answer_by="post")
        nothing = {"complaint_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden no complaint")), "clinic_id": "samal-1"}
        self.command(nothing, at(f, "17:05"), "assigned")
        self.command(done, at(tuesday, "12:00"), "executed")
        self.command(by_post, at(tuesday, "17:00"), "escalated", sent_at=at(tuesday, "12:00"))
        self.complaint(13, at(f, "17:10"), clinic_id="nobody-knows-9")
        authority = self.complaint(14, at(tuesday, "09:00"), "portal", addressed_to="quality_authority")
        self.command(authority, at(tuesday, "13:00"), "escalated")
        unheard = {"request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, "golden unheard"))}
        self.complaint(15, at(tuesday, "09:10"), complainant={"language": "ru"}, **unheard)
        self.send(at(tuesday, "09:20"), "complaint.submitted", done)

    def day(self) -> Day:
        """The day as it stands, with the moments at which the clock is set."""
        inputs = sorted(self.inputs, key=lambda each: each.at)
        minute = timedelta(minutes=1)
        moments = {
            clinic_day.at(FRIDAY, "00:00") + minute * -(-(each.at - at(FRIDAY, "00:00")) // minute) for each in inputs
        }

        def every(day: date, begins: str, ends: str, minutes: int) -> None:
            moment = at(day, begins)
            while moment <= at(day, ends):
                moments.add(moment)
                moment += timedelta(minutes=minutes)

        every(FRIDAY, "07:30", "20:30", 10)
        every(FRIDAY, "21:00", "23:45", 15)
        every(SATURDAY, "00:00", "23:00", 60)
        every(SATURDAY, "08:30", "14:30", 30)
        for day in (date(2026, 10, 25), date(2026, 10, 26)):
            every(day, "00:30", "23:30", 120)
        every(TUESDAY, "00:30", "07:30", 60)
        every(TUESDAY, "07:40", "20:20", 20)
        day = TUESDAY
        while (day := day + timedelta(days=1)) <= UNTIL:
            every(day, "08:10", "20:10", 720)
        restarts = frozenset({at(FRIDAY, "13:05"), at(TUESDAY, "07:30")})
        sms = {WRONG_NUMBER: "refuse", BUSY: "busy", BROKEN: "fail", CUT: "cut"}
        return Day(inputs, sorted(moments), restarts, {"people": self.people, "sms": sms})

    def reports(self, records: Sequence[Any]) -> None:
        """What becomes of the visits that were promised: most patients are served, of some nobody reports."""
        promised: dict[str, dict[str, Any]] = {}
        for each in records:
            said = dict(each.headers).get("ce_type", b"").decode()
            data = json.loads(each.value)
            if said.endswith(("visit.scheduled", "visit.rescheduled")):
                promised[data["request_id"]] = data
            else:
                promised.pop(data["request_id"], None)
        ours = {str(uuid.uuid5(uuid.NAMESPACE_OID, f"golden {number}")) for number in range(12)}
        outcomes = (*("served",) * 9, "not_at_home", "hospitalised", "false_call", "declined")
        for request_id, data in sorted(promised.items()):
            if request_id in ours or self.chance.random() < 0.12:
                continue
            ended_at = datetime.fromisoformat(data["arrives_to"]) - timedelta(minutes=self.chance.randint(1, 60))
            self.about(data, ended_at.replace(second=0), "visit.reported", outcome=self.chance.choice(outcomes))


def make() -> _Maker:
    """All inputs but the reports on visits, which follow from what is promised."""
    maker = _Maker()
    maker.demo()
    maker.small_clinic()
    maker.garbage()
    maker.complaints()
    return maker
