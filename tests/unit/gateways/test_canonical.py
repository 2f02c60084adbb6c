"""The RFC 8785 form that a portal's signature is made over: one form for all ways to write the same data, or none."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.gateways.signatures.canonical import NotCanonical, canonical


def test_the_example_of_rfc_8785() -> None:
    sent = rb"""
        { "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false] }"""
    assert canonical(sent).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf_16() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    in_order = list(json.loads(canonical(json.dumps(dict.fromkeys(keys, 0)).encode())))
    assert in_order == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("bits", "written"),
    [
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000001", "9007199254740994"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555555", "333333333.3333333"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_as_in_appendix_b(bits: str, written: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(b'{"n":%r}' % number) == b'{"n":%s}' % written.encode()


@pytest.mark.parametrize(
    ("sent", "form"),
    [
        (b'{"b":1,"a":2}', b'{"a":2,"b":1}'),
        (b'  {"a" :\n1.0}\n', b'{"a":1}'),
        (b'{"a":1e2}', b'{"a":100}'),
        (b'{"a":-0}', b'{"a":0}'),
        (rb'{"a":"\u04af\/"}', '{"a":"ү/"}'.encode()),
        (b'{"a":9007199254740991}', b'{"a":9007199254740991}'),
        (b'{"a":-9007199254740992}', b'{"a":-9007199254740992}'),
        (b'{"a":999999999999999700000}', b'{"a":999999999999999700000}'),
        (b'{"a":1,"signature":{"format":"cms"}}', b'{"a":1}'),
        (b'{"a":{"signature":1}}', b'{"a":{"signature":1}}'),
        (b'{"unknown":[{}],"a":null}', b'{"a":null,"unknown":[{}]}'),
        (b"{}", b"{}"),
    ],
)
def test_one_form(sent: bytes, form: bytes) -> None:
    assert canonical(sent) == form


@pytest.mark.parametrize(
    ("sent", "path", "said"),
    [
        (b'{"a":1,"a":2}', "a", "twice"),
        (b'{"a":1,"\\u0061":2}', "a", "twice"),
        (b'{"signature":1,"signature":2}', "signature", "twice"),
        (b'{"x":[0,{"a":1,"b":2,"a":1}]}', "x.1.a", "twice"),
        (b'{"850715100000":1,"850715100000":1}', "…", "twice"),
        (b'{"a":NaN}', "a", "finite"),
        (b'{"a":{"b":-Infinity}}', "a.b", "finite"),
        (b'{"a":1e309}', "a", "double"),
        (b'{"a":-1e309}', "a", "double"),
        (b'{"a":9007199254740993}', "a", "double"),
        (b'{"a":-9007199254740993}', "a", "double"),
        (b'{"a":1000000000000000000000}', "a", "double"),
        (b'{"a":' + b"9" * 5000 + b"}", "a", "double"),
        (b'{"a":["\\ud800"]}', "a.0", "surrogate"),
        (b'{"\\udc00":1}', "…", "surrogate"),
        (b"[]", "data", "object"),
        (b'"a"', "data", "object"),
        (b"NaN", "data", "finite"),
        (b"", "data", "JSON"),
        (b'{"a":1', "data", "JSON"),
        (b'{"a":1} {}', "data", "JSON"),
        (b'\xef\xbb\xbf{"a":1}', "data", "JSON"),
        ('{"a":1}'.encode("utf-16"), "data", "JSON"),
        (b'{"a":"\xff"}', "data", "JSON"),
        (b'{"a":"\x01"}', "data", "JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "data", "deep"),
        (b'{"a":' + b"[" * 900 + b"NaN" + b"]" * 900 + b"}", "data", "deep"),
    ],
)
def test_what_two_readers_could_read_differently_has_none(sent: bytes, path: str, said: str) -> None:
    with pytest.raises(NotCanonical, match=said) as refused:
        canonical(sent)
    assert refused.value.path == path
    assert "\n" not in str(refused.value)


_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    _SCALARS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_DATA = st.dictionaries(_TEXTS.filter(lambda key: key != "signature"), _VALUES, max_size=5)


def _shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = [(key, _shuffled(item, order)) for key, item in value.items()]
        order.shuffle(pairs)
        return dict(pairs)
    return [_shuffled(item, order) for item in value] if isinstance(value, list) else value


@given(_DATA, st.randoms(use_true_random=False), st.booleans(), st.sampled_from([None, 2]))
def test_order_whitespace_and_escapes_do_not_matter(
    data: dict[str, Any], order: random.Random, ascii_: bool, indent: int | None
) -> None:
    form = canonical(json.dumps(data).encode())
    other = json.dumps(_shuffled(data, order), ensure_ascii=ascii_, indent=indent).encode()
    assert canonical(other) == form
    assert canonical(form) == form


@given(_DATA, _DATA)
def test_everything_else_does(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = canonical(json.dumps(one).encode()) == canonical(json.dumps(other).encode())
    assert same == _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    """Equality of JSON: unlike Python's, true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
