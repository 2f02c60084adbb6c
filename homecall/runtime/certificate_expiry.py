"""When the certificates and revocation lists that a replica uses expire, for its metrics.

Files are looked at with every refresh of the gauges and read only where they changed: an operator replaces them while
the services run. A file that is half written keeps what it said before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from homecall.runtime import metrics
from homecall.runtime.settings import Settings

KINDS: Final = ("trust", "crl", "broker_ca", "database_ca", "client_cert", "database_cert")
_CERTIFICATES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
_LISTS: Final = frozenset({".crl", ".pem", ".der"})


class Valid(NamedTuple):
    """What a file holds: of whom, from when and until when."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Source:
    """Files of one kind: a directory, or one file."""

    kind: str
    path: Path
    suffixes: frozenset[str] = frozenset()

    def files(self) -> list[Path]:
        """The files that are there. Raises ``OSError``."""
        if not self.suffixes:
            return [self.path]
        return sorted(each for each in self.path.iterdir() if each.suffix.lower() in self.suffixes and each.is_file())


def sources(settings: Settings) -> list[Source]:
    """What the settings name."""
    found = []
    if settings.signatures == "rsa":
        if settings.trust_store is not None:
            found.append(Source("trust", settings.trust_store, _CERTIFICATES))
        if settings.crls is not None:
            found.append(Source("crl", settings.crls, _LISTS))
    if settings.kafka_security != "PLAINTEXT" and settings.kafka_ca_file is not None:
        found.append(Source("broker_ca", settings.kafka_ca_file))
    if settings.kafka_security == "SSL" and settings.kafka_cert_file is not None:
        found.append(Source("client_cert", settings.kafka_cert_file))
    asked = {name.lower(): value for name, value in parse_qsl(urlsplit(settings.mongo_url).query)}
    for option, kind in (("tlscafile", "database_ca"), ("tlscertificatekeyfile", "database_cert")):
        if option in asked:
            found.append(Source(kind, Path(asked[option])))
    return found


class Expiry:
    """Sets the gauges from the files of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._sources = sources(settings)
        self._held: dict[tuple[str, Path], tuple[tuple[int, int, int], list[Valid]]] = {}
        self._shown: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Read what changed and set the gauges. Raises nothing for a file: it counts as unreadable."""
        ends: dict[tuple[str, str], Valid] = {}
        for source in self._sources:
            unreadable = 0
            try:
                files = source.files()
            except OSError:
                files, unreadable = [], 1
            for path in files:
                valid, is_read = self._of(source, path)
                unreadable += not is_read
                for each in valid:
                    # Of one authority the newest counts: what it replaced may stay beside it.
                    before = ends.get((source.kind, each.name))
                    if before is None or each.until > before.until:
                        ends[source.kind, each.name] = each
            metrics.CERTIFICATES_UNREADABLE.labels(source.kind).set(unreadable)
        for kind, name in self._shown - ends.keys():
            metrics.CERTIFICATE_EXPIRES.remove(kind, name)
            metrics.CERTIFICATE_ISSUED.remove(kind, name)
        for (kind, name), valid_one in ends.items():
            metrics.CERTIFICATE_EXPIRES.labels(kind, name).set(valid_one.until.timestamp())
            metrics.CERTIFICATE_ISSUED.labels(kind, name).set(valid_one.since.timestamp())
        self._shown = set(ends)

    def _of(self, source: Source, path: Path) -> tuple[list[Valid], bool]:
        key = (source.kind, path)
        before = self._held.get(key)
        try:
            stat = path.stat()
            version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if before is None or before[0] != version:
                before = self._held[key] = (version, list(_READERS[source.kind](path, path.read_bytes())))
        except (OSError, ValueError):
            return ([] if before is None else before[1]), False
        return before[1], True


def _authorities(_: Path, content: bytes) -> Iterator[Valid]:
    for certificate in _certificates(content):
        yield Valid(
            _common_name(certificate.subject), certificate.not_valid_before_utc, certificate.not_valid_after_utc
        )


def _lists(_: Path, content: bytes) -> Iterator[Valid]:
    load = x509.load_pem_x509_crl if content.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
    crl = load(content)
    # A delta, or a list of some certificates only, does not stand for the full one.
    if crl.next_update_utc is not None and not any(map(_is_partial, crl.extensions)):
        yield Valid(_common_name(crl.issuer), crl.last_update_utc, crl.next_update_utc)


def _is_partial(extension: x509.Extension[x509.ExtensionType]) -> bool:
    value = extension.value
    if isinstance(value, x509.IssuingDistributionPoint):
        return bool(
            value.indirect_crl
            or value.only_some_reasons
            or value.only_contains_ca_certs
            or value.only_contains_attribute_certs
        )
    return isinstance(value, x509.DeltaCRLIndicator)


def _bundle(path: Path, content: bytes) -> Iterable[Valid]:
    """Authorities of a connection: the file holds until the last of them has expired."""
    last = max(_certificates(content), key=lambda each: each.not_valid_after_utc)
    return [Valid(path.name, last.not_valid_before_utc, last.not_valid_after_utc)]


def _own(path: Path, content: bytes) -> Iterable[Valid]:
    """A certificate of ours is the first of its file; what follows is its chain."""
    first = _certificates(content)[0]
    return [Valid(path.name, first.not_valid_before_utc, first.not_valid_after_utc)]


_READERS: Final[dict[str, Callable[[Path, bytes], Iterable[Valid]]]] = {
    "trust": _authorities,
    "crl": _lists,
    "broker_ca": _bundle,
    "database_ca": _bundle,
    "client_cert": _own,
    "database_cert": _own,
}


def _certificates(content: bytes) -> list[x509.Certificate]:
    """All certificates of a file, PEM or DER. Raises ``ValueError`` where there is none."""
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificates(content)
    return [x509.load_der_x509_certificate(content)]


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
