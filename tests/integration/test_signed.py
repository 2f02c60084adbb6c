"""Signatures and identities checked for real: by a trust store's certificates, by NCANode, by the gateway (C9.2, C9.3).

NCANode and the gateway are stand-ins on a port of their own, which may be down.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from homecall.demo.ports import free_port
from homecall.gateways.signatures.canonical import canonical
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from tests.factories import MONDAY, a_clinic, a_doctor, a_request, a_roster, iin
from tests.infrastructure.world import World
from tests.integration.conftest import NewWorld
from tests.integration.test_service_life import RSS_MIB, START_SECONDS, rss_mib

TODAY = MONDAY.date()
CLINIC = "samal-3"
Data = dict[str, Any]


class StandIn:
    """A server that is up and down as the test wants, always at the same address."""

    def __init__(self, answer: Callable[[str, Data], Any]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: list[str] = []
        self._answer = answer
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stand_in.asked.append(self.path)
                found = stand_in._answer(self.path, body)
                sent = json.dumps(found).encode()
                self.send_response(200 if found is not None else 503)
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def decided(world: World) -> dict[str, str]:
    """What intake said of each request: accepted, or the code and the field's message up to its check."""
    found = {}
    for each in world.heard("request.accepted", "request.refused"):
        data = each.data
        if each.type == "request.accepted":
            found[data["request_id"]] = "accepted"
        else:
            (field,) = data["fields"] or [{"path": "", "message": ""}]
            found[data["request_id"]] = f"{data['code']} {field['path']} {field['message'].partition(':')[0]}".strip()
    return found


def portal(number: int, **over: Any) -> Data:
    """A portal request that is not signed yet."""
    data = a_request(CLINIC, number, over.pop("at", MONDAY), "portal", **over)
    return {name: value for name, value in data.items() if name != "signature"}


def with_(data: Data, cms: str) -> Data:
    return data | {"signature": {"format": "cms", "value": cms}}


def by(number: int) -> Data:
    return {
        "iin": iin(number),
        "full_name": f"Өкіл {number}",
        "authority": {"kind": "power_of_attorney", "number": "2026-118"},
    }


# ---------------------------------------------------------------- rsa


@pytest.fixture(scope="module")
def authority() -> DevAuthority:
    return DevAuthority.new()


def certified(authority: DevAuthority, data: Data, certificate: x509.Certificate) -> Data:
    return with_(data, authority.sign_bytes(canonical(json.dumps(data).encode()), certificate))


def cases(authority: DevAuthority, directory: Path) -> Iterator[tuple[Data, str]]:
    """Requests, each of another patient, and what becomes of them."""

    def own(number: int, **over: Any) -> Data:
        data = portal(number, **over)
        return with_(data, authority.sign(data, iin(number)))

    def because(check: str) -> str:
        return f"signature_invalid signature.value {check}"

    good = own(1)
    yield good, "accepted"
    yield own(2, of_a_later_version={"flag": True}), "accepted"
    yield own(3) | {"address": {"text": "Абай, 99", "district_id": "d1"}}, because("content")
    yield portal(4) | {"signature": good["signature"]}, because("content")
    represented = portal(5, applicant=by(1005))
    yield with_(represented, authority.sign(represented, iin(1005))), "accepted"
    by_the_patient = portal(6, applicant=by(1006))
    yield with_(by_the_patient, authority.sign(by_the_patient, iin(6))), because("iin")
    other = portal(7)
    yield with_(other, authority.sign(other, iin(1007))), because("iin")
    expired = authority.individual(iin(8), until=MONDAY.astimezone(UTC) - timedelta(days=1))
    yield certified(authority, portal(8), expired), because("validity")
    revoked = authority.individual(iin(9))
    authority.publish(directory, {revoked.serial_number: datetime(2026, 11, 1, tzinfo=UTC)})
    yield certified(authority, portal(9), revoked), because("revocation")
    yield certified(authority, portal(10), authority.organisation(iin(10), "060140000001")), because("individual")
    impostor = DevAuthority.new(signer_key=authority.signer_key)
    yield certified(authority, portal(11), impostor.individual(iin(11))), because("chain")
    yield with_(portal(12), "AAAA"), because("form")
    # By desk and phone nobody signs.
    yield a_request(CLINIC, 13, MONDAY, "phone"), "accepted"


def signed_complaint(authority: DevAuthority, number: int, *, tampered: bool) -> Data:
    data = {
        "complaint_id": f"5f0c1d2e-7a1b-4c3d-8e9f-{number:012}",
        "addressed_to": "clinic",
        "clinic_id": CLINIC,
        "channel": "portal",
        "submitted_at": MONDAY.isoformat(),
        "complainant": {"full_name": f"Науқас {number}", "iin": iin(number), "language": "kk"},
        "text": "Дәрігер келмеді.",
        "answer_by": "portal",
    }
    sent = with_(data, authority.sign(data, iin(number)))
    return sent | {"text": "Дәрігер кешікті."} if tampered else sent


def test_c9_2_rsa_each_signature_is_judged_for_what_it_is(
    new_world: NewWorld, authority: DevAuthority, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    authority.save(tmp_path)
    expected = list(cases(authority, tmp_path))
    env = {
        "HOMECALL_SIGNATURES": "rsa",
        "HOMECALL_TRUST_STORE": str(tmp_path / TRUST_STORE),
        "HOMECALL_CRLS": str(tmp_path / CRLS),
    }
    with new_world(extra=env) as world:
        world.publish("clinic.published", a_clinic(CLINIC))
        taken: list[float] = []
        # The best of three: on a machine that is busy with other work, one start says little.
        while len(taken) < 3 and min(taken, default=START_SECONDS) >= START_SECONDS:
            for process in world.processes:
                if process.running:
                    process.stop()
            (intake,) = world.start("intake", ready=False, forked=False)
            taken.append(intake.wait_ready())
        world.publish("request.submitted", *(data for data, _ in expected))
        wanted = {data["request_id"]: outcome for data, outcome in expected}
        world.wait(lambda: len(decided(world)) == len(wanted), "all to be decided")
        assert decided(world) == wanted
        refused = next(each.data for each in world.heard("request.refused") if "content" in str(each.data["fields"]))
        assert "C9.2" in refused["ruling"]["clauses"]

        many = [portal(number) for number in range(2000, 2300)]
        world.publish(
            "request.submitted", *(with_(each, authority.sign(each, each["patient"]["iin"])) for each in many)
        )
        world.wait(lambda: len(decided(world)) == len(wanted) + len(many), "the many to be decided")
        assert {decided(world)[each["request_id"]] for each in many} == {"accepted"}
        held = rss_mib(intake)
        figure(
            f"intake with rsa: ready {', '.join(f'{each:.2f}' for each in taken)} s after its start, "
            f"{held:.0f} MiB after {len(many)} signatures"
        )

        world.start("complaints")
        sound, tampered = (signed_complaint(authority, number, tampered=number == 2) for number in (1, 2))
        world.publish("complaint.submitted", sound, tampered)

        def told() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {sound["complaint_id"]: [], tampered["complaint_id"]: []}
            for each in world.heard("complaint.status-changed"):
                found[each.data["complaint_id"]].append(each.data["status"])
            return found

        outcome = {sound["complaint_id"]: ["delivered", "registered"], tampered["complaint_id"]: ["refused"]}
        world.wait(lambda: told() == outcome, "both complaints to be answered")
    assert held < RSS_MIB
    assert min(taken) < START_SECONDS


# ---------------------------------------------------------------- ncanode


def ncanode(signer: str) -> Callable[[str, Data], Any]:
    """What NCANode finds in a sound CMS of that person."""
    certificate = {
        "valid": True,
        "revocations": [{"revoked": False, "by": "OCSP", "reason": "OK"}],
        "notBefore": "2026-01-01T00:00:00.000+05:00",
        "notAfter": "2027-01-01T00:00:00.000+05:00",
        "keyUsage": "SIGN",
        "keyUser": ["INDIVIDUAL"],
        "subject": {"iin": signer},
    }
    found = {"status": 200, "message": "OK", "valid": True, "signers": [{"certificates": [certificate]}]}
    return lambda path, _: found if path == "/cms/verify" else None


def test_c4_4_c9_2_while_ncanode_is_down_a_request_is_held_and_then_accepted(
    new_world: NewWorld, authority: DevAuthority
) -> None:
    stand_in = StandIn(ncanode(iin(1)))
    env = {"HOMECALL_SIGNATURES": "ncanode", "HOMECALL_NCANODE_URL": stand_in.url}
    # Twenty times as fast: the answer's time, nearly over at the start, is over within seconds.
    with new_world(extra=env, speed=20) as world:
        try:
            data = portal(1, at=MONDAY - timedelta(minutes=29))
            signed, desk = with_(data, authority.sign(data, iin(1))), a_request(CLINIC, 2, MONDAY, "desk")
            world.publish("clinic.published", a_clinic(CLINIC))
            world.publish("roster.published", a_roster(CLINIC, TODAY, [a_doctor("owl")]))
            world.publish("request.submitted", signed, desk)
            world.start("intake", "scheduler", "notifier")
            request_id, served = str(data["request_id"]), str(desk["request_id"])
            world.wait(lambda: "scheduled" in world.statuses(served), "the desk's request to be answered")
            world.wait(lambda: world.statuses(request_id) == ["delayed"], "the held one to be told of as delayed")
            assert request_id not in decided(world)
            (missed,) = [each.data for each in world.heard("deadline.missed") if each.key == CLINIC]
            assert (missed["subject_id"], missed["deadline"], missed["stage"]) == (request_id, "answer", "held")
            told = [(each.data["waits_for"], each.data["deadline"]) for each in world.heard("request.held")]
            assert told[-1] == ("signature", "missed")
            assert len(told) == len(set(told)), "each is said once"

            stand_in.up()
            expected = ["delayed", "registered", "scheduled"]
            world.wait(lambda: world.statuses(request_id) == expected, "it to be accepted and placed", 45)
            assert stand_in.asked == ["/cms/verify"]
            last = [each.data for each in world.heard("status.changed") if each.key == request_id][-1]
            assert last["on_time"] is False
            world.settle()
            assert [each.data["subject_id"] for each in world.heard("deadline.missed")] == [request_id]
        finally:
            stand_in.down()


# ---------------------------------------------------------------- the gateway


def test_c9_3_found_not_found_and_not_to_be_learned(new_world: NewWorld) -> None:
    born = "2020-05-05"
    people: dict[str, Any] = {
        iin(1): {"status": "found", "person": {"full_name": "Науқас 1", "birth_date": born}},
        iin(2): {"status": "not_found"},
        iin(3): None,
        iin(4): {"status": "no_consent"},
    }

    def answer(path: str, body: Mapping[str, Any]) -> Any:
        return people[body["iin"]] if path == "/registers/persons" else {"status": "not_found"}

    gateway = StandIn(answer)
    with new_world(extra={"HOMECALL_IDENTITY": f"{gateway.url}/registers"}, speed=20) as world:
        try:
            gateway.up()
            requests = {number: a_request(CLINIC, number, MONDAY, "phone") for number in (1, 2, 3, 4)}
            ids = {number: str(each["request_id"]) for number, each in requests.items()}
            world.publish("clinic.published", a_clinic(CLINIC))
            world.publish("request.submitted", *requests.values())
            world.start("intake", "notifier")
            world.wait(lambda: len(decided(world)) == len(ids), "all to be decided")
            assert decided(world) == {
                ids[1]: "accepted",
                ids[2]: "identity_not_confirmed patient.iin is not in the state register of persons",
                ids[3]: "accepted",
                ids[4]: "accepted",
            }
            accepted = {each.data["request_id"]: each.data for each in world.heard("request.accepted")}
            assert accepted[ids[1]]["patient"]["age_years"] == 6
            assert {number: accepted[ids[number]]["flags"] for number in (3, 4)} == {
                3: ["identity_unconfirmed"],
                4: ["identity_unconfirmed"],
            }

            people[iin(3)] = {"status": "not_found"}

            def flags() -> list[list[str]]:
                lines = [each.data for each in world.heard("journal.entry") if each.data["request_id"] == ids[3]]
                return [each["flags"] for each in sorted(lines, key=lambda line: int(line["revision"]))]

            world.wait(lambda: flags()[-1:] == [["identity_not_found"]], "the register's line to warn")
            assert [each.data["outcome"] for each in world.heard("request.identity-checked")] == ["not_found"]
            assert "refused" not in world.statuses(ids[3])
        finally:
            gateway.down()
