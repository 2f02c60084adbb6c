"""The file of the register of persons as docs/operations.md shows it is one that the client takes."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from homecall.gateways.identity.shep.client import shep_from
from homecall.gateways.identity.shep.profile import Profile, read_profile
from homecall.gateways.signatures.dev_authority import CRLS
from homecall.runtime.settings import Settings
from tests.unit.demo.shep.messages import keys

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


async def test_the_example_of_the_docs_is_taken(tmp_path: Path) -> None:
    [text] = re.findall(r"^```toml\n(.*?key_file.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "shep.toml"
    file.write_text(text, encoding="utf-8")
    for name in ("sender-password", "organisation-password"):
        (tmp_path / name).write_text("development", encoding="utf-8")
    (tmp_path / "organisation.p12").write_bytes(keys().client_p12())
    (tmp_path / "authorities").mkdir()
    certificate = keys().authority.certificate.public_bytes(Encoding.PEM)
    (tmp_path / "authorities" / "national.pem").write_bytes(certificate)
    (tmp_path / CRLS).mkdir()
    keys().authority.publish(tmp_path)

    profile = read_profile(file).profile
    assert (profile.persons.service_id, profile.persons.route_id) == ("GBDFL_UniversalServiceSync", "GBDFL")
    # What the page says of the limits is what holds where the file is silent.
    defaults = {name: Profile.model_fields[name].default for name in ("time_limit_seconds", "at_once")}
    assert {name: getattr(profile, name) for name in defaults} == defaults
    settings = Settings(_env_file=None, env="development", identity_shep_file=file)  # type: ignore[call-arg]  # pydantic-settings' own argument
    identity = shep_from(settings, "https://gateway.example.kz/shep")
    await identity.close()
