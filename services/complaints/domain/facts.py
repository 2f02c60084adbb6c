"""What a decision on a complaint looks at beside the complaint and the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from homecall.contract.authority import Authority
from homecall.contract.envelope import Incoming
from homecall.contract.events import FieldError
from homecall.standard.clinics import Clinics
from homecall.standard.rules import RuleSets
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.state import Official, Sealed


@dataclass(frozen=True)
class Facts:
    """The facts of one decision, loaded in advance.

    ``officer`` is on duty for what the system accepts by itself (C10.2). ``record_time`` is the Kafka record's, or None
    where it is not judged (R17). ``authority`` says in which stages the sender of a command acts (R22); None where
    senders are not asked. ``matter`` is what stands for the person and call of a new complaint, see ``matters.py``.

    ``bad_signature`` is what is wrong with the signature of one from the portal (C9.2); ``unchecked`` is the event,
    sealed, where the signature cannot be checked now. ``reopened`` is the event of a held complaint that is tried
    again; None where it could not be opened. ``call`` is the call that the complaint names, as it is known now.
    """

    clinics: Clinics
    rule_sets: RuleSets
    officer: Official | None = None
    record_time: datetime | None = None
    authority: Authority | None = None
    matter: Mapping[str, str] = field(default_factory=dict)
    bad_signature: FieldError | None = None
    unchecked: Sealed | None = None
    reopened: Incoming | None = None
    call: CallTimeline | None = None
