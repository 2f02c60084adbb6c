"""Two code generators make usable TypeScript of the AsyncAPI document: Modelina and json-schema-to-typescript.

The types are used as a clinic's developer would use them, and compiled: each golden example must fit, and what is
wrong with names, values or required fields must be an error of the compiler.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homecall.contract.asyncapi import document, golden
from homecall.contract.events import MODELS
from homecall.contract.values import MEANINGS

HERE = Path(__file__).parent / "generators"
STACK = Path(__file__).parents[2] / ".stack"
GENERATORS = (
    # Three times as slow as the other: in make faults.
    pytest.param("modelina", marks=pytest.mark.long),
    "json-schema-to-typescript",
)
SPEC = document()
SCHEMAS: dict[str, Any] = SPEC["components"]["schemas"]


@pytest.fixture(scope="module")
def installed() -> Path:
    """The directory with the generators, installed once by npm as the lock file pins them."""
    locked = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    home = STACK / f"generators-{locked}"
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm or node is not here: the code generators cannot run")
    if not home.exists():
        STACK.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="generators-", dir=STACK))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=fresh, capture_output=True, check=False, timeout=280).returncode != 0:
            shutil.rmtree(fresh)
            pytest.skip("npm could not install the code generators")
        try:
            fresh.rename(home)
        except OSError:  # another test process was first
            shutil.rmtree(fresh)
    shutil.copy(HERE / "generate.mjs", home)
    return home


@pytest.fixture(scope="module", params=GENERATORS)
def generator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def generated(installed: Path, generator: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("generated")
    (made / "asyncapi.json").write_text(json.dumps(SPEC), "utf-8")
    run(["node", "generate.mjs", str(made / "asyncapi.json"), str(made), generator], installed)
    return made


def run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def known(data: Any, schema: Any) -> Any:
    """The data without fields that the schema does not have, as the compiler wants it."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return known(data, schema["anyOf"][0])
    if isinstance(data, dict) and "properties" in schema:
        return {
            name: known(value, schema["properties"][name])
            for name, value in data.items()
            if name in schema["properties"]
        }
    if isinstance(data, list) and isinstance(schema.get("items"), dict):
        return [known(each, schema["items"]) for each in data]
    return data


def uses(generator: str) -> Iterator[str]:
    """TypeScript that must compile: each golden example as it is; each of its faults as an expected error."""
    yield f'import type * as made from "./{generator}";'
    for number, event_type in enumerate(MODELS):
        name = MODELS[event_type].__name__
        schema = SCHEMAS[name]
        examples = [known(each["data"], schema) for each in golden(event_type)["valid"]]
        for place, data in enumerate(examples):
            yield f"export const e{number}_{place}: made.{name} = {written(data)};"
        first = examples[0]
        wrong = [{key: value for key, value in first.items() if key != each} for each in schema["required"]]
        wrong.append({**first, "no_such_field": 1})
        for field, each in schema["properties"].items():
            if each.get("anyOf", [{}])[0].get("$ref", "").rpartition("/")[2] in MEANINGS:
                wrong.append({**first, field: "no such value"})
        for place, data in enumerate(wrong):
            yield f"// @ts-expect-error\nexport const w{number}_{place}: made.{name} = {written(data)};"


def written(data: Any) -> str:
    """On one line: an expected error is of the next line."""
    return json.dumps(data, ensure_ascii=False)


def test_the_types_compile_and_hold_names_values_and_what_is_required(
    installed: Path, generated: Path, generator: str
) -> None:
    use = generated / f"use-{generator}.ts"
    use.write_text("\n".join(uses(generator)), "utf-8")
    compiler = str(installed / "node_modules" / ".bin" / "tsc")
    # The libraries of a browser and of Node are not what is looked at: reading them takes most of the time.
    libraries = ["--lib", "es2022", "--types", "", "--skipLibCheck"]
    command = [compiler, "--noEmit", "--strict", "--target", "es2022", "--module", "preserve", *libraries, str(use)]
    run(command, generated)


def test_types_have_the_names_of_the_schemas_and_no_others(generated: Path, generator: str) -> None:
    text = (generated / f"{generator}.ts").read_text("utf-8")
    names = set(re.findall(r"^export (?:interface|type) (\w+)", text, re.MULTILINE))
    # A list of one value may stand where it is used, as that value.
    assert {name for name, schema in SCHEMAS.items() if "const" not in schema} <= names
    assert [name for name in names if "anonym" in name.lower() or re.search(r"\d$", name)] == []


def test_only_the_inputs_of_a_ruling_are_of_any_type(generated: Path, generator: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", (generated / f"{generator}.ts").read_text("utf-8"), flags=re.DOTALL)
    loose = re.findall(r"^.*\b(?:any|unknown)\b.*$", text, re.MULTILINE)
    assert len(loose) == 1, loose
