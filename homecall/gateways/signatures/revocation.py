"""Certificate revocation lists from a directory that the operator keeps up to date: who was revoked, and since when.

By hand, since pyHanko reads a list of 100,000 entries into 100 MB and walks through it for each signature. Here the
signature of a list is checked once, and an entry is found by its serial number.

A directory may hold several lists of one authority: full ones, older ones, deltas, and partial ones, which are for one
distribution point, for users' or authorities' certificates only, or for some reasons. A certificate is revoked if any
list says so. It is not revoked only if lists other than deltas cover it, the time and every reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from asn1crypto import core  # type: ignore[import-untyped]  # ships no types
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID

from homecall.runtime.certificates import LISTS, Kept, extension_of, files_in, is_authority, list_in

STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)

_KEEPS_EXPIRED = x509.ObjectIdentifier("2.5.29.60")
"""``expiredCertsOnCRL`` (X.509): from when on the list keeps certificates that have expired."""
_KNOWN_CRITICAL = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.DELTA_CRL_INDICATOR, _KEEPS_EXPIRED})
_NO_REASON = frozenset({x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl})
EVERY_REASON = frozenset(x509.ReasonFlags) - _NO_REASON
"""Those by which lists can be divided (RFC 5280, 4.2.1.13)."""
_LOOK_AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class RevocationList:
    """One list. ``point`` says for which certificates and reasons it is (RFC 5280, 5.2.5); None: for all of its issuer.
    ``keeps_since``: it keeps certificates that expired then or later.
    """

    crl: x509.CertificateRevocationList
    serials: frozenset[int]
    delta: bool
    point: x509.IssuingDistributionPoint | None
    keeps_since: datetime | None
    _signed_by: dict[bytes, bool] = field(default_factory=dict)

    def revokes(self, serial: int, at: datetime) -> bool:
        """Whether it says that the certificate was revoked, or its key known to be stolen, at that time or before."""
        if serial not in self.serials:
            return False
        entry = self.crl.get_revoked_certificate_by_serial_number(serial)
        if entry is None or _reason(entry) == x509.ReasonFlags.remove_from_crl:
            return False
        since = entry.revocation_date_utc
        stolen = extension_of(entry, x509.InvalidityDate)
        return (since if stolen is None else min(since, stolen.invalidity_date_utc)) <= at

    def clears(self, certificate: x509.Certificate, at: datetime) -> frozenset[x509.ReasonFlags]:
        """For which reasons a certificate that it does not name was not revoked at that time; none: it cannot tell.

        It must not be out of date by then. It may be newer: it names when each was revoked. But lists drop
        certificates that have expired, so one from after that tells nothing, unless it says that it keeps them.
        """
        until = self.crl.next_update_utc
        if until is None or at > until or not self.remembers(certificate):
            return frozenset()
        return self.covers(certificate)

    def remembers(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate would still be on it, had it been revoked."""
        ends = certificate.not_valid_after_utc
        return self.crl.last_update_utc <= ends or (self.keeps_since is not None and self.keeps_since <= ends)

    def covers(self, certificate: x509.Certificate) -> frozenset[x509.ReasonFlags]:
        """For which reasons it is the list on which this certificate would stand (RFC 5280, 6.3.3)."""
        if self.delta:
            return frozenset()
        point = self.point
        if point is None:
            return EVERY_REASON
        authority = is_authority(certificate)
        if (
            point.only_contains_attribute_certs
            or (point.only_contains_user_certs and authority)
            or (point.only_contains_ca_certs and not authority)
        ):
            return frozenset()
        reasons = EVERY_REASON if point.only_some_reasons is None else point.only_some_reasons & EVERY_REASON
        names = _names(point, self.crl.issuer)
        return reasons & _pointed_to(certificate, names) if names else reasons

    def signed_by(self, issuer: x509.Certificate) -> bool:
        """Whether it is the issuer's own. Found out once for each issuer."""
        if self.crl.issuer != issuer.subject:
            return False
        key = issuer.fingerprint(hashes.SHA256())
        if key not in self._signed_by:
            self._signed_by[key] = _signed_by(self.crl, issuer)
        return self._signed_by[key]


def _names(point: x509.IssuingDistributionPoint | x509.DistributionPoint, issuer: x509.Name) -> set[x509.GeneralName]:
    """The names of a distribution point; a relative one is below its issuer's."""
    if point.relative_name is not None:
        return {x509.DirectoryName(x509.Name([*issuer.rdns, point.relative_name]))}
    return set(point.full_name or ())


def _pointed_to(certificate: x509.Certificate, names: set[x509.GeneralName]) -> frozenset[x509.ReasonFlags]:
    """For which reasons a certificate refers to the list of one of these names; none where it does not."""
    if x509.DirectoryName(certificate.issuer) in names:
        return EVERY_REASON  # without any reference that is where its list is
    points = extension_of(certificate, x509.CRLDistributionPoints) or ()
    found: frozenset[x509.ReasonFlags] = frozenset()
    for each in points:
        # With a cRLIssuer the list there is another authority's, an indirect one.
        if each.crl_issuer is None and names & _names(each, certificate.issuer):
            found |= EVERY_REASON if each.reasons is None else each.reasons & EVERY_REASON
    return found


def _signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        if not isinstance(crl.signature_hash_algorithm, STRONG):
            return False
        if not _may_sign_lists(issuer):
            return False
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # other keys raise, see below
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    usage = extension_of(issuer, x509.KeyUsage)
    return usage is None or usage.crl_sign


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    reason = extension_of(entry, x509.CRLReason)
    return None if reason is None else reason.reason


def read_list(content: bytes) -> RevocationList | None:
    """The list in a file; None for one that must not be used: indirect, or with a critical extension that we do not
    know (RFC 5280, 5.2). Raises ``ValueError`` if it is no list.
    """
    crl = list_in(content)
    extensions = list(crl.extensions)
    serials = frozenset(entry.serial_number for entry in crl)
    if any(extension.critical and extension.oid not in _KNOWN_CRITICAL for extension in extensions):
        return None
    delta, point, keeps_since = False, None, None
    for extension in extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            delta = True
        elif isinstance(extension.value, x509.IssuingDistributionPoint):
            point = extension.value
            if point.indirect_crl:
                return None
        elif extension.oid == _KEEPS_EXPIRED and isinstance(extension.value, x509.UnrecognizedExtension):
            keeps_since = _time_in(extension.value.value)
    return RevocationList(crl, serials, delta, point, keeps_since)


def _time_in(der: bytes) -> datetime | None:
    """A GeneralizedTime; None for anything else, which promises nothing."""
    try:
        found = core.GeneralizedTime.load(der, strict=True).native
    except (ValueError, TypeError):
        return None
    return found if isinstance(found, datetime) and found.tzinfo is not None else None


class RevocationLists:
    """The lists of a directory, checked again every ten seconds at most."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._looked: float | None = None
        self._kept = Kept(lambda path: read_list(path.read_bytes()))
        self._lists: list[RevocationList] = []

    def verdict(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Literal["revoked", "good", "unknown"]:
        """Whether a certificate was revoked at that time; unknown without a list of its issuer that can tell."""
        theirs = [each for each in self._current() if each.signed_by(issuer)]
        if any(each.revokes(certificate.serial_number, at) for each in theirs):
            return "revoked"
        cleared = frozenset[x509.ReasonFlags]().union(*(each.clears(certificate, at) for each in theirs))
        return "good" if cleared == EVERY_REASON else "unknown"

    def too_late(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a list that should have the certificate is from after its end: no later one can tell more."""
        return any(
            each.signed_by(issuer) and each.covers(certificate) and not each.remembers(certificate)
            for each in self._current()
        )

    def _current(self) -> list[RevocationList]:
        now = self._clock()
        if self._looked is None or now - self._looked >= _LOOK_AGAIN_SECONDS:
            self._looked = now
            with suppress(OSError):  # the lists read so far stay
                found, _ = self._kept.look(files_in(self._directory, LISTS))
                self._lists = [each for each in found if each is not None]
        return self._lists
