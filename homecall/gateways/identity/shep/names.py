"""The namespaces of messages and of their signatures, and the identifiers of algorithms."""

from __future__ import annotations

from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
CHANNEL: Final = "http://bip.bee.kz/SyncChannel/v10/Types"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"

_WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE: Final = f"{_WSS}wssecurity-secext-1.0.xsd"
WSU: Final = f"{_WSS}wssecurity-utility-1.0.xsd"
X509_TOKEN: Final = f"{_WSS}x509-token-profile-1.0#X509v3"
BASE64: Final = f"{_WSS}soap-message-security-1.0#Base64Binary"

EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
GOST_SIGNATURES: Final = frozenset(
    f"urn:ietf:params:xml:ns:pkigovkz:xmlsec:algorithms:gostr34102015-gostr34112015-{bits}" for bits in (256, 512)
)
GOST_DIGESTS: Final = frozenset(
    f"urn:ietf:params:xml:ns:pkigovkz:xmlsec:algorithms:gostr34112015-{bits}" for bits in (256, 512)
)
"""GOST 34.10-2015 and 34.11-2015 as the national provider writes them."""
