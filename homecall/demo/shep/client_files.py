"""What a client of the stand-in needs, in a directory: ``HOMECALL_IDENTITY_SHEP_FILE``, and the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from homecall.demo.shep import markup
from homecall.demo.shep.gateway import ATTACHMENTS, PERSONS, PERSONS_BY_TOKEN, Access
from homecall.demo.shep.keys import GATEWAY_BIN, P12_PASSWORD, Keys

FILE: Final = "shep.toml"
_TEXT: Final = """\
# How Homecall asks the stand-in of the e-government gateway. Made by homecall up or the demo: see docs/operations.md.

[sender]
id = "{sender_id}"
password_file = "sender-password"
code = "HOMECALL"

[persons]
service_id = "{service_id}"
form = "{form}"

[signing]
by = "{signed_by}"
key_file = "client.p12"
password_file = "client-password"

[answers]
checked_by = "{checked_by}"
{trust}bin = "{bin}"
"""
_ATTACHMENT: Final = """
# A made-up service: the form of the real one is not public.
[attachment]
service_id = "{service_id}"
data_type = "{{{namespace}}}Request"
request = {{ messageId = "{{message_id}}", iin = "{{iin}}" }}
result = "result/code"
each = "attachments/attachment"
clinic = "organization/code"
territory = "territory"
attached_from = "since"
attached_until = "until"
"""


def write_client_files(
    directory: Path,
    keys: Keys,
    access: Access,
    *,
    by_token: bool = False,
    by_ncanode: bool = False,
    attachments: bool = False,
) -> Path:
    """Write them there, the secrets so that only their owner can read them; the path of the settings' file.

    ``by_token``: the service that wants the person's consent; ``by_ncanode``: signed and checked by NCANode;
    ``attachments``: the register of attached population is asked too.
    """
    (directory / "trust").mkdir(parents=True, exist_ok=True)
    (directory / "trust" / "authority.pem").write_bytes(keys.authority.certificate.public_bytes(Encoding.PEM))
    _write_secret(directory / "client.p12", keys.client_p12())
    _write_secret(directory / "client-password", P12_PASSWORD.encode())
    _write_secret(directory / "sender-password", access.password.encode())
    text = _TEXT.format(
        sender_id=access.sender_id,
        service_id=PERSONS_BY_TOKEN if by_token else PERSONS,
        form="token" if by_token else "universal",
        signed_by="ncanode" if by_ncanode else "pkcs12",
        checked_by="ncanode" if by_ncanode else "rsa",
        trust="" if by_ncanode else 'trust_store = "trust"\n',
        bin=GATEWAY_BIN,
    )
    if attachments:
        text += _ATTACHMENT.format(service_id=ATTACHMENTS, namespace=markup.ATTACHMENT)
    (directory / FILE).write_text(text, encoding="utf-8")
    return directory / FILE


def _write_secret(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
