"""Checks the signature of an answer, and gives back what was signed: the Body, read from the very bytes.

RSA is checked here; GOST by NCANode. Both look at the form first, as ``structure`` has it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from homecall.gateways.identity.shep.names import SOAP, WSSE
from homecall.gateways.identity.shep.signing import LARGEST_KEY, SMALLEST_KEY
from homecall.gateways.identity.shep.structure import METHODS, Envelope, Untrusted, envelope_of
from homecall.gateways.identity.shep.xml import parsed, parser
from homecall.gateways.signatures.revocation import RevocationLists
from homecall.runtime.certificates import CERTIFICATES, certificates_in, extension_of, files_in, is_authority


class Verifier(Protocol):
    """Checks answers."""

    async def verified(self, document: bytes, at: datetime) -> etree._Element:
        """The Body as it was signed, by a certificate that is good at that time. Raises ``BadXml``, ``Untrusted``.

        ``NoAnswer`` where it could not be checked.
        """

    async def close(self) -> None: ...


class RsaVerifier:
    """RSA with SHA-256, by a certificate of one of these authorities; in a thread.

    ``bin``: the business number that the certificate must name. ``lists``: where its authority lists revoked ones; with
    it, a certificate that no list covers is not believed.
    """

    def __init__(
        self, authorities: Sequence[x509.Certificate], bin_: str | None = None, lists: RevocationLists | None = None
    ) -> None:
        self._authorities = list(authorities)
        self._bin = bin_
        self._lists = lists
        self._one_at_a_time = threading.Lock()
        """For the lists, which are read again as their files change."""

    async def verified(self, document: bytes, at: datetime) -> etree._Element:
        return await asyncio.to_thread(self.check, document, at)

    async def close(self) -> None:
        return

    def check(self, document: bytes, at: datetime) -> etree._Element:
        """As ``verified``, in this thread: two milliseconds of CPU time."""
        envelope = envelope_of(parsed(document), METHODS["rsa"])
        self._trust(envelope.certificate, at)
        check_signature(document, envelope, at)
        return as_signed(envelope)

    def _trust(self, certificate: x509.Certificate, at: datetime) -> None:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or not SMALLEST_KEY <= key.key_size <= LARGEST_KEY:
            raise Untrusted("key")
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise Untrusted("expired")
        usage = extension_of(certificate, x509.KeyUsage)
        if usage is None or not usage.digital_signature or is_authority(certificate):
            raise Untrusted("usage")
        chain = _chain(certificate, self._authorities, at)
        if self._bin is not None and not names_bin(certificate, self._bin):
            raise Untrusted("owner")
        if self._lists is not None:
            for below, above in itertools.pairwise(chain):
                with self._one_at_a_time:
                    told = self._lists.verdict(below, above, at)
                if told != "good":
                    raise Untrusted("revoked" if told == "revoked" else "revocation_unknown")


def as_signed(envelope: Envelope) -> etree._Element:
    """The Body, parsed from the bytes that were signed: nothing that is not in them can be read."""
    return etree.fromstring(envelope.signed, parser())


def names_bin(certificate: x509.Certificate, bin_: str) -> bool:
    """Whether the certificate is of the organisation with this business number."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return f"BIN{bin_}" in [each.value for each in units]


def _chain(
    certificate: x509.Certificate, authorities: Sequence[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """The certificates from this one to a trusted one. Raises ``Untrusted``."""
    valid = [each for each in authorities if each.not_valid_before_utc <= at <= each.not_valid_after_utc]
    if not valid:
        raise Untrusted("authority")
    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _certifies)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )
    builder = (
        PolicyBuilder()
        .store(Store(valid))
        .time(at.astimezone(UTC).replace(tzinfo=None))
        .extension_policies(ee_policy=ExtensionPolicy.permit_all(), ca_policy=authority)
    )
    try:
        return builder.build_client_verifier().verify(certificate, []).chain
    except VerificationError:
        raise Untrusted("authority") from None


def _certifies(policy: Policy, certificate: x509.Certificate, found: x509.BasicConstraints) -> None:
    del policy, certificate
    if not found.ca:
        raise ValueError("is no authority")


def _signs_certificates(policy: Policy, certificate: x509.Certificate, found: x509.KeyUsage | None) -> None:
    del policy, certificate
    if found is not None and not found.key_cert_sign:
        raise ValueError("may not certify")


_EXPECTED: Final = SignatureConfiguration(
    require_x509=True,
    location=f"./{{{SOAP}}}Header/{{{WSSE}}}Security/",
    expect_references=1,
    signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
)


def check_signature(document: bytes, envelope: Envelope, at: datetime) -> None:
    """Raises ``Untrusted`` unless the signature is the certificate's, over the bytes of that Body."""
    try:
        result = XMLVerifier().verify(
            document,
            x509_cert=envelope.certificate,
            expect_config=replace(_EXPECTED, verification_time=at),
            parser=parser(),
        )
    except InvalidDigest:
        raise Untrusted("digest") from None
    except InvalidSignature:
        raise Untrusted("signature") from None
    except Exception:  # whatever form breaks the library is not the gateway's
        raise Untrusted("structure") from None
    if isinstance(result, list) or result.signed_data != envelope.signed:
        raise Untrusted("other_element")


def authorities_in(directory: Path) -> list[x509.Certificate]:
    """The authorities of a directory. Raises ``ValueError`` with what is wrong with it."""
    found: list[x509.Certificate] = []
    try:
        for path in files_in(directory, CERTIFICATES):
            try:
                certificates = certificates_in(path.read_bytes())
            except ValueError:
                raise ValueError(f"{path.name} is no certificate in PEM or DER") from None
            if not all(map(is_authority, certificates)):
                raise ValueError(f"{path.name} is no authority's certificate (CA): remove it")
            found += certificates
    except OSError as error:
        raise ValueError(f"names no directory that can be read: {error.strerror}") from None
    if not found:
        raise ValueError("holds no certificate: put the authorities' there, as .pem, .crt, .cer or .der")
    return found
