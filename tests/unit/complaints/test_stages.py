"""In each stage its addressee acts, and nobody else (C10.1, C10.8, R22): whom a sender acts for stands in the list."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from homecall.contract.authority import Authority
from homecall.contract.envelope import Incoming, read
from homecall.runtime.clock import SystemClock
from homecall.runtime.kafka.senders import SENDER, Senders
from homecall.runtime.settings import Settings
from services.complaints.app import build
from services.complaints.domain.decisions import decide
from tests.unit.complaints.casebook import (
    MARAT,
    SAULE,
    Casebook,
    at,
    command,
    incoming,
    submission,
)
from tests.unit.complaints.office import Office

NOON = "Thu 2026-11-26 12:00"
COMMANDS = {
    "assigned": {"executor": SAULE},
    "executed": {},
    "answered": {},
    "refused": {},
    "escalated": {},
}
SENDERS = {
    "clinic": Authority(frozenset({"clinic"})),
    "ministry": Authority(frozenset({"ministry"})),
    "quality_authority": Authority(frozenset({"quality_authority"})),
    "portal": Authority(frozenset({"clinic"}), for_complainants=True),
    "nobody": Authority(frozenset()),
}


def complaint_at(stage: str) -> Casebook:
    """A complaint at a stage, with an executor there."""
    book = Casebook()
    if stage == "escalated":
        book.hear(incoming("complaint.submitted", submission("Tue 2026-11-24 09:40")))
        book.hear(command("escalated", "Wed 2026-11-25 10:00"))
    else:
        book.hear(incoming("complaint.submitted", submission("Tue 2026-11-24 09:40", addressed_to=stage)))
    assert book.hear(command("assigned", "Wed 2026-11-25 11:00", executor=MARAT)) == "assigned"
    return book


def may(stage: str, sender: str, name: str) -> bool:
    """The reading R22, said once more in words of its own."""
    at_stage = "quality_authority" if stage == "escalated" else stage
    if name == "escalated":
        return sender in {at_stage, "portal", "quality_authority"}
    return sender == at_stage or (sender == "portal" and at_stage == "clinic")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("stage", ["clinic", "ministry", "quality_authority", "escalated"])
def test_a_command_counts_at_the_stage_of_its_sender_only(stage: str, sender: str, name: str) -> None:
    book = complaint_at(stage)
    decision = decide(
        book.state, command(name, NOON, **COMMANDS[name]), book.facts(authority=SENDERS[sender]), at(NOON)
    )
    if may(stage, sender, name):
        # Escalating what is with the authority already is refused for that, and not for who sent it.
        assert decision.dead is None or (name == "escalated" and decision.dead.reason == "invalid_transition")
        return
    assert decision.state is None
    assert decision.dead is not None
    assert decision.dead.reason == "unauthorised"
    assert f"at stage {'quality_authority' if stage == 'escalated' else stage}" in decision.dead.detail


def test_the_clinic_complained_of_closes_nothing_at_the_ministry() -> None:
    """The case itself: refused by the clinic, it would have been the Ministry's last word."""
    book = complaint_at("ministry")
    event = command("refused", NOON)
    for authority, refused in ((SENDERS["clinic"], True), (SENDERS["ministry"], False)):
        decision = decide(book.state, event, book.facts(authority=authority), at(NOON))
        assert (decision.dead is not None) == refused


def test_without_a_list_of_senders_nobody_is_asked() -> None:
    assert complaint_at("ministry").hear(command("refused", NOON)) == "refused"


# ---------------------------------------------------------------- in the engine


def by(sender: str, event: Incoming) -> Incoming:
    """The event from a sender; its signature has been checked on arrival, before the engine."""
    return read(replace(event.record, headers=(*event.record.headers, (SENDER, sender.encode()))))


def listed_office(tmp_path: Path) -> Office:
    """An office with a list of senders."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    public = base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    entries: dict[str, Any] = {
        "samal-3": {"clinics": ["samal-3"]},
        "ministry": {"clinics": ["*"], "stages": ["ministry"]},
    }
    path = tmp_path / "senders.json"
    path.write_text(json.dumps({"senders": {n: {"keys": [public], **e} for n, e in entries.items()}}), "utf-8")
    return Office(senders=Senders(path))


async def test_a_refused_command_is_told_and_the_addressees_own_goes_through(tmp_path: Path) -> None:
    office = listed_office(tmp_path)
    submitted = by("samal-3", incoming("complaint.submitted", submission(NOON, addressed_to="ministry")))
    forged, own = (by(sender, command("refused", "Thu 2026-11-26 13:00")) for sender in ("samal-3", "ministry"))
    handled = await office.engine.handle([submitted, forged], at(NOON))
    assert [(event.causation_id, dead.reason) for event, dead in handled.dead] == [
        (forged.causation_id, "unauthorised")
    ]
    assert office.state().status == "registered"
    handled = await office.engine.handle([own], at("Thu 2026-11-26 13:00"))
    assert handled.dead == []
    assert office.state().status == "refused"


async def test_a_command_that_waited_for_its_complaint_is_held_against_its_sender_too(tmp_path: Path) -> None:
    office = listed_office(tmp_path)
    forged = by("samal-3", command("refused", "Thu 2026-11-26 13:00"))
    await office.engine.handle([forged], at(NOON))
    submitted = by("samal-3", incoming("complaint.submitted", submission(NOON, addressed_to="ministry")))
    await office.engine.handle([submitted], at(NOON))
    assert office.state().status == "registered"
    due = await office.engine.due(at("Thu 2026-11-26 13:01"))
    assert [(record.value, dead.reason) for record, dead in due.dead] == [(forged.record.value, "unauthorised")]


# ---------------------------------------------------------------- without a list


@pytest.mark.parametrize(
    ("env", "listed", "warned"),
    [("production", False, True), ("production", True, False), ("development", False, False)],
)
def test_production_without_a_list_is_warned_at_its_start(tmp_path: Path, env: str, listed: bool, warned: bool) -> None:
    keys, senders = tmp_path / "keys.json", tmp_path / "senders.json"
    keys.write_text(json.dumps({"lookup": "01" * 32, "keys": {"k": "02" * 32}, "current": "k"}), "utf-8")
    keys.chmod(0o600)
    senders.write_text('{"senders": {}}', "utf-8")
    settings: Any = {
        "env": env,
        "keys_file": keys,
        "senders_file": senders if listed else None,
        "signatures": "ncanode",
        "ncanode_url": "https://127.0.0.1:1",
    }
    with capture_logs() as lines:
        build(Settings(_env_file=None, **settings), SystemClock())
    told = "stages are not held against senders: set HOMECALL_SENDERS_FILE"
    assert (told in [line["event"] for line in lines]) == warned
