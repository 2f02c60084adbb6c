"""Makes the golden answers of the register of persons again: ``python -m tests.unit.gateways.make_shep_goldens``.

They are signed with keys that are thrown away, so all of them change: only for a change of their form.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from homecall.demo.shep.answers import Answers, Question
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.register import invented
from homecall.demo.shep.says import Says
from homecall.demo.shep.wsse import KeyInfo
from homecall.gateways.signatures.dev_authority import DevAuthority

ANSWERS = Path(__file__).parent / "shep_goldens" / "answers"
IIN = "850715100000"
MESSAGE_ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
AT = datetime(2026, 11, 23, 4, 14, 5, 123000, tzinfo=UTC)
OF_THE_CONNECTION = {Says.SLOW, Says.HANG, Says.CUT, Says.HALF, Says.REPLAY, Says.DEEP, Says.LONG}
"""What these are is not in their bytes, or there are too many of them."""


def make() -> None:
    keys = Keys(DevAuthority.new())
    ANSWERS.mkdir(parents=True, exist_ok=True)
    for old in ANSWERS.iterdir():
        old.unlink()
    (ANSWERS / "authority.pem").write_bytes(keys.authority.certificate.public_bytes(Encoding.PEM))
    question = Question(MESSAGE_ID, IIN, replace(invented(IIN), birth_date=date(1985, 7, 15)), AT)
    for says in set(Says) - OF_THE_CONNECTION:
        (ANSWERS / f"{says}.xml").write_bytes(Answers(keys, KeyInfo.IDENTIFIER).answer(says, question).body)
    for how in (KeyInfo.X509_DATA, KeyInfo.TOKEN):
        (ANSWERS / f"found_{how.name.lower()}.xml").write_bytes(Answers(keys, how).answer(Says.FOUND, question).body)


if __name__ == "__main__":
    make()
