"""``make sbom``: a CycloneDX bill of materials of what the lock file installs, and its licences.

It goes to ``build/homecall-VERSION.cdx.json``, to be put beside the image of a release. Made from what is installed
here by `cyclonedx-py`, and cut down to requirements.lock: no tool to develop with, no address, no time. The same lock
file on the same Python gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
SPEC_VERSION = "1.6"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)
_CLASSIFIER = "License :: OSI Approved :: "

# What a package's own metadata leaves out, looked up in the licence file that it ships.
LOOKED_UP = {"protobuf": "BSD-3-Clause"}


def locked(text: str) -> dict[str, str]:
    """The packages of a lock file: name, in its canonical form, to version."""
    return {canonical(name): version for name, version in _PIN.findall(text)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Any]:
    """The bill of all that is installed beside this Python."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-reproducible", "--spec-version", SPEC_VERSION, "--output-format", "JSON", "--no-validate"]
    done = subprocess.run([*command, "--output-file", "-", sys.executable], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"sbom: cyclonedx-py ended with {done.returncode}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bill(lock: str, everything: dict[str, Any]) -> dict[str, Any]:
    """What the lock file names of all that is installed; ``SystemExit`` where something of it is another version."""
    wanted = locked(lock)
    kept = {}
    for component in everything["components"]:
        version = wanted.get(canonical(component["name"]))
        if version is None:
            continue
        if version != component["version"]:
            raise SystemExit(
                f"sbom: {component['name']} is installed as {component['version']} and locked as {version}: "
                "make .venv/.installed-dev"
            )
        kept[component["bom-ref"]] = _plain(component)
    metadata = everything["metadata"]
    root = metadata["component"]["bom-ref"]
    metadata["tools"] = {"components": [_plain(tool) for tool in metadata["tools"]["components"]]}
    digest = hashlib.sha256(lock.encode()).hexdigest()
    metadata.setdefault("properties", []).append({"name": "homecall:requirements.lock:sha256", "value": digest})
    needs = [
        each | {"dependsOn": [ref for ref in each.get("dependsOn", ()) if ref in kept]}
        for each in everything["dependencies"]
        if each["ref"] in kept or each["ref"] == root
    ]
    return everything | {"components": list(kept.values()), "dependencies": needs, "metadata": metadata}


def _plain(component: dict[str, Any]) -> dict[str, Any]:
    """Without addresses, and with one statement of each licence: its identifier where there is one."""
    told = {name: value for name, value in component.items() if name not in {"externalReferences", "properties"}}
    licences = component.get("licenses", [])
    known = [each for each in licences if "expression" in each or "id" in each["license"]]
    named = [
        {"license": each["license"] | {"name": each["license"]["name"].removeprefix(_CLASSIFIER)}}
        for each in licences
        if each not in known
    ]
    if not licences and canonical(component["name"]) in LOOKED_UP:
        known = [{"license": {"id": LOOKED_UP[canonical(component["name"])], "acknowledgement": "concluded"}}]
    if known or named:
        told["licenses"] = known or named
    return told


def licences(document: dict[str, Any]) -> dict[str, list[str]]:
    """Each licence, and the packages under it. "none stated" are those that state none."""
    found: dict[str, list[str]] = defaultdict(list)
    for component in document["components"]:
        stated = component.get("licenses", [])
        texts = [each.get("expression") or each["license"].get("id") or each["license"]["name"] for each in stated]
        found[", ".join(texts) or "none stated"].append(f"{component['name']} {component['version']}")
    return dict(sorted(found.items()))


def main() -> int:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    parser = argparse.ArgumentParser(prog="make sbom", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / f"homecall-{version}.cdx.json")
    asked = parser.parse_args()
    document = bill(LOCK.read_text("utf-8"), installed())
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    for licence, packages in licences(document).items():
        print(f"{licence}: {', '.join(packages)}")
    print(f"{asked.output}: {len(document['components'])} packages, CycloneDX {SPEC_VERSION}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
