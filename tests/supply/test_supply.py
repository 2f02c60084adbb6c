"""The bill of materials is whole and valid; the audit finds what is known, asks nobody, and says when it could not."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from tests.supply import audit
from tests.supply.audit import Advisories, concerns
from tests.supply.sbom import LOCK, bill, canonical, installed, licences, locked

ADVISORIES = Path(__file__).parent / "advisories"


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    return bill(LOCK.read_text("utf-8"), installed())


def test_the_bill_is_cyclonedx(sbom: dict[str, Any]) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom))
    assert problem is None, problem


def test_it_has_all_that_the_lock_file_installs_and_nothing_else(sbom: dict[str, Any]) -> None:
    lines = re.findall(r"^([^#\s][^\\]*?) *\\?$", LOCK.read_text("utf-8"), re.MULTILINE)
    here = {canonical(each.name) for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()}
    # What builds is taken out of the image again.
    builders = {"setuptools"}
    assert {canonical(each["name"]) for each in sbom["components"]} | builders == here | builders
    assert not {"pytest", "ruff", "cyclonedx-bom"} & {each["name"] for each in sbom["components"]}
    assert sbom["metadata"]["component"]["name"] == "homecall"
    refs = {each["bom-ref"] for each in sbom["components"]}
    (root,) = [each for each in sbom["dependencies"] if each["ref"] not in refs]
    assert {"aiokafka", "motor", "faststream"} <= {ref.split("==")[0] for ref in root["dependsOn"]}


def test_every_package_states_a_licence(sbom: dict[str, Any]) -> None:
    assert "none stated" not in licences(sbom), "look it up, and put it into LOOKED_UP"


def test_it_holds_no_address_and_no_time_and_comes_out_the_same_again(sbom: dict[str, Any]) -> None:
    text = json.dumps(sbom)
    assert re.findall(r"https?://[^\"]*", text) == ["http://cyclonedx.org/schema/bom-1.6.schema.json"]
    assert "timestamp" not in text
    assert "serialNumber" not in text
    assert bill(LOCK.read_text("utf-8"), installed()) == sbom


def test_a_package_that_is_not_as_it_is_locked_is_told(sbom: dict[str, Any]) -> None:
    del sbom
    other = LOCK.read_text("utf-8").replace("aiokafka==", "aiokafka==99.")
    with pytest.raises(SystemExit, match=r"^sbom: aiokafka is installed as .* and locked as 99\.") as told:
        bill(other, installed())
    assert "\n" not in str(told.value)


ONE, TWO, WITHDRAWN = (json.loads((ADVISORIES / f"HOME-2026-{n}.json").read_text("utf-8")) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("advisory", "name", "version", "expected"),
    [
        (ONE, "made-up-package", "1.1", False),
        (ONE, "made-up-package", "1.2", True),
        (ONE, "made-up-package", "1.4", True),
        (ONE, "made-up-package", "1.4.1", False),
        (ONE, "made-up-package", "2.0.2", True),
        (ONE, "made-up-package", "2.0.3", False),
        (TWO, "another", "0.0.1", True),
        (TWO, "another", "0.5", True),
        (TWO, "another", "0.5.post1", False),
        (TWO, "another", "0.9.0", True),
        (TWO, "made-up-package", "3.0", False),
    ],
)
def test_whom_an_advisory_concerns(advisory: dict[str, Any], name: str, version: str, expected: bool) -> None:
    assert concerns(advisory, name, version) is expected


def lock_of(tmp_path: Path, *pins: str) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text("".join(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n" for pin in pins), "utf-8")
    return path


def test_what_is_known_is_told_with_what_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_of(tmp_path, "made-up-package==1.3", "another==1.0", "a-third==1.0")
    assert audit.main(["--advisories", str(ADVISORIES), "--lock", str(lock)]) == audit.KNOWN
    said = capsys.readouterr().out.splitlines()
    # The withdrawn one is no news.
    assert said == [
        "requirements.lock: made-up-package 1.3: CVE-0000-00001, HOME-2026-1; fixed in 1.4.1, 2.0.3",
        f"requirements.lock: 3 packages by 3 advisories of {ADVISORIES}, the newest of 2026-11-20",
        "audit: 1 known",
    ]
    ignoring = ["--advisories", str(ADVISORIES), "--lock", str(lock), "--ignore", "HOME-2026-1"]
    assert audit.main(ignoring) == 0


def test_our_own_lock_files_are_judged_by_a_zip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in ADVISORIES.iterdir():
            archive.write(path, path.name)
    assert audit.main(["--advisories", str(tmp_path / "all.zip")]) == 0
    said = capsys.readouterr().out
    for lock in audit.LOCKS:
        assert f"{lock.name}: {len(locked(lock.read_text('utf-8')))} packages by 3 advisories of " in said
    assert "not judged" not in said
    assert said.endswith("audit: nothing known\n")


def test_no_advisories_are_no_clean_bill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = lock_of(tmp_path, "made-up-package==1.3")
    assert audit.main(["--advisories", str(tmp_path), "--lock", str(lock)]) == audit.NO_ADVISORIES
    assert "nothing was judged" in capsys.readouterr().err


def test_who_cannot_ask_says_that_it_was_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that is not there stands for a network that is none."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    lock = lock_of(tmp_path, "made-up-package==1.3")
    assert audit.main(["--lock", str(lock)]) == audit.NOT_TRIED
    assert capsys.readouterr().out.startswith("audit: not tried: the package index gave no answer: ")


def test_what_the_index_does_not_judge_is_no_clean_bill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped = {"name": "made-up-package", "skip_reason": "could not be found"}
    monkeypatch.setattr(audit, "pip_audit", lambda *_: {"dependencies": [skipped]})
    assert audit.main(["--lock", str(lock_of(tmp_path, "made-up-package==1.3"))]) == audit.NOT_TRIED
    assert "audit: not tried: the package index did not judge 1 packages" in capsys.readouterr().out


def test_advisories_for_other_packages_are_not_kept() -> None:
    kept = Advisories(ADVISORIES, {"another"})
    assert kept.count == 3
    assert [each["id"] for each in kept.against("Another", "0.4")] == ["HOME-2026-2"]
    assert kept.against("made-up-package", "1.3") == []
