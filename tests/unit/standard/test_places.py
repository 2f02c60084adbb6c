"""Which coordinates are believed: those in Kazakhstan or near its border; nothing else, whatever it is."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.standard.places import AROUND_KAZAKHSTAN, implausible, located

ANYTHING = st.one_of(st.none(), st.floats(), st.floats(40, 57), st.floats(45, 89))

AT_THE_BORDER = {
    "Almaty": (43.238, 76.945),
    "Astana": (51.169, 71.449),
    "Aktau": (43.652, 51.158),
    "Fort Shevchenko": (44.508, 50.263),
    "Ganyushkino": (46.600, 49.266),
    "Saykhin": (48.815, 46.768),
    "Oral": (51.233, 51.367),
    "Kostanay": (53.214, 63.632),
    "Petropavl": (54.873, 69.146),
    "Ridder": (50.344, 83.512),
    "Zaysan": (47.467, 84.871),
    "Katon-Karagay": (49.173, 85.615),
    "Zharkent": (44.163, 80.003),
    "Narynkol": (42.726, 80.183),
    "Korday": (43.040, 74.712),
    "Saryagash": (41.463, 69.169),
    "Keles": (41.403, 69.204),
    "Zhibek Zholy": (41.476, 69.343),
    "Myrzakent": (40.664, 68.543),
    "Masanchi": (42.928, 75.305),
    "Merki": (42.867, 73.182),
    "Bakhty": (46.667, 82.733),
    "Khorgos": (44.214, 80.413),
    "Aqsay": (51.168, 52.995),
    "Kurmangazy, to Astrakhan": (46.6, 49.27),
    "Kyzyl Tu, to Omsk": (53.65, 72.35),
    "Sharbakty": (52.488, 78.154),
    "Auliekol, to Troitsk": (53.9, 62.0),
    "Khromtau, to Orsk": (50.25, 58.44),
    "Zhetisay": (40.775, 68.327),
    "the northernmost point": (55.442, 68.95),
    "the southernmost point": (40.568, 68.20),
    "the westernmost point": (48.55, 46.494),
    "the easternmost point": (49.10, 87.316),
}
ELSEWHERE = {
    "an empty form": (0, 0),
    "half an empty form": (43.238, 0),
    "the other half": (0, 76.945),
    "Almaty, exchanged": (76.945, 43.238),
    "Astana, exchanged": (71.449, 51.169),
    "Atyrau, exchanged": (51.92, 47.1),
    "Aktau, exchanged": (51.158, 43.652),
    "Almaty, the sign lost": (-43.238, 76.945),
    "Almaty, in the west": (43.238, -76.945),
    "Moscow": (55.756, 37.617),
    "Novosibirsk": (55.03, 82.92),
    "Samara": (53.2, 50.15),
    "Ürümqi": (43.8, 87.6),
    "Baku": (40.4, 49.87),
    "Tashkent": (41.311, 69.28),
    "Tashkent, a suburb": (41.285, 69.204),
    "Bishkek": (42.87, 74.59),
    "Bishkek, in the south": (42.82, 74.61),
    "Karakol": (42.49, 78.39),
    "Khujand": (40.28, 69.62),
    "Namangan": (41.0, 71.67),
    "Yining": (43.91, 81.32),
    "Omsk": (54.99, 73.37),
    "Chelyabinsk": (55.16, 61.40),
    "Kurgan": (55.44, 65.34),
    "Orenburg": (51.77, 55.10),
    "Orsk": (51.2, 58.6),
    "Astrakhan": (46.35, 48.04),
    "Saratov": (51.53, 46.03),
    "Volgograd": (48.71, 44.51),
    "Barnaul": (53.35, 83.77),
    "beyond the pole": (91, 76.945),
    "round the globe": (43.238, 436.945),
    "in metres": (4_789_000, 8_565_000),
    "in microdegrees": (43_238_000, 76_945_000),
    "no numbers": (nan, nan),
    "half a number": (43.238, nan),
    "without an end": (inf, -inf),
    "one of the two": (43.238, None),
    "the other of the two": (None, 76.945),
}


@pytest.mark.parametrize("place", AT_THE_BORDER.values(), ids=AT_THE_BORDER)
def test_a_place_in_the_country_is_believed_up_to_its_border(place: tuple[float, float]) -> None:
    assert located(*place) == place
    assert not implausible(*place)


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_any_other_is_not(place: tuple[float | None, float | None]) -> None:
    assert located(*place) is None
    assert implausible(*place)


def test_none_is_nothing_to_be_doubted() -> None:
    assert located(None, None) is None
    assert not implausible(None, None)


@given(ANYTHING, ANYTHING)
def test_what_is_believed_lies_within_the_line_s_own_box(lat: float | None, lon: float | None) -> None:
    found = located(lat, lon)
    assert implausible(lat, lon) == (found is None and (lat, lon) != (None, None))
    if found is not None:
        assert found == (lat, lon)
        assert min(each for each, _ in AROUND_KAZAKHSTAN) <= found[0] <= max(each for each, _ in AROUND_KAZAKHSTAN)
        assert min(each for _, each in AROUND_KAZAKHSTAN) <= found[1] <= max(each for _, each in AROUND_KAZAKHSTAN)
