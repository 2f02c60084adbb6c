"""The certificates of the stand-in: the gateway's, the client's, and those that nobody should believe."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from homecall.demo.shep.wsse import Signer
from homecall.gateways.signatures.dev_authority import ENDS, DevAuthority, new_key

GATEWAY_BIN: Final = "850740000000"
CLIENT_BIN: Final = "850740000011"
_IIN: Final = "850715100000"
P12_PASSWORD: Final = "development"
"""Of the client's key, which is made for the stand-in alone."""


@dataclass
class Keys:
    """Made from an authority; a key is made when it is first needed: each takes a tenth of a second."""

    authority: DevAuthority
    gateway_key: rsa.RSAPrivateKey = field(default_factory=new_key, repr=False)

    @cached_property
    def gateway(self) -> Signer:
        return self._organisation(self.gateway_key, GATEWAY_BIN)

    @cached_property
    def client(self) -> Signer:
        """Whose requests are taken."""
        return Signer(self.authority.organisation(_IIN, CLIENT_BIN), self.authority.signer_key)

    @cached_property
    def citizen(self) -> Signer:
        return Signer(self.authority.individual(_IIN), self.authority.signer_key)

    @cached_property
    def expired(self) -> Signer:
        return self._organisation(self.gateway_key, GATEWAY_BIN, until=datetime(2025, 12, 31, tzinfo=UTC))

    @cached_property
    def of_another_authority(self) -> Signer:
        other = DevAuthority.new(signer_key=self.authority.signer_key)
        return Keys(other, self.gateway_key).gateway

    def client_p12(self) -> bytes:
        """The client's key and certificate as PKCS#12, with ``P12_PASSWORD``."""
        how = serialization.BestAvailableEncryption(P12_PASSWORD.encode())
        return pkcs12.serialize_key_and_certificates(b"client", self.client.key, self.client.certificate, None, how)

    def _organisation(self, key: rsa.RSAPrivateKey, bin_: str, until: datetime = ENDS) -> Signer:
        return Signer(self.authority.organisation(_IIN, bin_, key=key.public_key(), until=until), key)
