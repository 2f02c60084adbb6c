"""``homecall explain``: the ruling on a request or a complaint, with no server.

It asks the services' own decisions, in an empty system that knows one clinic: a ruling is the same as theirs, to the
byte. Not judged is what needs a server: duplicates (R11), identity, and the time of a Kafka record (R17). Signatures
are, with ``HOMECALL_SIGNATURES=rsa`` and a trust store. A line with a ``ruling`` made before is decided by the days
that the ruling looked at; ``today`` is what today's calendar would decide, where that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import to_json

from homecall.contract.encoding import refusal
from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.errors import field_errors, one_line
from homecall.contract.events import ClinicPublished, ComplaintSubmitted, FieldError, RequestRefused, RequestSubmitted
from homecall.contract.strict_json import DEEPEST, Flaw, parse
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import in_zone
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Verdict
from homecall.operations.failure import Failure
from homecall.operations.terminal import counted, json_line, numbered_lines, print_bytes, settings
from homecall.runtime.mongo.codec import Codec
from homecall.runtime.settings import Settings, SettingsError
from homecall.standard import replay
from homecall.standard.calendar import ClinicCalendar, NeverOpenError, local
from homecall.standard.clinics import Clinics
from homecall.standard.complaints import Term, complaint_term
from homecall.standard.handing_on import FirstClock
from homecall.standard.rules import NotCoveredError, RuleSet, RuleSetError, RuleSets, load_rule_sets
from services.intake.domain import submission
from services.intake.domain.facts import Facts
from services.intake.domain.state import RequestState
from services.intake.external_checks import checks_of, signed_of

Check = Callable[[Signed], Verdict]
"""What judges one signature."""

_LINES_A_WRITE = 200
_TYPES = (RequestSubmitted.TYPE, ComplaintSubmitted.TYPE)

# A ruling hangs on a clinic's days alone: who tries something out need not make up the rest.
_ANY_CLINIC = {
    "name": {"kk": "-", "ru": "-"},
    "region": "-",
    "address": "-",
    "phone": "000",
    "head": {"full_name": "-"},
}


class _Unanswered(Exception):
    """Why there is no ruling on a line, and the way out."""


def explain(file: str, *, unsigned: bool = False) -> None:
    """Print a JSON line for each of the file's; ``Failure`` with code 1 at the end if any had no ruling."""
    asked = settings()
    try:
        rule_sets = load_rule_sets(asked.rules)
        check = None if unsigned else _check_of(asked)
    except (RuleSetError, SettingsError) as error:
        raise Failure(str(error)) from None
    total = unanswered = 0
    told = answers(numbered_lines(file), rule_sets, check)
    # Many lines in one write: where output is not buffered, each write costs as much as an answer.
    while some := list(islice(told, _LINES_A_WRITE)):
        print_bytes(b"".join(map(json_line, some)))
        total += len(some)
        unanswered += sum("error" in answer for answer in some)
    if unanswered:
        raise Failure(
            f"{unanswered} of {counted(total, 'line')} {'has' if unanswered == 1 else 'have'} no ruling: see the error",
            code=1,
        )


def _check_of(asked: Settings) -> Check | None:
    """What checks signatures with no server; None where nothing can. Raises ``SettingsError``."""
    if asked.signatures != "rsa" or asked.trust_store is None:
        return None
    from homecall.gateways.signatures.rsa import RsaChecker
    from homecall.gateways.signatures.rsa_pool import read_trust_store

    return RsaChecker(read_trust_store(asked.trust_store), asked.crls).check


def answers(
    lines: Iterable[tuple[int, bytes]], rule_sets: RuleSets, check: Check | None = None
) -> Iterator[dict[str, Any]]:
    """For each numbered line what ``homecall explain`` says, in order; ``{"error", "line"}`` where it cannot say.

    Without ``check`` signatures are not judged.
    """
    for number, line in lines:
        try:
            yield _answer(line, rule_sets, check)
        except _Unanswered as error:
            yield {"error": str(error), "line": number}
        except Exception as error:  # a fault of ours on one line; a service would bury that record and go on, too
            yield {"error": f"handler_failed: {type(error).__name__}: a fault of Homecall, report it", "line": number}


def _answer(line: bytes, rule_sets: RuleSets, check: Check | None) -> dict[str, Any]:
    try:
        parsed = parse(line, deepest=DEEPEST + 1)
    except ValueError as error:
        why = refusal(None) if isinstance(error, UnicodeDecodeError) else "is not JSON"
        raise _Unanswered(f"the line {why}") from None
    asked = parsed.value
    of_data = [each for each in parsed.flaws if each.path.startswith("data.")]
    if others := [f"{each.path} {each.message}" for each in parsed.flaws if each not in of_data]:
        raise _Unanswered("; ".join(others))
    if not isinstance(asked, dict) or "data" not in asked:
        raise _Unanswered('a line is an object: {"type": "request.submitted", "data": {…}, "clinic": {…}}')
    event = _event(asked, [replace(each, path=each.path.removeprefix("data.")) for each in of_data])
    clinics = _clinics(event, asked.get("clinic"))
    # What nobody could check then is not checked now.
    verdict = None if replay.unchecked_by(asked.get("ruling")) else _verdict(event, check)
    now = _Asked(event, clinics, rule_sets, verdict)
    if asked.get("ruling") is None:
        return now.ruled()
    try:
        return _replayed(now, asked["ruling"])
    except replay.NoReplayError as error:
        raise _Unanswered(str(error)) from None


@dataclass(frozen=True)
class _Then:
    """What a ruling made before knew beside the event: record time, age, no check of a signature, the first call."""

    record_time: datetime | None = None
    minor: bool | None = None
    unchecked: Literal["never", "too_late"] | None = None
    first: FirstClock | None = None


@dataclass(frozen=True)
class _Asked:
    """What is to be ruled on, and by what: ``verdict`` is that on its signature, None where nobody judges it."""

    event: Incoming
    clinics: Clinics
    rule_sets: RuleSets
    verdict: Verdict | None
    then: _Then = _Then()

    def ruled(self) -> dict[str, Any]:
        """The answer to the line."""
        return _request(self) if self.event.type == RequestSubmitted.TYPE else _complaint(self)


class _AsRuled(Clinics):
    """The clinic with the days of a ruling in place of those of today's calendar."""

    def __init__(self, today: Clinics, ruling: Mapping[str, Any]) -> None:
        super().__init__()
        self._today = today
        self._ruling = ruling

    def get(self, clinic_id: str) -> ClinicPublished | None:
        return self._today.get(clinic_id)

    def zone(self, clinic_id: str) -> ZoneInfo:
        del clinic_id  # there is one, and the ruling has its zone
        return replay.zone_of(self._ruling)

    def calendar(self, clinic_id: str, rules: RuleSet) -> ClinicCalendar | None:
        today = self._today.calendar(clinic_id, rules)
        return None if today is None else replay.RuledCalendar(self._ruling, rules, today)


def _replayed(now: _Asked, ruling: Any) -> dict[str, Any]:
    """The decision by the calendar of its ruling; ``today`` is what today's would decide, where that differs."""
    if not isinstance(ruling, dict):
        raise _Unanswered("ruling: must be an object, as an event of ours has it")
    own = tuple(each for each in now.rule_sets.sets if each.id == ruling.get("rule_set"))
    if not own:
        raise _Unanswered("ruling.rule_set: names no rule set at hand: HOMECALL_RULES names the directory that has it")
    then = _Then(
        replay.record_time_of(ruling),
        replay.registered_minor(ruling),
        replay.unchecked_by(ruling),
        replay.handed_on_clock(ruling),
    )
    now = replace(now, then=then)
    was = replace(now, clinics=_AsRuled(now.clinics, ruling), rule_sets=RuleSets(own)).ruled() | {"ruling": ruling}
    today = now.ruled()
    return was if was == today | {"ruling": ruling} else was | {"today": today}


def _verdict(event: Incoming, check: Check | None) -> Verdict | None:
    """What is said of the signature; None where there is none to judge."""
    data = event.data
    signed = signed_of(event)
    if isinstance(data, ComplaintSubmitted) and data.channel == "portal" and data.signature is not None:
        signed = Signed(event.value, data.signature.value, data.complainant.iin or "", data.submitted_at)
    if check is None or signed is None:
        return None
    verdict = check(signed)
    if isinstance(verdict, Unavailable):
        raise _Unanswered(f"data.signature: cannot be checked: {verdict.reason}")
    return verdict


def _event(asked: dict[str, Any], flaws: Sequence[Flaw] = ()) -> Incoming:
    """The event as a service would read it from its topic."""
    name = asked.get("type")
    event_type = name.removeprefix(TYPE_PREFIX) if isinstance(name, str) else ""
    if event_type not in _TYPES:
        raise _Unanswered(f"type: must be {' or '.join(_TYPES)}")
    headers = {"specversion": "1.0", "id": "-", "source": "/homecall/explain", "type": TYPE_PREFIX + event_type}
    value = to_json(asked["data"])
    binary_mode = tuple((f"ce_{name}", text.encode()) for name, text in headers.items())
    try:
        return read(Record(TOPIC_OF_TYPE[event_type].name, 0, 0, None, value, binary_mode), flaws=flaws)
    except Unreadable as error:
        # Without its ids nobody could be answered: a service makes a dead letter of it.
        raise _Unanswered(f"data: {error.reason}: {error.detail}") from None


def _clinics(event: Incoming, clinic: Any) -> Clinics:
    if clinic is None:
        clinic = {"clinic_id": event.clinic_id}
    elif not isinstance(clinic, dict):
        raise _Unanswered("clinic: must be an object, as in clinic.published, or absent")
    return _known(to_json({"clinic_id": event.clinic_id, **_ANY_CLINIC, **clinic}))


@lru_cache(maxsize=1024)
def _known(clinic: bytes) -> Clinics:
    """The one clinic that is known, by its JSON: its calendar is made once."""
    try:
        published = ClinicPublished.model_validate_json(clinic)
    except ValidationError as error:
        fields = [each.model_copy(update={"path": f"clinic.{each.path}"}) for each in field_errors(error)]
        raise _Unanswered(one_line(fields)) from None
    clinics = Clinics()
    clinics.take(published)
    return clinics


def _first_call(event: Incoming, clock: FirstClock) -> RequestState | None:
    """The call that the request went on with, as far as its ruling tells of it (R25)."""
    named = event.data.transferred_from if isinstance(event.data, RequestSubmitted) else None
    if named is None:
        return None
    return RequestState(
        named.request_id,
        named.clinic_id,
        "accepted",
        request={"submitted_at": clock.submitted_at.isoformat()},
        clock_started_at=clock.starts_at,
        due_at=clock.due_at,
    )


def _request(asked: _Asked) -> dict[str, Any]:
    event, then = asked.event, asked.then
    checks = replace(checks_of(event, asked.verdict), minor=then.minor)
    if then.unchecked is not None:
        checks = replace(checks, signature=then.unchecked)
    first = None if then.first is None else _first_call(event, then.first)
    facts = Facts(asked.rule_sets, asked.clinics, then.record_time, checks, first=first)
    decision = submission.decide(None, event, facts, _any_moment(event))
    state, said = decision.state, [say.data for say in decision.says]
    assert state is not None  # a request that was never heard of is always decided on
    ruling = state.ruling or None
    zone = asked.clinics.zone(event.clinic_id)
    refused = next((data for data in said if isinstance(data, RequestRefused)), None)
    if refused is not None:
        return {
            "decision": "refused",
            "code": refused.code,
            "fields": [each.model_dump() for each in refused.fields],
            "next_acceptance_at": _told(refused.next_acceptance_at, zone),
            "ruling": ruling,
        }
    return {
        "decision": state.status,
        **({"opens_at": _told(state.opens_at, zone)} if state.status == "deferred" else {}),
        "clock_starts_at": _told(state.clock_started_at, zone),
        "due_at": _told(state.due_at, zone),
        "visit_date": None if state.visit_date is None else state.visit_date.isoformat(),
        "ruling": ruling,
    }


def _told(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """A time as events have it: in the clinic's zone (R20)."""
    return None if moment is None else in_zone(moment, zone)


def _complaint(asked: _Asked) -> dict[str, Any]:
    bad = None
    if isinstance(verdict := asked.verdict, Invalid):
        bad = FieldError(path=verdict.path, message=f"{verdict.check}: {verdict.message}")
    term = None
    if bad is None and isinstance(asked.event.data, ComplaintSubmitted):
        term = _term(asked.event.data, asked)
    if term is None:
        return {"decision": "refused", **_why_no_complaint(asked, bad), "ruling": None}
    return {
        "registered_on": term.registered_on.isoformat(),
        "answer_due_on": term.answer_due_on.isoformat(),
        "answer_due_at": in_zone(term.answer_due_at),
        "ruling": term.ruling.as_dict(),
    }


def _term(complaint: ComplaintSubmitted, asked: _Asked) -> Term | None:
    """The complaint's term; None where it is refused."""
    clinics = asked.clinics
    try:
        rules = asked.rule_sets.on(local(complaint.submitted_at, clinics.zone(complaint.clinic_id)).date())
        calendar = clinics.calendar(complaint.clinic_id, rules)
        if calendar is None:
            return None
        return complaint_term(
            addressed_to=complaint.addressed_to,
            channel=complaint.channel,
            submitted_at=complaint.submitted_at,
            calendar=calendar,
            rules=rules,
            record_time=asked.then.record_time,
        )
    except NeverOpenError as error:
        raise _Unanswered(f"clinic: {error}") from None
    except NotCoveredError:
        return None


def _why_no_complaint(asked: _Asked, bad_signature: FieldError | None) -> dict[str, Any]:
    """The code and the fields of a refusal, as the service has them."""
    # Its texts take a while to load, and few complaints are refused.
    from services.complaints.domain.decisions import decide
    from services.complaints.domain.facts import Facts
    from services.complaints.domain.state import Refusal

    facts = Facts(asked.clinics, asked.rule_sets, bad_signature=bad_signature)
    decision = decide(None, asked.event, facts, _any_moment(asked.event))
    assert decision.state is not None  # a complaint that was never heard of is always decided on
    assert decision.state.refusal is not None
    return Codec(Refusal).encode(decision.state.refusal)


def _any_moment(event: Incoming) -> datetime:
    """The time of deciding: no ruling hangs on it (R1), and so the same line has the same answer for ever."""
    data = event.data
    assert data is None or isinstance(data, RequestSubmitted | ComplaintSubmitted)
    return data.submitted_at if data is not None else datetime(2015, 1, 1, tzinfo=UTC)
