"""Revocation asked online: a responder on this machine that answers well, ill, late or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core  # type: ignore[import-untyped]  # ships no types
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homecall.gateways.signatures.dev_authority import DevAuthority, new_key
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Valid, Verdict
from homecall.gateways.signatures.rsa import RsaChecker
from homecall.gateways.signatures.rsa_pool import RsaPool, rsa_from
from homecall.runtime.settings import Settings, SettingsError
from tests.unit.gateways.signing import AIGUL, AT, BOLAT, authority, by_hand, content, der, impostor, signed

NOW = AT.astimezone(UTC)
HOUR = timedelta(hours=1)
GOOD = ocsp.OCSPCertStatus.GOOD
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN


class Responder:
    """Answers on 127.0.0.1 with whatever ``answer`` makes of a question: a body, or a status and a body."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], bytes | tuple[int, bytes]] = lambda _: (500, b"")
        self.asked: list[ocsp.OCSPRequest] = []
        self.released = threading.Event()
        responder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["content-length"]))
                responder.asked.append(ocsp.load_der_ocsp_request(question))
                found = responder.answer(question)
                status, body = found if isinstance(found, tuple) else (200, found)
                self.send_response(status)
                self.send_header("content-type", "application/ocsp-response")
                self.send_header("content-length", str(len(body)))
                self.send_header("location", responder.address)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked may be gone
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/ocsp"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def responder() -> Iterator[Responder]:
    found = Responder()
    yield found
    found.close()


def answers(
    certificate: x509.Certificate,
    status: ocsp.OCSPCertStatus = GOOD,
    *,
    revoked_at: datetime | None = None,
    since: datetime = NOW - HOUR,
    until: datetime | None = NOW + HOUR,
    issuer: DevAuthority | None = None,
    signer: tuple[x509.Certificate, rsa.RSAPrivateKey] | None = None,
    nonce: bytes | None = None,
    echo: bool = True,
    keeps_since: datetime | None = None,
    weak: bool = False,
) -> Callable[[bytes], bytes]:
    """Answers about this certificate, signed by the authority itself or by ``signer``."""
    by = issuer or authority()
    shown, key = signer or (by.certificate, by.key)

    def answer(question: bytes) -> bytes:
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate,
            issuer=by.certificate,
            algorithm=hashes.SHA1(),  # it names the issuer, and protects nothing
            cert_status=status,
            this_update=since,
            next_update=until,
            revocation_time=revoked_at,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked_at else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, shown)
        if signer is not None:
            builder = builder.certificates([shown])
        asked = ocsp.load_der_ocsp_request(question).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        if echo:
            builder = builder.add_extension(x509.OCSPNonce(nonce or asked), critical=False)
        made = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
        return signed_again(made, key, keeps_since, weak=weak) if weak or keeps_since else made

    return answer


def signed_again(answer: bytes, key: rsa.RSAPrivateKey, keeps_since: datetime | None, *, weak: bool) -> bytes:
    """The answer with what cryptography does not write: ``archiveCutoff``, or a signature with SHA-1."""
    whole = asn1_ocsp.OCSPResponse.load(answer)
    basic = whole["response_bytes"]["response"].parsed
    told = basic["tbs_response_data"]
    if keeps_since is not None:
        cutoff = {"extn_id": "archive_cutoff", "critical": False, "extn_value": core.GeneralizedTime(keeps_since)}
        told["responses"][0]["single_extensions"] = [cutoff]
    if weak:
        basic["signature_algorithm"]["algorithm"] = "sha1_rsa"
    hashed = hashes.SHA1() if weak else hashes.SHA256()
    basic["signature"] = key.sign(told.dump(force=True), padding.PKCS1v15(), hashed)
    rebuilt = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump(force=True))}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": rebuilt}).dump())


def delegate(by: DevAuthority, *, for_ocsp: bool = True) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """A responder to whom an authority leaves the answers, with a key of its own."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ҮЛГІ OCSP")])
    purposes = (ExtendedKeyUsageOID.OCSP_SIGNING,) if for_ocsp else ()
    return by.certify(name, purposes=purposes, key=key.public_key()), key


def check(
    responder: Responder | str, certificate: x509.Certificate, *, crls: Path | None = None, **over: Any
) -> Verdict:
    """The verdict on a signature with this certificate, the responder being set by its address."""
    address = responder if isinstance(responder, str) else responder.address
    checker = RsaChecker([der(authority().certificate)], crls, address, request_seconds=over.pop("seconds", 4.0))
    try:
        cms = by_hand(content(), certificate)
        heard_at = over.pop("heard_at", None)
        asked = signed(cms, **over)
        return checker.check(Signed(asked.value, asked.cms, asked.signer_iin, asked.at, heard_at))
    finally:
        checker.close()


PERSON = authority().individual(AIGUL, since=NOW - 100 * HOUR, until=NOW + 100 * HOUR)


def test_good_is_taken_and_the_question_names_the_certificate(responder: Responder) -> None:
    responder.answer = answers(PERSON)
    assert check(responder, PERSON) == Valid()
    (asked,) = responder.asked
    assert asked.serial_number == PERSON.serial_number


@pytest.mark.parametrize("revoked_at", [NOW - HOUR, NOW])
def test_revoked_by_then_is_refused(responder: Responder, revoked_at: datetime) -> None:
    responder.answer = answers(PERSON, REVOKED, revoked_at=revoked_at, since=NOW + HOUR, until=NOW + 2 * HOUR)
    verdict = check(responder, PERSON)
    assert isinstance(verdict, Invalid)
    assert verdict.check == "revocation"


def test_revoked_after_the_request_was_heard_is_taken_and_before_that_it_is_not(responder: Responder) -> None:
    responder.answer = answers(PERSON, REVOKED, revoked_at=NOW + HOUR, since=NOW + 2 * HOUR, until=NOW + 3 * HOUR)
    assert check(responder, PERSON) == Valid()
    assert check(responder, PERSON, heard_at=NOW + HOUR - timedelta(seconds=1)) == Valid()
    backdated = check(responder, PERSON, heard_at=NOW + HOUR)
    assert isinstance(backdated, Invalid)
    assert backdated.check == "revocation"


ENDED = authority().individual(AIGUL, since=NOW - 100 * HOUR, until=NOW + HOUR)
"""The certificate of somebody who dates a request back to its last hour."""
SECOND = timedelta(seconds=1)


def after_its_end(**over: Any) -> Callable[[bytes], bytes]:
    return answers(ENDED, **({"since": NOW + 9 * HOUR, "until": NOW + 11 * HOUR} | over))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (after_its_end(), Unavailable),
        (after_its_end(since=NOW + HOUR + SECOND), Unavailable),
        (after_its_end(since=NOW + HOUR), Valid),
        (after_its_end(keeps_since=NOW + HOUR), Valid),
        (after_its_end(keeps_since=NOW), Valid),
        (after_its_end(keeps_since=NOW + HOUR + SECOND), Unavailable),
        (after_its_end(status=REVOKED, revoked_at=NOW - HOUR), Invalid),
        (after_its_end(status=REVOKED, revoked_at=NOW + HOUR), Invalid),
    ],
    ids=[
        "long after",
        "a second after",
        "at its end",
        "kept since its end",
        "kept since before",
        "kept since after",
        "revoked",
        "revoked before it was heard",
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_an_answer_from_after_the_certificate_s_end_tells_nothing_unless_the_responder_keeps_it(
    responder: Responder, tmp_path: Path, answer: Callable[[bytes], bytes], expected: type, listed: bool
) -> None:
    responder.answer = answer
    later = authority().revocations(since=NOW + 9 * HOUR).public_bytes(Encoding.DER)
    (tmp_path / "a.crl").write_bytes(later)  # it does not have the certificate any more
    verdict = check(responder, ENDED, heard_at=NOW + 10 * HOUR, crls=tmp_path if listed else None)
    assert isinstance(verdict, expected), verdict
    if isinstance(verdict, Unavailable):
        assert verdict.for_good


def test_lists_from_after_the_certificate_s_end_are_no_reason_to_wait(tmp_path: Path) -> None:
    stale = authority().revocations(since=NOW - 2 * HOUR, until=NOW - HOUR)
    (tmp_path / "a.crl").write_bytes(stale.public_bytes(Encoding.DER))
    checker = RsaChecker([der(authority().certificate)], tmp_path)
    asked = signed(by_hand(content(), ENDED))
    assert checker.check(asked) == Unavailable(
        "HOMECALL_CRLS holds no list of the certificate's issuer that covers the request"
    )
    late = authority().revocations(since=NOW + 9 * HOUR)
    (tmp_path / "a.crl").write_bytes(late.public_bytes(Encoding.DER))
    found = RsaChecker([der(authority().certificate)], tmp_path).check(asked)
    assert found == Unavailable("the lists in HOMECALL_CRLS are from after the certificate's end", for_good=True)


def test_an_answer_by_nobody_s_hand_does_not_end_the_wait(responder: Responder) -> None:
    responder.answer = after_its_end(signer=(impostor().certificate, impostor().key))
    verdict = check(responder, ENDED, heard_at=NOW + 10 * HOUR)
    assert isinstance(verdict, Unavailable)
    assert not verdict.for_good


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answers(PERSON, since=NOW - 2 * HOUR, until=NOW - HOUR), "stale"),
        (answers(PERSON, since=NOW - 2 * HOUR, until=None), "stale"),
        (answers(PERSON, UNKNOWN), "does not know"),
        (answers(authority().individual(BOLAT)), "does not know"),
        (answers(PERSON, issuer=impostor()), "cannot be trusted"),
        (answers(PERSON, signer=(impostor().certificate, impostor().key)), "cannot be trusted"),
        (lambda question: answers(PERSON)(question)[:-1] + b"\x00", "cannot be trusted"),
        (answers(PERSON, signer=(PERSON, authority().signer_key)), "cannot be trusted"),
        (answers(PERSON, signer=delegate(authority(), for_ocsp=False)), "cannot be trusted"),
        (answers(PERSON, signer=delegate(impostor())), "cannot be trusted"),
        (answers(PERSON, weak=True), "cannot be trusted"),
        (answers(PERSON, nonce=b"of another question"), "no answer"),
        (lambda _: b"", "no answer"),
        (lambda _: b"<html>", "no answer"),
        (lambda _: b"\x30\x03\x0a\x01\x03", "no answer"),
        (lambda _: (500, b""), "status 500"),
        (lambda _: (302, b""), "status 302"),
        (lambda _: b"\x00" * 70_000, "64 KiB"),
    ],
    ids=[
        "stale",
        "stale, with no end",
        "not known",
        "of another certificate",
        "of an authority of the same name",
        "signed by an authority of the same name",
        "with a signature that is another's",
        "signed by the person",
        "signed by one who is not for that",
        "signed by another authority's responder",
        "signed with SHA-1",
        "to another question",
        "empty",
        "no OCSP",
        "try later",
        "an error",
        "elsewhere",
        "endless",
    ],
)
def test_what_is_no_good_answer_leaves_it_waiting(
    responder: Responder, answer: Callable[[bytes], bytes | tuple[int, bytes]], reason: str
) -> None:
    responder.answer = answer
    verdict = check(responder, PERSON)
    assert isinstance(verdict, Unavailable), verdict
    assert reason in verdict.reason


def test_a_responder_to_whom_the_authority_left_it_may_answer(responder: Responder) -> None:
    responder.answer = answers(PERSON, signer=delegate(authority()), echo=False)
    assert check(responder, PERSON) == Valid()


def test_one_that_is_away_or_hangs_leaves_it_waiting(responder: Responder) -> None:
    responder.answer = lambda _: (responder.released.wait(), b"")[1]
    assert check(responder, PERSON, seconds=0.2) == Unavailable("the OCSP responder did not answer in time")
    gone = "http://127.0.0.1:1/"
    assert check(gone, PERSON) == Unavailable("the OCSP responder cannot be reached")


def test_what_is_wrong_for_ever_does_not_wait_for_it() -> None:
    verdict = check("http://127.0.0.1:1/", PERSON, iin=BOLAT)
    assert isinstance(verdict, Invalid)
    assert verdict.check == "iin"


def test_one_that_keeps_failing_is_left_in_peace(responder: Responder) -> None:
    checker = RsaChecker([der(authority().certificate)], None, responder.address, failures=2)
    cms = by_hand(content(), PERSON)
    verdicts = [checker.check(signed(cms)) for _ in range(4)]
    assert all(isinstance(each, Unavailable) for each in verdicts)
    assert len(responder.asked) == 2
    checker.close()


def test_the_responder_that_the_certificate_names(responder: Responder) -> None:
    named = authority().individual(AIGUL, ocsp=responder.address)
    responder.answer = answers(named)
    assert check("certificate", named) == Valid()
    assert len(responder.asked) == 1
    nameless = check("certificate", PERSON)
    assert isinstance(nameless, Unavailable)
    assert "names no OCSP responder" in nameless.reason
    elsewhere = check("certificate", authority().individual(AIGUL, ocsp="ldap://127.0.0.1/"))
    assert isinstance(elsewhere, Unavailable)


def test_a_list_can_revoke_and_cannot_stand_in_for_the_responder(responder: Responder, tmp_path: Path) -> None:
    listed = tmp_path / "a.crl"
    listed.write_bytes(authority().revocations().public_bytes(Encoding.DER))
    assert isinstance(check(responder, PERSON, crls=tmp_path), Unavailable)
    responder.answer = answers(PERSON)
    assert check(responder, PERSON, crls=tmp_path) == Valid()
    listed.write_bytes(authority().revocations({PERSON.serial_number: NOW - HOUR}).public_bytes(Encoding.DER))
    verdict = check(responder, PERSON, crls=tmp_path)
    assert isinstance(verdict, Invalid)
    assert verdict.check == "revocation"


@pytest.mark.parametrize(
    ("of_the_one_between", "listed", "verdict"),
    [
        (GOOD, False, Valid),
        (REVOKED, False, Invalid),
        (None, False, Unavailable),
        (None, True, Valid),
    ],
)
def test_an_authority_between_is_asked_about_too_and_a_list_may_stand_in_for_its_answer(
    responder: Responder, tmp_path: Path, of_the_one_between: Any, listed: bool, verdict: type
) -> None:
    root = authority()
    between = DevAuthority.new("ҮЛГІ Аралық", signer_key=root.signer_key)
    under_root = (
        x509.CertificateBuilder(
            root.certificate.subject,
            between.certificate.subject,
            between.key.public_key(),
            x509.random_serial_number(),
            NOW - 100 * HOUR,
            NOW + 100 * HOUR,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(between.key.public_key()), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    between = DevAuthority(between.key, root.signer_key, under_root)
    person = between.individual(AIGUL)
    known = {person.serial_number: answers(person, issuer=between)}
    if of_the_one_between is not None:
        revoked_at = NOW - HOUR if of_the_one_between is REVOKED else None
        known[under_root.serial_number] = answers(under_root, of_the_one_between, revoked_at=revoked_at)
    unknown = answers(authority().individual(BOLAT))
    responder.answer = lambda question: known.get(ocsp.load_der_ocsp_request(question).serial_number, unknown)(question)
    (tmp_path / "root.crl").write_bytes(root.revocations().public_bytes(Encoding.DER))
    checker = RsaChecker([der(root.certificate)], tmp_path if listed else None, responder.address)
    found = checker.check(signed(by_hand(content(), person, certificates=[person, under_root])))
    checker.close()
    assert isinstance(found, verdict), found


async def test_the_worker_process_asks_for_a_whole_batch_at_once(responder: Responder) -> None:
    responder.answer = answers(PERSON)
    pool = RsaPool([der(authority().certificate)], None, responder.address)
    cms = by_hand(content(), PERSON)
    try:
        verdicts = await pool.verify([signed(cms), signed(cms, iin=BOLAT), signed(cms)])
    finally:
        await pool.close()
    assert [type(each) for each in verdicts] == [Valid, Invalid, Valid]
    assert len(responder.asked) == 2


def settings(tmp_path: Path, **over: Any) -> Settings:
    (tmp_path / "authority.pem").write_bytes(authority().certificate.public_bytes(Encoding.PEM))
    return Settings(_env_file=None, trust_store=tmp_path, **over)  # type: ignore[call-arg]  # pydantic-settings' own


@pytest.mark.parametrize("wrong", ["on", "", "ftp://127.0.0.1/", "http://", "http://user:secret@127.0.0.1/"])
def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"^HOMECALL_OCSP must be off, certificate ") as error:
        rsa_from(settings(tmp_path, ocsp=wrong))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("right", ["off", "certificate", "http://127.0.0.1:8080", "https://ocsp.example.kz/a"])
def test_a_right_one_does_not(tmp_path: Path, right: str) -> None:
    assert isinstance(rsa_from(settings(tmp_path, ocsp=right)), RsaPool)
