"""Which verifier of signatures a service uses, by its settings."""

from __future__ import annotations

from homecall.gateways.signatures.port import Unchecked, Verifier
from homecall.runtime.settings import Settings, SettingsError


def verifier_from(settings: Settings) -> Verifier:
    """The port that ``HOMECALL_SIGNATURES`` asks for.

    Raises ``SettingsError`` with one line where its own settings are missing or wrong: ``HOMECALL_TRUST_STORE``,
    ``HOMECALL_CRLS`` and ``HOMECALL_OCSP`` for ``rsa``, ``HOMECALL_NCANODE_URL`` for ``ncanode``. In production ``rsa``
    needs a source of revocations, unless ``HOMECALL_REVOCATION`` says that it is given up.
    """
    if settings.signatures == "off":
        return Unchecked()
    if settings.signatures == "ncanode":
        from homecall.gateways.signatures.ncanode import ncanode_from  # loads what this process may not need

        return ncanode_from(settings)
    from homecall.gateways.signatures.rsa_pool import rsa_from

    unknown = settings.crls is None and settings.ocsp == "off" and settings.revocation != "unchecked"
    if unknown and settings.env == "production" and settings.trust_store is not None:
        raise SettingsError(
            "HOMECALL_CRLS and HOMECALL_OCSP are both missing: HOMECALL_SIGNATURES=rsa needs one of them to know "
            "revoked certificates; or set HOMECALL_REVOCATION=unchecked to take their signatures too"
        )
    return rsa_from(settings)
