"""Where commands write: whole, where they were told, and never over what is something else; or one line that says why.

A path is the caller's own: ``../..`` and links lead where they lead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.operations import keys, senders
from homecall.operations.failure import Failure
from homecall.operations.terminal import write_out

PDF, HTML, CSV, GEOJSON = b"%PDF-1.4 new", b"<!doctype html>new", b"\xef\xbb\xbfnew;", b'{"type": "FeatureCollection"}'


def one_line(act: Callable[[], object], names: Path | str) -> str:
    with pytest.raises(Failure) as failure:
        act()
    said = str(failure.value)
    assert "\n" not in said
    assert str(names) in said
    return said


# ---------------------------------------------------------------- documents: journal, routes, complaint


@pytest.mark.parametrize("document", [PDF, HTML, CSV, GEOJSON])
def test_a_document_goes_where_it_was_told(tmp_path: Path, document: bytes) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    out = tmp_path / "a" / "b" / ".." / ".." / "up"
    write_out(document, out)
    assert (tmp_path / "up").read_bytes() == document
    write_out(document + b" once more", out)
    assert (tmp_path / "up").read_bytes() == document + b" once more"


@pytest.mark.parametrize("document", [PDF, HTML, CSV, GEOJSON])
@pytest.mark.parametrize(
    "there", [b'{"lookup": "00"}', b'{\n  "senders": {}}', b"-----BEGIN PRIVATE KEY-----", b"x", b"#!/bin/sh\n"]
)
def test_another_file_stays_as_it_is(tmp_path: Path, document: bytes, there: bytes) -> None:
    out = tmp_path / "file"
    out.write_bytes(there)
    assert "is there already" in one_line(lambda: write_out(document, out), out)
    assert out.read_bytes() == there
    link = tmp_path / "link"
    link.symlink_to(out)
    one_line(lambda: write_out(document, link), link)
    assert out.read_bytes() == there


def test_a_document_of_another_format_stays_too(tmp_path: Path) -> None:
    out = tmp_path / "register"
    for there in (PDF, HTML, CSV, GEOJSON):
        out.write_bytes(there)
        for document in {PDF, HTML, CSV, GEOJSON} - {there}:
            one_line(lambda document=document: write_out(document, out), out)  # type: ignore[misc]  # mypy infers no default
        assert out.read_bytes() == there


def test_an_empty_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "made.pdf").touch()
    write_out(PDF, tmp_path / "made.pdf")
    assert (tmp_path / "made.pdf").read_bytes() == PDF


def test_a_link_leads_to_its_target_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.pdf").symlink_to("target.pdf")
    write_out(PDF, tmp_path / "link.pdf")
    assert (tmp_path / "link.pdf").is_symlink()
    assert (tmp_path / "target.pdf").read_bytes() == PDF


def test_nowhere_to_write_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "lost").symlink_to("nowhere/x")
    for out in (
        tmp_path,
        tmp_path / "nowhere" / "x",
        tmp_path / "file" / "x",
        tmp_path / "lost",
        tmp_path / ("x" * 300),
    ):
        assert "cannot be written" in one_line(lambda out=out: write_out(PDF, out), out)  # type: ignore[misc]  # as above


# ---------------------------------------------------------------- backup


def test_a_backup_is_never_written_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMECALL_ENV", "development")
    there = tmp_path / "there"
    there.write_bytes(b"x")
    (tmp_path / "link").symlink_to(there)
    for out in (there, tmp_path / "link"):
        done = CliRunner().invoke(app, ["backup", "--out", str(out), "--no-offsets"])
        assert done.exit_code != 0
        assert "is there already" in str(done.exception) + done.output
    assert there.read_bytes() == b"x"


# ---------------------------------------------------------------- keys and senders


def test_keys_go_into_no_other_file(tmp_path: Path) -> None:
    for there in ('{"senders": {}}', '{"type": "FeatureCollection"}', "[]", "text"):
        file = tmp_path / "file.json"
        file.write_text(there, encoding="utf-8")
        one_line(lambda file=file: keys.new(file, standby=False), file)  # type: ignore[misc]  # as above
        assert file.read_text(encoding="utf-8") == there
    one_line(lambda: keys.new(tmp_path, standby=False), tmp_path)
    one_line(lambda: keys.new(tmp_path / "nowhere" / "x", standby=False), tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file.json"]


def new_sender(file: Path, private: Path) -> None:
    senders.new("samal-1", file, private, [], [])


def test_a_list_of_senders_goes_into_no_other_file(tmp_path: Path) -> None:
    file, private = tmp_path / "file.json", tmp_path / "private.pem"
    for there in ('{"lookup": "00"}', '{"type": "FeatureCollection"}', "[]", "text"):
        file.write_text(there, encoding="utf-8")
        one_line(lambda: new_sender(file, private), file)
        assert file.read_text(encoding="utf-8") == there
    assert not private.exists()


def test_a_list_that_cannot_be_written_leaves_no_key_behind(tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for file in (tmp_path / "nowhere" / "x", tmp_path / "directory", tmp_path / "file" / "x"):
        one_line(lambda file=file: new_sender(file, private), file)  # type: ignore[misc]  # as above
    assert sorted(each.name for each in tmp_path.iterdir()) == ["directory", "file"]


def test_a_private_key_is_never_written_over_a_file_nor_beside_a_link(tmp_path: Path) -> None:
    file, there = tmp_path / "senders.json", tmp_path / "there"
    there.write_bytes(b"x")
    (tmp_path / "link").symlink_to(there)
    (tmp_path / "lost").symlink_to(tmp_path / "nobody's")
    for private in (there, tmp_path / "link", tmp_path / "lost", tmp_path):
        one_line(lambda private=private: new_sender(file, private), private)  # type: ignore[misc]  # as above
    one_line(lambda: new_sender(file, tmp_path / "nowhere" / "x"), tmp_path / "nowhere")
    one_line(lambda: new_sender(file, file), file)
    assert there.read_bytes() == b"x"
    assert not file.exists()


def test_the_list_that_a_link_points_to_is_replaced_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    new_sender(tmp_path / "link.json", tmp_path / "private.pem")
    assert (tmp_path / "link.json").is_symlink()
    assert list(json.loads((tmp_path / "real.json").read_text("utf-8"))["senders"]) == ["samal-1"]


# ---------------------------------------------------------------- dev-sign


def test_a_test_authority_is_made_in_a_directory_or_not_at_all(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"x")
    for directory in (there, there / "below"):
        done = CliRunner().invoke(app, ["dev-sign", "init", "--directory", str(directory)])
        assert done.exit_code != 0
        assert "cannot be written" in str(done.exception) + done.output
    assert there.read_bytes() == b"x"
