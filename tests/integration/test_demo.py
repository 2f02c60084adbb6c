"""``homecall demo`` on the embedded pair: the day ends with nothing lost, and with what was expected."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from homecall.demo.clinic_day import make_plan
from tests.unit.demo.portal import Written

FIELDS = {
    *("requests", "accepted", "deferred", "refused", "answered", "on_time", "missed", "lost", "doubled", "unanswered"),
    *("complaints", "p50_ms", "p99_ms", "seconds", "drift", "desk_actions", "desk_unsent"),
}


def demo(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # An environment made for other commands must not lead it astray.
    environment = os.environ | {"TMPDIR": str(directory), "HOMECALL_KAFKA_SECURITY": "SASL_SSL", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "homecall.cli.main", "demo", *options],
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize(("requests", "seed"), [(60, 5), pytest.param(0, 1, marks=pytest.mark.long)])
def test_a_day_with_nothing_lost_doubled_or_unanswered(tmp_path: Path, requests: int, seed: int) -> None:
    ended = demo(tmp_path, "--requests", str(requests), "--seed", str(seed), "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told.keys() >= FIELDS
    assert (told["lost"], told["doubled"], told["unanswered"], told["drift"]) == (0, 0, 0, 0)
    plan = make_plan(requests, seed, Written())
    expected = Counter("refused" if each not in {"accepted", "deferred"} else each for each in plan.expected.values())
    assert {name: told[name] for name in ("requests", "accepted", "deferred", "refused")} == {
        "requests": requests,
        "accepted": expected["accepted"],
        "deferred": expected["deferred"],
        "refused": expected["refused"],
    }
    assert requests - len(plan.withdrawn) <= told["answered"] <= requests
    assert told["on_time"] + told["missed"] >= told["answered"]
    assert told["complaints"] == 5
    # A doctor falls ill on each day, however few calls it has.
    assert (told["desk_actions"] > (5 if requests else 0), told["desk_unsent"]) == (True, 0)
    assert len(re.findall(r"^  [a-z ]+http://127\.0\.0\.1:\d+/demo/\w+\?key=[0-9a-f]{64}$", ended.stderr, re.M)) == 7
    badly_signed = Counter(plan.expected.values())["signature_invalid"]
    # The table may break its lines anywhere.
    said = " ".join(ended.stderr.split())
    assert f"what to do next; {badly_signed} for a signature that does not hold" in said
    assert "1 turned away, its signature does not hold" in said
    assert "Tue 27 Oct" in ended.stderr
    # Who is refused for the law or a signature may have been asked about too: both are looked up at once.
    [asked] = re.findall(r"register of persons answered (\d+) questions?, each in signed SOAP", said)
    assert int(asked) >= told["accepted"] + told["deferred"]
    assert list(tmp_path.iterdir()) == [], "nothing stays behind"


_WITH_A_PHANTOM = """
import sys
from dataclasses import replace
from pymongo import MongoClient
from homecall.demo import clinic_day, demo
from homecall.cli import main

def plan(requests, seed, signatures):
    made = clinic_day.make_plan(requests, seed, signatures)
    subjects = [act.subject for act in made.acts]
    *_, last = (act for act in made.acts if act.type == "request.submitted" and subjects.count(act.subject) == 1)
    # The ledger takes it as sent; on this topic nobody takes it as a request.
    astray = replace(last, topic="homecall.rosters.v1")
    return replace(made, acts=tuple(astray if act is last else act for act in made.acts))

reconciled = demo._reconciled

async def with_an_entry_less(settings):
    with MongoClient(settings.mongo_url) as client:
        calls = client[f"{settings.mongo_prefix}_notifier"]["requests"]
        calls.delete_one({"_id": calls.find_one({"s.register_number": 1})["_id"]})
    return await reconciled(settings)

demo.make_plan = plan
demo._reconciled = with_an_entry_less
demo._SILENCE_SECONDS = 3.0
demo._TAKEN_UP_SECONDS = 0.5
sys.argv = ["homecall", "demo", "--requests", "6", "--json"]
main.main()
"""


def test_what_was_lost_or_differs_is_told_with_code_1_and_the_log_is_kept(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _WITH_A_PHANTOM],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (told["requests"], told["lost"], told["doubled"], told["unanswered"]) == (5, 2, 0, 0)
    assert told["drift"] == 2
    assert "entry_missing in notifier: has the number 1, and the register has no entry" in " ".join(
        ended.stderr.split()
    )
    assert "was never decided on" in ended.stderr
    assert "broken off: nothing was heard for 3 s" in ended.stderr
    assert "became a dead letter (unknown_type) and must not" in ended.stderr
    [log] = tmp_path.iterdir()
    assert f"the services' log is {log}" in ended.stderr
    assert "dead letter" in log.read_text(encoding="utf-8")


_BY_STRANGERS = """
import sys
from homecall.demo import demo
from homecall.cli import main
from homecall.gateways.signatures.dev_authority import DevAuthority

class Strangers(demo.AuthoritySignatures):
    def __init__(self, authority):
        super().__init__(DevAuthority.new())

demo.AuthoritySignatures = Strangers
sys.argv = ["homecall", "demo", "--requests", "8", "--json"]
main.main()
"""


@pytest.mark.long  # in make test: each flaw of a signature is refused on the day above
def test_signatures_are_checked_those_of_an_authority_that_is_not_trusted_are_refused(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _BY_STRANGERS],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    acts = [act for act in make_plan(8, 1, Written()).acts if act.channel == "portal"]
    requests = Counter(act.expected for act in acts if act.type == "request.submitted")
    told = json.loads(ended.stdout.splitlines()[-1])
    # Each sound request of the portal, and its two sound complaints.
    assert told["lost"] == requests["accepted"] + requests["deferred"] + 2
    assert (told["doubled"], told["unanswered"], told["complaints"]) == (0, 0, 3)
    assert "had to be deferred, and was signature_invalid" in ended.stderr
