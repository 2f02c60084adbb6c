"""Certificates and revocation lists in files, PEM or DER, read again when a file changes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from cryptography import x509

CERTIFICATES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
LISTS: Final = frozenset({".crl", ".pem", ".der"})
"""How the names of their files end."""

T = TypeVar("T")
E = TypeVar("E", bound=x509.ExtensionType)


def files_in(directory: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files of a directory with these suffixes, by name. Raises ``OSError``."""
    return sorted(each for each in directory.iterdir() if each.suffix.lower() in suffixes and each.is_file())


def certificates_in(content: bytes) -> list[x509.Certificate]:
    """All certificates of a file. Raises ``ValueError`` if there is none."""
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificates(content)
    return [x509.load_der_x509_certificate(content)]


def list_in(content: bytes) -> x509.CertificateRevocationList:
    """The revocation list of a file, its entries not read yet. Raises ``ValueError`` if it is none."""
    load = x509.load_pem_x509_crl if content.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
    return load(content)


def extension_of(found: x509.Certificate | x509.RevokedCertificate, kind: type[E]) -> E | None:
    """The extension of this kind; None if there is none."""
    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate may certify others."""
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


class Kept(Generic[T]):
    """What files hold. A file that cannot be read, such as one that is half written, keeps what it held before."""

    def __init__(self, read: Callable[[Path], T]) -> None:
        self._read = read
        self._held: dict[Path, tuple[tuple[int, int, int], T]] = {}

    def look(self, paths: Sequence[Path]) -> tuple[list[T], int]:
        """What these files hold, and how many of them cannot be read now. Other files are forgotten."""
        before, self._held = self._held, {}
        unreadable = 0
        for path in paths:
            try:
                stat = path.stat()
                version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                known = path in before and before[path][0] == version
                self._held[path] = before[path] if known else (version, self._read(path))
            except (OSError, ValueError):
                unreadable += 1
                if path in before:
                    self._held[path] = before[path]
        return [content for _, content in self._held.values()], unreadable
