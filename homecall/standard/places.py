"""Which coordinates are believed, and how far apart they are. Pure.

Coordinates are optional and often wrong: 0/0 from an empty form, latitude and longitude swapped, a geocoder's guess in
another country. Impossible ones count as missing, so that a wrong one costs nobody a doctor.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sqrt

_KM_PER_DEGREE = 111.195  # of a great circle, on a sphere of 6,371 km

LOCATION_IMPLAUSIBLE = "location_implausible"
"""The flag of a request whose coordinates cannot be true."""

AROUND_KAZAKHSTAN: tuple[tuple[float, float], ...] = (
    (40.0, 67.0),
    (40.0, 70.0),
    (41.5, 73.0),
    (41.8, 77.0),
    (41.2, 80.0),
    (42.0, 81.7),
    (44.3, 82.0),
    (44.8, 84.0),
    (46.2, 84.0),
    (46.2, 86.8),
    (48.0, 88.5),
    (50.4, 88.5),
    (51.8, 86.0),
    (52.2, 81.0),
    (55.3, 77.5),
    (56.2, 72.0),
    (56.2, 68.0),
    (55.0, 60.0),
    (52.0, 58.5),
    (52.6, 50.0),
    (51.4, 46.3),
    (49.6, 45.6),
    (47.6, 45.6),
    (45.4, 48.0),
    (43.4, 49.0),
    (41.0, 51.5),
    (40.4, 55.0),
    (40.4, 57.0),
    (43.5, 57.5),
    (42.5, 61.0),
    (41.0, 65.0),
)
"""A line around Kazakhstan, in degrees (latitude, longitude), 60 to 220 km outside its border and coast.

Coarse on purpose: it has to tell another country from a village at the border, and never costs that village its place.
"""

CITIES_ACROSS_THE_BORDER: tuple[tuple[float, float, float], ...] = (
    (41.31, 69.28, 8),  # Tashkent
    (41.47, 69.58, 8),  # Chirchiq
    (41.02, 70.14, 30),  # Angren
    (40.49, 68.78, 12),  # Guliston
    (40.12, 67.84, 40),  # Jizzakh
    (40.53, 70.94, 60),  # Kokand
    (41.00, 71.67, 60),  # Namangan
    (40.28, 69.62, 50),  # Khujand
    (42.875, 74.59, 10),  # Bishkek
    (42.81, 73.85, 15),  # Kara-Balta
    (42.52, 72.24, 10),  # Talas
    (42.46, 76.18, 25),  # Balykchy
    (42.49, 78.39, 25),  # Karakol
    (43.91, 81.32, 30),  # Yining
    (46.75, 82.98, 8),  # Tacheng
    (47.84, 88.13, 50),  # Altay in Xinjiang
    (51.50, 81.20, 20),  # Rubtsovsk
    (53.00, 78.66, 20),  # Slavgorod
    (54.99, 73.37, 50),  # Omsk
    (55.44, 65.34, 50),  # Kurgan
    (55.16, 61.40, 60),  # Chelyabinsk
    (51.20, 58.60, 20),  # Orsk
    (51.77, 55.10, 40),  # Orenburg
    (46.35, 48.04, 30),  # Astrakhan
)
"""Cities within that line and outside the country: degrees, and kilometres around in which nothing is Kazakhstan.

A geocoder that takes a street of another town for the patient's finds it in a city like these.
"""


# Each reading of a day asks for all its places again: for 200 calls that was 2 of 12 ms. ``typed``: 43 and 43.0 stay
# as they came.
@lru_cache(maxsize=16_384, typed=True)
def located(lat: float | None, lon: float | None) -> tuple[float, float] | None:
    """The coordinates, where both are there and lie in Kazakhstan or near its border; else None."""
    if lat is None or lon is None or not _inside(lat, lon) or _in_a_city_across_the_border(lat, lon):
        return None
    return lat, lon


def implausible(lat: float | None, lon: float | None) -> bool:
    """Whether coordinates were given that are not believed; also one without the other."""
    return (lat is not None or lon is not None) and located(lat, lon) is None


def _inside(lat: float, lon: float) -> bool:
    """Whether the point lies within the line: a ray to the east crosses it an odd number of times."""
    inside = False
    before_lat, before_lon = AROUND_KAZAKHSTAN[-1]
    for to_lat, to_lon in AROUND_KAZAKHSTAN:
        # No number (NaN) is on no side of anything.
        if (before_lat > lat) != (to_lat > lat):
            crosses_at = before_lon + (lat - before_lat) / (to_lat - before_lat) * (to_lon - before_lon)
            inside ^= lon < crosses_at
        before_lat, before_lon = to_lat, to_lon
    return inside


def _in_a_city_across_the_border(lat: float, lon: float) -> bool:
    return any(
        abs(lat - city_lat) * _KM_PER_DEGREE <= km and straight_km(lat, lon, city_lat, city_lon) <= km
        for city_lat, city_lon, km in CITIES_ACROSS_THE_BORDER
    )


def straight_km(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """The straight line between two points, as if the map were flat there: good to a few metres within a region."""
    across = (to_lon - lon) * cos(radians((lat + to_lat) / 2))
    up = to_lat - lat
    return sqrt(across * across + up * up) * _KM_PER_DEGREE
