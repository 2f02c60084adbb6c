"""The worker process that checks RSA signatures, and the port in front of it.

The event loop stays free and the service small: neither pyHanko nor anything that reads a CMS is loaded here.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homecall.gateways.signatures.port import Signed, Unavailable, Verdict
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError
from homecall.runtime.workers import begin_worker

if TYPE_CHECKING:
    from homecall.gateways.signatures.rsa import RsaChecker

_CHUNK = 16
"""Signatures that one worker takes at once."""
_LONGEST_SECONDS = 30
"""For a chunk: a worker that takes longer ends itself."""
_MOST_DEATHS = 3
"""Deaths of workers in one ``verify`` after which the rest waits for the next."""

_DIED = Unavailable(
    "the process that checks signatures died of this one, or is not let live: see what it wrote to stderr"
)
_UNTRIED = Unavailable("the process that checks signatures keeps dying")


class RsaPool:
    """The port for ``rsa``: worker processes, started at the first signature, and again if they die.

    The signature on which a worker dies is found, and the others of its chunk get their own verdicts.
    """

    def __init__(
        self, authorities: Sequence[bytes], crls: Path | None, ocsp: str | None = None, *, workers: int = 1
    ) -> None:
        self._authorities = list(authorities)
        self._crls = crls
        self._ocsp = ocsp
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    async def start(self) -> None:
        await self._ask([])

    async def verify(self, batch: Sequence[Signed]) -> list[Verdict]:
        chunks = [list(batch[start : start + _CHUNK]) for start in range(0, len(batch), _CHUNK)]
        answers = await asyncio.gather(*(self._ask(chunk) for chunk in chunks))
        verdicts: list[Verdict] = []
        deaths = 0
        for chunk, answer in zip(chunks, answers, strict=True):
            if answer is not None:
                verdicts += answer
                continue
            for signed in chunk:
                alone = await self._ask([signed]) if deaths < _MOST_DEATHS else [_UNTRIED]
                deaths += alone is None
                verdicts += alone or [_DIED]
        return verdicts

    async def close(self) -> None:
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    async def _ask(self, chunk: list[Signed]) -> list[Verdict] | None:
        """The worker's verdicts; None when it died meanwhile, or was closed."""
        if self._closed:
            return None
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                # Not forked: the service has threads and an open database.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._authorities, self._crls, self._ocsp),
            )
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _check, chunk)
        except (BrokenExecutor, OSError):
            if self._pool is pool:
                self._pool = None
                pool.shutdown(wait=False)
            return None
        except asyncio.CancelledError:
            if self._closed:
                return None
            raise


# ---------------------------------------------------------------- in the worker

_checker: RsaChecker | None = None


def _begin(authorities: list[bytes], crls: Path | None, ocsp: str | None) -> None:
    """Prepare a worker, so that the first signature loads nothing."""
    begin_worker()
    # pyHanko logs what it finds wrong, with the names and the IIN in the certificate.
    logging.disable(logging.CRITICAL)
    from homecall.gateways.signatures.rsa import RsaChecker

    global _checker
    _checker = RsaChecker(authorities, crls, ocsp)


def _check(chunk: list[Signed]) -> list[Verdict]:
    assert _checker is not None
    faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True)
    try:
        return _checker.check_all(chunk)
    finally:
        faulthandler.cancel_dump_traceback_later()


# ---------------------------------------------------------------- from the settings


def rsa_from(settings: Settings) -> RsaPool:
    """The port over the trust store and the lists of the settings; see ``choice.verifier_from``.

    The trust store is read once, here. The lists are read again as their files change.
    """
    authorities = read_trust_store(settings.trust_store)
    ocsp = None if settings.ocsp == "off" else settings.ocsp
    if ocsp is not None and ocsp != "certificate":
        _look_at_address(ocsp)
    if settings.crls is not None:
        _look_at_lists(settings.crls)
    elif ocsp is None:
        log("signatures").warning(
            "revocation is not checked: set HOMECALL_CRLS to the directory of the authorities' lists, or HOMECALL_OCSP"
        )
    return RsaPool(authorities, settings.crls, ocsp)


def read_trust_store(directory: Path | None) -> list[bytes]:
    """The DER certificates of a directory, from its files .pem, .crt, .cer and .der.

    Raises ``SettingsError`` unless there is one, and each is an authority's.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from homecall.runtime.certificates import CERTIFICATES, certificates_in, files_in, is_authority

    if directory is None:
        raise SettingsError(
            "HOMECALL_TRUST_STORE is missing: for HOMECALL_SIGNATURES=rsa it names a directory of CA certificates"
        )
    found: list[bytes] = []
    try:
        for path in files_in(directory, CERTIFICATES):
            try:
                certificates = certificates_in(path.read_bytes())
                authority = all(map(is_authority, certificates))
            except ValueError:
                raise SettingsError(f"HOMECALL_TRUST_STORE: {path.name} is no certificate in PEM or DER") from None
            if not authority:
                raise SettingsError(f"HOMECALL_TRUST_STORE: {path.name} is no authority's certificate (CA): remove it")
            found += [each.public_bytes(Encoding.DER) for each in certificates]
    except OSError as error:
        raise SettingsError(f"HOMECALL_TRUST_STORE names no directory that can be read: {error.strerror}") from None
    if not found:
        raise SettingsError(
            "HOMECALL_TRUST_STORE holds no certificate: put the authorities' there, as .pem, .crt, .cer or .der"
        )
    return found


def _look_at_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or parts.fragment:
        raise SettingsError(
            "HOMECALL_OCSP must be off, certificate (the responder that each certificate names), "
            "or a responder's address as in http://127.0.0.1:8080"
        )


def _look_at_lists(directory: Path) -> None:
    from homecall.runtime.certificates import LISTS, files_in, list_in

    try:
        paths = files_in(directory, LISTS)
        for path in paths:
            try:
                list_in(path.read_bytes())
            except ValueError:
                raise SettingsError(f"HOMECALL_CRLS: {path.name} is no revocation list in PEM or DER") from None
    except OSError as error:
        raise SettingsError(f"HOMECALL_CRLS names no directory that can be read: {error.strerror}") from None
    if not paths:
        raise SettingsError("HOMECALL_CRLS holds no revocation list: put the authorities' there, as .crl, .pem or .der")
