"""RSA signatures: a CMS checked against the configured trust store, with pyHanko.

Loaded only by the workers of ``rsa_pool``: it is large, and a check takes milliseconds of CPU time.

pyHanko verifies the signature and the path to a trusted authority. Revocation is in ``revocation`` (lists) and ``ocsp``
(online, if configured). The owner and the purpose of the certificate are checked here.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asn1crypto import x509 as asn1_x509  # type: ignore[import-untyped]  # ships no types
from cryptography import x509
from cryptography.x509.oid import NameOID
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.validation.generic_cms import (
    async_validate_cms_signature,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureStatus
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy

from homecall.gateways.signatures.canonical import NotCanonical, canonical
from homecall.gateways.signatures.cms import Opened, Refused, opened
from homecall.gateways.signatures.port import Invalid, Signed, Unavailable, Valid, Verdict
from homecall.gateways.signatures.revocation import RevocationLists
from homecall.runtime.certificates import extension_of

if TYPE_CHECKING:
    from homecall.gateways.signatures.ocsp import Ocsp

INDIVIDUAL = x509.ObjectIdentifier("1.2.398.3.3.4.1.1")
ORGANISATION = "1.2.398.3.3.4.1.2"
"""The national authority's extended key usages; below the second are an organisation's head, staff and so on."""

_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
_MECHANISMS = frozenset({"rsassa_pkcs1v15", "sha256_rsa", "sha384_rsa", "sha512_rsa"})
_NATIONAL = ("1.2.398.3.10.1.", "1.2.643.")
"""Where the GOST algorithms of Kazakhstan and of Russia are registered."""
_SMALLEST_KEY, _LARGEST_KEY = 2048, 8192
_IIN = re.compile(r"IIN([0-9]{12})\Z")

_GOST = "is made with GOST, which HOMECALL_SIGNATURES=rsa does not check: sign with RSA, or have ncanode configured"
_WEAK = "must be made with RSA (PKCS #1) of 2048 to 8192 bits and SHA-256, SHA-384 or SHA-512: sign with such a key"


class RsaChecker:
    """The checks of ``signatures``, in one process, one signature at a time.

    ``authorities`` are DER certificates, each trusted while it is valid. With neither ``crls`` nor ``ocsp``, revocation
    is not checked. With ``crls``, a certificate that no list covers is ``Unavailable``: stale lists are no fault of the
    applicant. With ``ocsp`` (``certificate``, or a responder's address), the signer's certificate needs an answer of
    its responder, and is ``Unavailable`` without one; for intermediate authorities a list also suffices. A certificate
    is revoked if any source says so.
    """

    def __init__(
        self, authorities: Sequence[bytes], crls: Path | None, ocsp: str | None = None, **limits: float
    ) -> None:
        self._authorities = [
            (asn1_x509.Certificate.load(der), x509.load_der_x509_certificate(der)) for der in authorities
        ]
        self._lists = None if crls is None else RevocationLists(crls)
        self._ocsp = None if ocsp is None else _ocsp(ocsp, limits)
        self._loop = asyncio.Runner()

    def check(self, signed: Signed) -> Verdict:
        """The verdict on one signature. Never raises: what breaks a parser is ``Invalid``."""
        return self.check_all([signed])[0]

    def check_all(self, batch: Sequence[Signed]) -> list[Verdict]:
        """The verdicts on several, which wait for responders concurrently."""
        return self._loop.run(self._all(batch))

    def close(self) -> None:
        """Close the connections to responders."""
        if self._ocsp is not None:
            self._loop.run(self._ocsp.close())
        self._loop.close()

    async def _all(self, batch: Sequence[Signed]) -> list[Verdict]:
        return list(await asyncio.gather(*map(self._one, batch)))

    async def _one(self, signed: Signed) -> Verdict:
        try:
            return await self._checked(signed)
        except NotCanonical as error:
            return Invalid("canonical", str(error), error.path)
        except Refused as refused:
            return refused.verdict
        except (MemoryError, OSError, ImportError) as error:
            return Unavailable(f"the process that checks signatures is in trouble: {type(error).__name__}")
        except Exception:
            return Invalid("form", "cannot be read as a CMS signature: sign again and send its DER in base64")

    async def _checked(self, signed: Signed) -> Verdict:
        content = canonical(signed.value)
        cms = opened(signed.cms, content)
        _strong(cms)
        status, certificate = await self._signature(cms, content, signed.at)
        if not certificate.not_valid_before_utc <= signed.at <= certificate.not_valid_after_utc:
            raise Refused("validity", "has a certificate that was not valid at submitted_at: sign with a valid one")
        if not status.trusted or status.validation_path is None:
            raise Refused("chain", "has a certificate from no authority that is trusted here: use one of the NCA's")
        path, at = status.validation_path, signed.unrevoked_until
        told, too_late = self._listed(path, at)
        # The owner is checked before missing revocation data: a permanent error need not wait for these.
        _for_signing(certificate)
        _individual(certificate)
        _theirs(certificate, signed.signer_iin)
        if self._ocsp is not None:
            return await self._asked(self._ocsp, path, told, at) or Valid()
        if self._lists is not None and "unknown" in told:
            if too_late:
                return Unavailable("the lists in HOMECALL_CRLS are from after the certificate's end", for_good=True)
            return Unavailable("HOMECALL_CRLS holds no list of the certificate's issuer that covers the request")
        return Valid()

    async def _signature(self, cms: Opened, content: bytes, at: datetime) -> tuple[SignatureStatus, x509.Certificate]:
        """pyHanko's answer and the signer's certificate. Raises ``Refused`` unless the signature itself is good."""
        context = ValidationContext(
            trust_roots=[
                parsed
                for parsed, facts in self._authorities
                if facts.not_valid_before_utc <= at <= facts.not_valid_after_utc
            ],
            moment=at,
            allow_fetching=False,
            revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
            time_tolerance=timedelta(0),
        )
        digest = hashlib.new(cms.signer["digest_algorithm"]["algorithm"].native, content).digest()
        status = await async_validate_cms_signature(
            cms.signed_data,
            status_cls=SignatureStatus,
            # Included content equals ours, and pyHanko uses it.
            raw_digest=digest if cms.detached else None,
            validation_context=context,
            # Checked by the caller, to name the failed check.
            key_usage_settings=KeyUsageConstraints(key_usage=set()),
        )
        if not status.intact:
            raise Refused(
                "content", "is over other data: sign the RFC 8785 form of the data as sent, without signature"
            )
        if not status.valid:
            raise Refused("signature", "was not made with its certificate's key: sign again")
        return status, x509.load_der_x509_certificate(status.signing_cert.dump())

    def _listed(self, path: ValidationPath, at: datetime) -> tuple[list[str], bool]:
        """What the lists say of each certificate below the trusted one, the signer's last: ``good`` or ``unknown``; and
        whether some are unknown for good, their lists being from after their end.

        Raises ``Refused`` when one was revoked by then.
        """
        certificates = [x509.load_der_x509_certificate(each.dump()) for each in path.iter_certs(True)]
        told: list[str] = []
        too_late = False
        for issuer, certificate in itertools.pairwise(certificates):
            verdict = "unknown" if self._lists is None else self._lists.verdict(certificate, issuer, at)
            if verdict == "revoked":
                raise _REVOKED
            told.append(verdict)
            if verdict == "unknown" and self._lists is not None:
                too_late = too_late or self._lists.too_late(certificate, issuer)
        return told, too_late

    async def _asked(self, ocsp: Ocsp, path: ValidationPath, told: Sequence[str], at: datetime) -> Unavailable | None:
        """None when the responders, or the lists for the authorities between, say that none was revoked by then."""
        from homecall.gateways.signatures.ocsp import Unanswered

        certificates = list(path.iter_certs(False))
        for certificate, listed in zip(certificates, told, strict=True):
            try:
                if await ocsp.verdict(certificate, path, at) == "revoked":
                    raise _REVOKED
            except Unanswered as reason:
                if certificate is certificates[-1] or listed != "good":
                    return Unavailable(str(reason), for_good=reason.for_good)
        return None


_REVOKED = Refused("revocation", "has a certificate that was revoked by the time of the request: sign with another")


def _ocsp(setting: str, limits: dict[str, float]) -> Ocsp:
    from homecall.gateways.signatures.ocsp import LIMITS, Ocsp  # imports an HTTP client

    return Ocsp(None if setting == "certificate" else setting, replace(LIMITS, **limits))  # type: ignore[arg-type]  # by name


def _strong(cms: Opened) -> None:
    digest = cms.signer["digest_algorithm"]["algorithm"].native
    mechanism = cms.signer["signature_algorithm"]["algorithm"].native
    if digest.startswith(_NATIONAL) or mechanism.startswith(_NATIONAL):
        raise Refused("algorithm", _GOST)
    if digest not in _DIGESTS or mechanism not in _MECHANISMS:
        raise Refused("algorithm", _WEAK)
    if len(cms.signer["signed_attrs"]) == 0:
        raise Refused("form", "has no signed attributes: sign with content-type and message-digest, as NCALayer does")
    try:
        key = extract_certificate_info(cms.signed_data).signer_cert.public_key
    except CMSExtractionError:
        raise Refused("signer", "does not hold its signer's certificate: include it when signing") from None
    algorithm = key["algorithm"]["algorithm"].native
    if algorithm.startswith(_NATIONAL):
        raise Refused("algorithm", _GOST)
    if algorithm != "rsa" or not _SMALLEST_KEY <= key.bit_size <= _LARGEST_KEY:
        raise Refused("algorithm", _WEAK)


def _for_signing(certificate: x509.Certificate) -> None:
    # A certificate for signing in has digitalSignature too; only one for documents has nonRepudiation.
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is None or not usage.content_commitment:
        raise Refused("usage", "has a certificate that is not for signing documents: use the signing key, not AUTH")


def _individual(certificate: x509.Certificate) -> None:
    purposes = extension_of(certificate, x509.ExtendedKeyUsage) or ()
    organisation = any(each.dotted_string == ORGANISATION for each in purposes) or any(
        each.dotted_string.startswith(ORGANISATION + ".") for each in purposes
    )
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    if organisation or INDIVIDUAL not in purposes or any(str(unit.value).startswith("BIN") for unit in units):
        raise Refused("individual", "has an organisation's certificate: sign with a natural person's own")


def _theirs(certificate: x509.Certificate, iin: str) -> None:
    numbers: list[Any] = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    found = _IIN.match(str(numbers[0].value)) if len(numbers) == 1 else None
    if found is None or found.group(1) != iin:
        raise Refused("iin", "is another person's: the applicant must sign, or the representative who applies (R15)")
