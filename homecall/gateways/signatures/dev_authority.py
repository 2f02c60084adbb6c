"""A certification authority for development and tests: it issues certificates like the national authority's.

Its name says what it is, and no real trust store contains it. To be fast it reuses keys: the authority has one pair,
and all people share another, each with their own certificate; only the owner of the directory can sign.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from homecall.gateways.signatures.canonical import canonical

NAME = "Homecall development authority: not for production"
INDIVIDUAL = x509.ObjectIdentifier("1.2.398.3.3.4.1.1")
ORGANISATION = x509.ObjectIdentifier("1.2.398.3.3.4.1.2")
ISSUED = datetime(2015, 1, 1, tzinfo=UTC)
ENDS = datetime(2100, 12, 31, tzinfo=UTC)
"""From the standard's first day to the calendar's last: the demo's clock may stand anywhere between."""

TRUST_STORE, CRLS, _PRIVATE = "trust", "crls", "private"
"""The directories in the authority's own: what HOMECALL_TRUST_STORE and HOMECALL_CRLS name, and the keys."""


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def new_key() -> rsa.RSAPrivateKey:
    """An RSA key of 2048 bits: a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class DevAuthority:
    """An authority with the key that its signers share."""

    key: rsa.RSAPrivateKey = field(repr=False)
    signer_key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate
    _issued: dict[str, x509.Certificate] = field(default_factory=dict, repr=False)

    @classmethod
    def new(cls, name: str = NAME, *, signer_key: rsa.RSAPrivateKey | None = None) -> DevAuthority:
        """An authority that certifies itself."""
        key = new_key()
        subject = _name((NameOID.COUNTRY_NAME, "KZ"), (NameOID.COMMON_NAME, name))
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), ISSUED, ENDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, signer_key or new_key(), certificate)

    def individual(
        self, iin: str, *, since: datetime = ISSUED, until: datetime = ENDS, ocsp: str | None = None
    ) -> x509.Certificate:
        """A natural person's certificate for signing; ``ocsp`` is the responder that it names."""
        subject = _name(
            (NameOID.COMMON_NAME, "ҮЛГІ АДАМ"), (NameOID.SERIAL_NUMBER, f"IIN{iin}"), (NameOID.COUNTRY_NAME, "KZ")
        )
        return self.certify(subject, purposes=(INDIVIDUAL,), valid=(since, until), ocsp=ocsp)

    def organisation(
        self, iin: str, bin_: str, *, key: rsa.RSAPublicKey | None = None, until: datetime = ENDS
    ) -> x509.Certificate:
        """A certificate for signing, of a person who acts for an organisation; ``key`` None: the signers' own."""
        subject = _name(
            (NameOID.COMMON_NAME, "ҮЛГІ АДАМ"),
            (NameOID.SERIAL_NUMBER, f"IIN{iin}"),
            (NameOID.COUNTRY_NAME, "KZ"),
            (NameOID.ORGANIZATION_NAME, "ҮЛГІ ҰЙЫМ"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, f"BIN{bin_}"),
        )
        return self.certify(subject, purposes=(ORGANISATION,), valid=(ISSUED, until), key=key)

    def certify(
        self,
        subject: x509.Name,
        *,
        purposes: Sequence[x509.ObjectIdentifier],
        signing: bool = True,
        valid: tuple[datetime, datetime] = (ISSUED, ENDS),
        key: rsa.RSAPublicKey | None = None,
        ocsp: str | None = None,
    ) -> x509.Certificate:
        """A certificate with these extended key usages; without ``signing`` it is for signing in only."""
        usage = _usage(digital_signature=True, content_commitment=signing, key_encipherment=not signing)
        purpose = ExtendedKeyUsageOID.EMAIL_PROTECTION if signing else ExtendedKeyUsageOID.CLIENT_AUTH
        public = key or self.signer_key.public_key()
        builder = (
            x509.CertificateBuilder(self.certificate.subject, subject, public, x509.random_serial_number(), *valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose, *purposes]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if ocsp is not None:
            where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
            builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revocations(
        self,
        revoked: Mapping[int, datetime] | None = None,
        *,
        since: datetime = ISSUED,
        until: datetime = ENDS,
    ) -> x509.CertificateRevocationList:
        """A full list: serial numbers with when each was revoked."""
        builder = x509.CertificateRevocationListBuilder(self.certificate.subject, since, until)
        for serial, at in (revoked or {}).items():
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, at).build())
        return builder.sign(self.key, hashes.SHA256())

    def sign(self, data: Mapping[str, Any], iin: str) -> str:
        """``signature.value`` for an event's data, by the person with that IIN. A certificate is issued once for each.

        Raises ``NotCanonical`` for data that cannot be signed.
        """
        certificate = self._issued.get(iin)
        if certificate is None:
            certificate = self._issued[iin] = self.individual(iin)
        return self.sign_bytes(canonical(json.dumps(data).encode()), certificate)

    def sign_bytes(
        self,
        content: bytes,
        certificate: x509.Certificate,
        *,
        detached: bool = True,
        key: rsa.RSAPrivateKey | None = None,
    ) -> str:
        """A CMS over these bytes as they are, in base64."""
        options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
        if detached:
            options.append(pkcs7.PKCS7Options.DetachedSignature)
        cms = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(content)
            .add_signer(certificate, key or self.signer_key, hashes.SHA256())
            .sign(serialization.Encoding.DER, options)
        )
        return base64.b64encode(cms).decode()

    # ------------------------------------------------------------ in a directory

    def save(self, directory: Path) -> None:
        """Write trust store, list and keys there; the keys so that only their owner can read them."""
        for name in (TRUST_STORE, CRLS):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / _PRIVATE).mkdir(mode=0o700, exist_ok=True)
        for name, key in (("authority", self.key), ("signer", self.signer_key)):
            _write_secret(directory / _PRIVATE / f"{name}-key.pem", _pem(key))
        (directory / TRUST_STORE / "authority.pem").write_bytes(
            self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        self.publish(directory)

    def publish(self, directory: Path, revoked: Mapping[int, datetime] | None = None) -> None:
        """Write the list of the revoked there, whole or not at all: a verifier may be reading it."""
        place = directory / CRLS / "authority.crl"
        fresh = place.with_suffix(".new")
        fresh.write_bytes(self.revocations(revoked).public_bytes(serialization.Encoding.DER))
        fresh.replace(place)

    @classmethod
    def load(cls, directory: Path) -> DevAuthority:
        """The authority that was saved there. Raises ``OSError``, ``ValueError`` or ``TypeError``."""
        keys = [
            serialization.load_pem_private_key((directory / _PRIVATE / f"{name}-key.pem").read_bytes(), None)
            for name in ("authority", "signer")
        ]
        certificate = x509.load_pem_x509_certificate((directory / TRUST_STORE / "authority.pem").read_bytes())
        authority, signer = keys
        if not isinstance(authority, rsa.RSAPrivateKey) or not isinstance(signer, rsa.RSAPrivateKey):
            raise TypeError("the keys are not RSA")
        return cls(authority, signer, certificate)


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _usage(**on: bool) -> x509.KeyUsage:
    off = dict.fromkeys(_USAGES, False)
    return x509.KeyUsage(**(off | on))


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_secret(path: Path, content: bytes) -> None:
    # Made with its mode: between making and changing it, others could read it.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
