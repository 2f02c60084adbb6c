"""Personal data at rest: sealed and opened, bound to its place, found by its index; its keys checked and rotated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.runtime.encryption import BadKeys, KeyRing, Unreadable, Vault, key_ring
from homecall.runtime.settings import Settings, SettingsError

LOOKUP, FIRST, SECOND = "11" * 32, "a1" * 32, "b2" * 32
GOOD = {"lookup": LOOKUP, "keys": {"2026-1": FIRST}, "current": "2026-1"}
PLACE = "requests/5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f/patient"
IIN = "850715100000"


def ring(current: str = "2026-1", **keys: str) -> KeyRing:
    return key_ring(GOOD | {"keys": keys or {"2026-1": FIRST}, "current": current})


VAULT = Vault(ring())


def settings(keys_file: Path | None, env: str = "production") -> Settings:
    return Settings(_env_file=None, env=env, keys_file=keys_file)  # type: ignore[call-arg, arg-type]  # pydantic-settings' own argument


def keys_file(directory: Path, content: Any, mode: int = 0o600) -> Path:
    file = directory / "keys.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    file.chmod(mode)
    return file


# ---------------------------------------------------------------- sealed and opened


@given(st.binary(max_size=300), st.text(max_size=60))
def test_what_was_sealed_is_opened(plain: bytes, about: str) -> None:
    sealed = VAULT.seal(plain, about)
    assert VAULT.open(sealed, about) == plain
    # As a database gives it back.
    assert VAULT.open(bson.decode(bson.encode(sealed)), about) == plain


@given(st.binary(max_size=50), st.text(max_size=20), st.text(max_size=20))
def test_it_opens_in_its_own_place_alone(plain: bytes, about: str, elsewhere: str) -> None:
    sealed = VAULT.seal(plain, about)
    if elsewhere != about:
        with pytest.raises(Unreadable, match="moved from another document"):
            VAULT.open(sealed, elsewhere)


@given(st.binary(max_size=50), st.data())
def test_no_altered_bit_goes_unseen(plain: bytes, data: st.DataObject) -> None:
    sealed = VAULT.seal(plain, PLACE)
    part = data.draw(st.sampled_from(["n", "c"]))
    bit = data.draw(st.integers(0, len(sealed[part]) * 8 - 1))
    altered = bytearray(sealed[part])
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unreadable):
        VAULT.open(sealed | {part: bytes(altered)}, PLACE)


def test_the_same_sealed_twice_is_not_the_same() -> None:
    """A nonce is used once: equal plain texts cannot be told by their ciphertexts."""
    sealed = [VAULT.seal(IIN.encode(), PLACE) for _ in range(1000)]
    assert len({each["n"] for each in sealed}) == 1000
    assert len({each["c"] for each in sealed}) == 1000
    assert {len(each["n"]) for each in sealed} == {12}


def test_nothing_of_the_plain_text_stands_in_what_is_stored() -> None:
    assert IIN.encode() not in bson.encode(VAULT.seal(IIN.encode() * 3, PLACE))


def test_it_is_aes_256_gcm_as_others_have_it() -> None:
    """Test case 16 of the GCM specification: what was sealed elsewhere, in the same form, is opened here."""
    key = "feffe9928665731c6d6a8f9467308308" * 2
    about = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    nonce = "cafebabefacedbaddecaf888"
    plain = (
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    ciphertext = (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    )
    tag = "76fc6ece0f4e1768cddf8853bb2d551b"

    class About(str):
        """The specification's associated data are no text."""

        def encode(self, *_: Any) -> bytes:
            return about

    sealed = {"k": "2026-1", "n": bytes.fromhex(nonce), "c": bytes.fromhex(ciphertext + tag)}
    assert Vault(ring(**{"2026-1": key})).open(sealed, About()).hex() == plain


@pytest.mark.parametrize(
    "change",
    [
        {"k": None},
        {"k": 1},
        {"n": None},
        {"n": "x" * 12},
        {"n": b""},
        {"n": b"x" * 8},
        {"n": b"x" * 200},
        {"c": None},
        {"c": "x" * 40},
        {"c": b""},
        {"c": b"x" * 15},
    ],
)
def test_what_is_not_sealed_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="not in the form"):
        VAULT.open(VAULT.seal(b"x", PLACE) | change, PLACE)
    with pytest.raises(Unreadable, match="not in the form"):
        VAULT.open({}, PLACE)


@pytest.mark.parametrize(("key_id", "named"), [("2025-9", "key 2025-9 "), (f"{IIN} {IIN} {IIN} {IIN}", "a key ")])
def test_an_unknown_key_is_named_where_it_is_the_name_of_one(key_id: str, named: str) -> None:
    with pytest.raises(Unreadable) as error:
        VAULT.open(VAULT.seal(b"x", PLACE) | {"k": key_id}, PLACE)
    assert f"sealed with {named}" in str(error.value)
    assert IIN not in str(error.value)


def test_another_key_of_the_same_name_does_not_open() -> None:
    with pytest.raises(Unreadable, match="another key of that name"):
        Vault(ring(**{"2026-1": SECOND})).open(VAULT.seal(b"x", PLACE), PLACE)


# ---------------------------------------------------------------- the index


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_only_the_same_kind_and_value_have_the_same_index(kind: str, value: str, kind_2: str, value_2: str) -> None:
    same = VAULT.index(kind, value) == VAULT.index(kind_2, value_2)
    assert same == ((kind, value) == (kind_2, value_2))


def test_kind_and_value_do_not_run_together() -> None:
    assert len({VAULT.index("ab", "c"), VAULT.index("a", "bc"), VAULT.index("", "abc"), VAULT.index("abc", "")}) == 4


def test_an_index_is_64_hex_digits_and_hangs_on_the_key_alone() -> None:
    index = VAULT.index("iin", IIN)
    assert len(bytes.fromhex(index)) == 32
    assert Vault(ring("2026-2", **{"2026-1": FIRST, "2026-2": SECOND})).index("iin", IIN) == index
    assert Vault(key_ring(GOOD | {"lookup": "22" * 32})).index("iin", IIN) != index


# ---------------------------------------------------------------- rotation


def test_a_rotation_from_its_first_step_to_its_last() -> None:
    """As the decision has it: added, made current, all resealed, the old key removed."""
    both = {"2026-1": FIRST, "2026-2": SECOND}
    places = [f"requests/{number}/patient" for number in range(20)]
    stored = {place: VAULT.seal(place.encode(), place) for place in places}

    standby = Vault(ring("2026-1", **both))
    current = Vault(ring("2026-2", **both))
    # While replicas restart one after another, each opens what the other seals.
    stored[places[0]] = current.seal(places[0].encode(), places[0])
    assert standby.open(stored[places[0]], places[0]) == places[0].encode()
    assert all(current.open(sealed, place) == place.encode() for place, sealed in stored.items())

    stale = [place for place, sealed in stored.items() if sealed["k"] != current.current]
    assert len(stale) == 19
    stored |= {place: current.reseal(stored[place], place) for place in stale}
    assert {sealed["k"] for sealed in stored.values()} == {"2026-2"}

    alone = Vault(ring("2026-2", **{"2026-2": SECOND}))
    assert all(alone.open(sealed, place) == place.encode() for place, sealed in stored.items())
    with pytest.raises(Unreadable, match="key 2026-1 that HOMECALL_KEYS_FILE does not hold"):
        alone.open(VAULT.seal(b"forgotten", PLACE), PLACE)


@given(st.binary(max_size=60), st.text(max_size=20))
def test_resealing_twice_changes_nothing_more(plain: bytes, about: str) -> None:
    current = Vault(ring("2026-2", **{"2026-1": FIRST, "2026-2": SECOND}))
    once = current.reseal(VAULT.seal(plain, about), about)
    assert current.open(once, about) == plain
    assert current.reseal(once, about) == once


def test_what_does_not_open_is_not_resealed() -> None:
    current = Vault(ring("2026-2", **{"2026-1": FIRST, "2026-2": SECOND}))
    with pytest.raises(Unreadable):
        current.reseal(VAULT.seal(b"x", PLACE), "requests/another/patient")


# ---------------------------------------------------------------- the keys file


def test_a_good_file_is_taken(tmp_path: Path) -> None:
    vault = Vault.from_settings(settings(keys_file(tmp_path, GOOD)))
    assert vault.open(VAULT.seal(b"x", PLACE), PLACE) == b"x"
    assert vault.index("iin", IIN) == VAULT.index("iin", IIN)
    assert vault.current == "2026-1"


SECRET = "5ec4e7" * 11  # 66 digits: too many for a key

WRONG: list[tuple[Any, str]] = [
    ("", "is not JSON"),
    (SECRET, "is not JSON"),
    ("[" * 100_000, "is not JSON"),
    (f'["{SECRET}"]', "is no JSON object"),
    ("{}", '"lookup" must be'),
    (GOOD | {"lookup": None}, '"lookup" must be'),
    (GOOD | {"lookup": SECRET[:62]}, '"lookup" must be'),
    (GOOD | {"lookup": SECRET + "g"}, '"lookup" must be'),
    (GOOD | {"lookup": SECRET + "0"}, '"lookup" must be'),
    (GOOD | {"lookup": " ".join([SECRET] * 2)}, '"lookup" must be'),
    (GOOD | {"lookup": "١" * 64}, '"lookup" must be'),
    ({"lookup": LOOKUP}, '"keys" must hold'),
    (GOOD | {"keys": {}}, '"keys" must hold'),
    (GOOD | {"keys": [SECRET]}, '"keys" must hold'),
    (GOOD | {"keys": {"2026-1": SECRET}}, '"keys": 2026-1 must be 64 hex digits'),
    (GOOD | {"keys": {"2026-1": FIRST, "2026-2": SECRET}}, '"keys": 2026-2 must be 64 hex digits'),
    (GOOD | {"keys": {"2026-1": 5}}, '"keys": 2026-1 must be 64 hex digits'),
    (GOOD | {"keys": {"2026-1": FIRST, SECRET: "2026-2"}}, '"keys": the name of entry 2 must be'),
    (GOOD | {"keys": {"": FIRST}}, '"keys": the name of entry 1 must be'),
    (GOOD | {"keys": {"2026-1": FIRST, "2026-2": FIRST.upper()}}, "the same key stands under two names"),
    (GOOD | {"keys": {"2026-1": LOOKUP}}, "the same key stands under two names"),
    (GOOD | {"current": SECRET}, '"current" must be one of the names'),
    (GOOD | {"current": ["2026-1"]}, '"current" must be one of the names'),
    ({name: GOOD[name] for name in ("lookup", "keys")}, '"current" must be one of the names'),
    (json.dumps(GOOD).replace('"2026-1": ', f'"2026-1": "{SECRET}", "2026-1": '), "a name stands in it twice"),
    (json.dumps(GOOD).replace("{", f'{{"lookup": "{SECRET}", ', 1), "a name stands in it twice"),
]


@pytest.mark.parametrize(("content", "why"), WRONG)
@pytest.mark.parametrize("env", ["production", "development"])
def test_a_wrong_file_stops_the_start_with_one_line(tmp_path: Path, content: Any, why: str, env: str) -> None:
    with pytest.raises(SettingsError) as error:
        Vault.from_settings(settings(keys_file(tmp_path, content), env))
    line = str(error.value)
    assert line.startswith(f"HOMECALL_KEYS_FILE: {why}")
    assert "\n" not in line
    for secret in (SECRET[:12], LOOKUP[:12], FIRST[:12], FIRST[:12].upper()):
        assert secret not in line


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    file = keys_file(tmp_path, "")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="HOMECALL_KEYS_FILE: is in UTF-16, not in UTF-8"):
        Vault.from_settings(settings(file))


def test_a_file_that_is_gone_stops_the_start(tmp_path: Path) -> None:
    there = settings(keys_file(tmp_path, GOOD))
    (tmp_path / "keys.json").unlink()
    with pytest.raises(SettingsError, match="HOMECALL_KEYS_FILE: cannot be read: No such file"):
        Vault.from_settings(there)


@pytest.mark.parametrize(
    ("mode", "env", "taken"),
    [
        (0o600, "production", True),
        (0o400, "production", True),
        (0o640, "production", True),
        (0o440, "production", True),
        (0o644, "production", False),
        (0o604, "production", False),
        (0o620, "production", False),
        (0o601, "production", False),
        (0o644, "development", True),
    ],
)
def test_a_file_open_to_others_stops_the_start_in_production(tmp_path: Path, mode: int, env: str, taken: bool) -> None:
    file = keys_file(tmp_path, GOOD, mode)
    if taken:
        Vault.from_settings(settings(file, env))
        return
    with pytest.raises(
        SettingsError, match="HOMECALL_KEYS_FILE: is open to others than its owner and group: chmod 600"
    ):
        Vault.from_settings(settings(file, env))


def test_production_without_a_file_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="HOMECALL_KEYS_FILE is missing"):
        Vault.from_settings(settings(None))


def test_development_without_a_file_has_one_ring_in_every_process() -> None:
    one, other = (Vault.from_settings(settings(None, "development")) for _ in range(2))
    assert other.open(one.seal(b"x", PLACE), PLACE) == b"x"
    assert other.index("iin", IIN) == one.index("iin", IIN)


def test_production_does_not_open_what_development_sealed() -> None:
    sealed = Vault.from_settings(settings(None, "development")).seal(b"x", PLACE)
    with pytest.raises(Unreadable, match="key development"):
        VAULT.open(sealed, PLACE)


def test_no_key_shows_in_a_repr() -> None:
    shown = f"{ring()!r} {VAULT!r} {vars(VAULT)!r}"
    for key in (LOOKUP, FIRST):
        assert key[:12] not in shown
        assert repr(bytes.fromhex(key))[2:14] not in shown


def test_an_unknown_part_is_let_be() -> None:
    assert key_ring(GOOD | {"note": "made by the duty officer"}).current == "2026-1"
    with pytest.raises(BadKeys):
        key_ring({})


def test_a_service_that_seals_nothing_does_not_load_the_cipher() -> None:
    code = "import sys, homecall.runtime.encryption; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
