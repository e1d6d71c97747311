#!/usr/bin/env python3
"""Turns the files of the PyPI package airportsdata into airports.csv and metropolitan_areas.csv.

    python3 -m venv /tmp/airports && /tmp/airports/bin/pip install airportsdata
    /tmp/airports/bin/python flight/data/make.py

Prints what it drops and why. The result is sorted by code, so that a new release of the package
gives a small difference.
"""

import csv
import math
import pathlib
import re
import zoneinfo

import airportsdata

SOURCE = pathlib.Path(airportsdata.__file__).parent
TARGET = pathlib.Path(__file__).parent
# What follows a place's name in the name of its airport.
SUFFIX = re.compile(
    r"\s+((Inter)?national |Regional |Municipal |Domestic |County |Memorial )*"
    r"(Airport|Airfield|Air Base|Airstrip|Aerodrome|Air Force Base|Heliport|Seaplane Base)$"
)

# Airports of a metropolitan area that the package's list leaves out, and whose own city has another name.
FURTHER_MEMBERS = {"BVA": "PAR", "MEB": "MEL", "NYO": "STO", "VST": "STO"}
# An airport of an area's name this near to one of its airports is of the area, in kilometres. Farther away it is of
# another city of that name: there is a Washington in Georgia.
NEAR = 100


def read(name):
    with open(SOURCE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(name, header, rows):
    with open(TARGET / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(sorted(rows))
    print(f"{name}: {len(rows)} rows, {(TARGET / name).stat().st_size} bytes")


def refusal(row):
    """Why an airport cannot be one of ours, or None."""
    if not re.fullmatch("[A-Z]{3}", row["iata"]):
        return "IATA code is not three capital letters"
    if not re.fullmatch("[A-Z]{2}", row["country"]):
        return "country is not an ISO 3166-1 code"
    if row["tz"] not in zoneinfo.available_timezones():
        return "unknown time zone"
    return None


def plain(text):
    return " ".join(text.split())


def icao(text):
    """The ICAO code, or nothing where the package has a stand-in such as _AYM."""
    return text if re.fullmatch("[A-Z0-9]{4}", text) else ""


def degrees(text):
    return f"{float(text):.4f}".rstrip("0").rstrip(".")


def city(row):
    """The city that the package names, else the place in the airport's own name."""
    return plain(row["city"]) or SUFFIX.sub("", plain(row["name"]))


def distance(one, other):
    """Kilometres along the great circle between two airports."""
    latitudes = [math.radians(float(airport["lat"])) for airport in (one, other)]
    longitudes = [math.radians(float(airport["lon"])) for airport in (one, other)]
    half = (math.sin((latitudes[1] - latitudes[0]) / 2) ** 2
            + math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin((longitudes[1] - longitudes[0]) / 2) ** 2)
    return 2 * 6371 * math.asin(math.sqrt(half))


def metropolitan_areas(rows):
    """The package's areas, completed: an airport that bears an area's name and is near to it is one of its own."""
    by_code = {row["iata"]: row for row in rows}
    names, area_of = {}, {}
    for row in read("iata_macs.csv"):
        if row["Airport Code"] in by_code:
            names[row["City Code"]] = plain(row["City Name"])
            area_of[row["Airport Code"]] = row["City Code"]
    listed = dict(area_of)
    for code, row in by_code.items():
        for area, name in names.items():
            members = [by_code[airport] for airport, of in listed.items() if of == area]
            named_so = row["country"] == members[0]["country"] and city(row).casefold() == name.casefold()
            if code not in area_of and named_so and min(distance(row, member) for member in members) <= NEAR:
                area_of[code] = area
    area_of.update((code, area) for code, area in FURTHER_MEMBERS.items() if code in by_code)
    return [(area, names[area], airport) for airport, area in area_of.items()]


def main():
    airports, dropped = [], []
    kept = []
    for row in read("airports.csv"):
        if not row["iata"]:
            continue
        reason = refusal(row)
        if reason:
            dropped.append(f"{row['iata']} ({row['icao']}): {reason}")
            continue
        kept.append(row)
        airports.append((row["iata"], icao(row["icao"]), plain(row["name"]), city(row), row["country"],
                         degrees(row["lat"]), degrees(row["lon"]), row["tz"]))
    write("airports.csv", ["iata", "icao", "name", "city", "country", "latitude", "longitude", "time_zone"], airports)
    write("metropolitan_areas.csv", ["city", "name", "airport"], metropolitan_areas(kept))
    print(f"dropped: {len(dropped)}", *dropped, sep="\n  ")


if __name__ == "__main__":
    main()
