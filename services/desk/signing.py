"""The desk as a sender: where records from outside must be signed, what people do here is signed by the desk's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from homecall.contract.envelope import OutgoingRecord
from homecall.runtime.kafka.senders import signature_headers
from homecall.runtime.settings import Settings, SettingsError

Signer = Callable[[OutgoingRecord], Sequence[tuple[str, bytes]]]
"""The headers that a record has beside those of its event."""


def signer_from(settings: Settings) -> Signer | None:
    """What signs; None without a key. Raises ``SettingsError`` where one is needed, or is none."""
    path = settings.desk_sender_key_file
    if path is None:
        if settings.senders_file is not None:
            raise SettingsError(
                "HOMECALL_DESK_SENDER_KEY_FILE is missing: with HOMECALL_SENDERS_FILE the desk signs what it sends; "
                "homecall senders new desk --clinic '*' makes the key"
            )
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError("HOMECALL_DESK_SENDER_KEY_FILE holds no Ed25519 private key in PEM form")
    sender, sign = settings.desk_sender, key.sign

    def headers(event: OutgoingRecord) -> Sequence[tuple[str, bytes]]:
        return signature_headers(sender, sign, event.topic, event.key.encode(), event.headers(), event.value)

    return headers
