"""When the certificates and revocation lists that a replica uses expire, for its metrics.

The files are checked with every refresh of the gauges: an operator replaces them while the services run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from homecall.runtime import metrics
from homecall.runtime.certificates import CERTIFICATES, LISTS, Kept, certificates_in, files_in, list_in
from homecall.runtime.settings import Settings


class Valid(NamedTuple):
    """A name, and from when and until when it is valid."""

    name: str
    since: datetime
    until: datetime


@dataclass
class Source:
    """Files of one kind: a directory, or one file."""

    kind: str
    path: Path
    suffixes: frozenset[str] = frozenset()
    _kept: Kept[list[Valid]] = field(init=False)

    def __post_init__(self) -> None:
        read = READERS[self.kind]
        self._kept = Kept(lambda path: list(read(path)))

    def look(self) -> tuple[list[Valid], int]:
        """What the files hold, and how many cannot be read."""
        try:
            paths = files_in(self.path, self.suffixes) if self.suffixes else [self.path]
        except OSError:
            return [], 1
        found, unreadable = self._kept.look(paths)
        return [each for one in found for each in one], unreadable


def sources(settings: Settings) -> list[Source]:
    """The files that the settings name."""
    found = []
    if settings.signatures == "rsa":
        if settings.trust_store is not None:
            found.append(Source("trust", settings.trust_store, CERTIFICATES))
        if settings.crls is not None:
            found.append(Source("crl", settings.crls, LISTS))
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
        self._shown: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Read what changed and set the gauges. Raises nothing for a file: it counts as unreadable."""
        ends: dict[tuple[str, str], Valid] = {}
        for source in self._sources:
            found, unreadable = source.look()
            for each in found:
                # Of one authority the newest counts: the one it replaced may still be there.
                before = ends.get((source.kind, each.name))
                if before is None or each.until > before.until:
                    ends[source.kind, each.name] = each
            metrics.CERTIFICATES_UNREADABLE.labels(source.kind).set(unreadable)
        for kind, name in self._shown - ends.keys():
            metrics.CERTIFICATE_EXPIRES.remove(kind, name)
            metrics.CERTIFICATE_ISSUED.remove(kind, name)
        for (kind, name), valid in ends.items():
            metrics.CERTIFICATE_EXPIRES.labels(kind, name).set(valid.until.timestamp())
            metrics.CERTIFICATE_ISSUED.labels(kind, name).set(valid.since.timestamp())
        self._shown = set(ends)


def _authorities(path: Path) -> Iterator[Valid]:
    for each in certificates_in(path.read_bytes()):
        yield Valid(_common_name(each.subject), each.not_valid_before_utc, each.not_valid_after_utc)


def _lists(path: Path) -> Iterator[Valid]:
    crl = list_in(path.read_bytes())
    # A delta, or a list of some certificates only, does not replace the full one.
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


def _bundle(path: Path) -> Iterator[Valid]:
    """Authorities of a connection: the file is good until the last of them expires."""
    last = max(certificates_in(path.read_bytes()), key=lambda each: each.not_valid_after_utc)
    yield Valid(path.name, last.not_valid_before_utc, last.not_valid_after_utc)


def _own(path: Path) -> Iterator[Valid]:
    """Our own certificate is the first of its file; its chain follows."""
    first = certificates_in(path.read_bytes())[0]
    yield Valid(path.name, first.not_valid_before_utc, first.not_valid_after_utc)


READERS: Final[dict[str, Callable[[Path], Iterator[Valid]]]] = {
    "trust": _authorities,
    "crl": _lists,
    "broker_ca": _bundle,
    "database_ca": _bundle,
    "client_cert": _own,
    "database_cert": _own,
}


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
