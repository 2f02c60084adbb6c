"""What runs on Java: Kafka's jars from Maven, and the one class of ours among them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent
ROOT = SOURCES.parent.parent.parent
CACHE = ROOT / ".stack"
_LAYOUT = b"all in jars"

# Quick to start and light on two cores; a benchmark asks for its own.
QUICK_JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def maven_is_there() -> bool:
    return shutil.which("java") is not None and (shutil.which("mvn") is not None or _jars().is_dir())


def java_compiler() -> bool:
    return shutil.which("javac") is not None


def with_us(command: list[str]) -> list[str]:
    """The command, made to end when our end of its standard input closes, as `Child` asks of it."""
    guard = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 $$) & exec "$@" </dev/null 3<&-'
    return ["sh", "-c", guard, "sh", *command]


def kafka_jars() -> Path:
    """The directory of Kafka's jars, fetched where it is not there yet."""
    jars = _jars()
    if not jars.is_dir():
        _fetch(jars)
    return jars


def java(command: list[str], options: tuple[str, ...]) -> list[str]:
    jars = kafka_jars()
    logging = f"-Dlog4j2.configurationFile={SOURCES / 'log4j2.xml'}"
    archive = [f"-XX:SharedArchiveFile={class_archive()}"] if options == QUICK_JAVA and class_archive().exists() else []
    # Each by its name, in one order: the archive of classes holds for one class path only.
    classes = os.pathsep.join(map(str, sorted(jars.glob("*.jar"))))
    return ["java", *options, *archive, logging, "-cp", classes, *command]


def class_archive() -> Path:
    """Where the classes that a broker loads are kept, loaded and checked: with it a JVM starts in half the time.

    It is there once `making_class_archive` has told a broker to write it.
    """
    jars = kafka_jars()
    return jars.with_name(f"{jars.name}.jsa")


@contextlib.contextmanager
def making_class_archive() -> Iterator[tuple[str, ...] | None]:
    """Options for a broker that writes the archive as it ends; None where it is there, or cannot be made.

    One process of a run makes it, and the others wait. What is half written is never seen.
    """
    archive = class_archive()
    unfinished = archive.with_suffix(".unfinished")
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists() or unfinished.exists():
            yield None
            return
        unfinished.touch()  # stays where this fails: it is not tried again and again
        yield (*QUICK_JAVA, f"-XX:ArchiveClassesAtExit={unfinished}")
        if unfinished.stat().st_size > 0:
            unfinished.rename(archive)


def java_source(program: Path, *arguments: str) -> list[str]:
    """The command that runs a Java source file with Kafka's jars. Skips without Java's compiler or Maven."""
    if not (maven_is_there() and java_compiler()):
        pytest.skip("a Java source file needs a JDK, and Kafka's jars Maven")
    return java([str(program), *arguments], QUICK_JAVA)


def java_compiled(program: Path, directory: Path) -> list[str]:
    """The same for a program that is to run often: compiled once, into that directory. Arguments go behind it."""
    run = java_source(program)
    place = run.index("-cp") + 1
    compiler = ["javac", "-d", str(directory), "-cp", run[place], str(program)]
    _run(compiler, f"{program.name} does not compile")
    run[place] += f"{os.pathsep}{directory}"
    return [*run[:-1], program.stem]


def kafka_tool(*command: str) -> list[str]:
    """The command that runs one of Kafka's own tools, by its class. Skips without Maven."""
    if not maven_is_there():
        pytest.skip("Kafka's own tools come from Maven")
    return java([*command], QUICK_JAVA)


def _jars() -> Path:
    """The cached directory of jars and of what is compiled against them; another one when their sources change."""
    sources = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.suffix in {".xml", ".java"})
    return CACHE / f"java-{hashlib.sha256(sources + bytes([java_compiler()]) + _LAYOUT).hexdigest()[:12]}"


def _fetch(jars: Path) -> None:
    """Have Maven copy the jars, compile the one class of ours, and put both in place as a whole."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        ready = Path(unfinished) / "java"
        maven = ["mvn", "-B", "-q", "-f", str(SOURCES / "pom.xml"), "dependency:copy-dependencies"]
        _run([*maven, f"-DoutputDirectory={ready}"], "Maven did not get Kafka's jars")
        if java_compiler():
            compiler = ["javac", "-d", str(ready), "-cp", f"{ready}/*", str(SOURCES / "MongoStandIn.java")]
            _run(compiler, "tests/infrastructure/stack/MongoStandIn.java does not compile")
            with zipfile.ZipFile(ready / "mongo-stand-in.jar", "w") as jar:
                for path in ready.glob("*.class"):
                    jar.write(path, path.name)
                    path.unlink()
        with contextlib.suppress(OSError):  # another run was first
            ready.rename(jars)


def _run(command: list[str], problem: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise RuntimeError(f"{problem}: {(done.stdout.strip().splitlines() or ['it says nothing'])[0]}")
