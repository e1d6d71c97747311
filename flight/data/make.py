#!/usr/bin/env python3
"""Turns the files of the PyPI package airportsdata into airports.csv and metropolitan_areas.csv.

    python3 -m venv /tmp/airports && /tmp/airports/bin/pip install airportsdata
    /tmp/airports/bin/python flight/data/make.py

Prints what it drops and why. The result is sorted by code, so that a new release of the package
gives a small difference.
"""

import csv
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


def main():
    airports, dropped = [], []
    for row in read("airports.csv"):
        if not row["iata"]:
            continue
        reason = refusal(row)
        if reason:
            dropped.append(f"{row['iata']} ({row['icao']}): {reason}")
            continue
        airports.append((row["iata"], icao(row["icao"]), plain(row["name"]), city(row), row["country"],
                         degrees(row["lat"]), degrees(row["lon"]), row["tz"]))
    known = {airport[0] for airport in airports}
    areas = [(row["City Code"], plain(row["City Name"]), row["Airport Code"])
             for row in read("iata_macs.csv") if row["Airport Code"] in known]
    write("airports.csv", ["iata", "icao", "name", "city", "country", "latitude", "longitude", "time_zone"], airports)
    write("metropolitan_areas.csv", ["city", "name", "airport"], areas)
    print(f"dropped: {len(dropped)}", *dropped, sep="\n  ")


if __name__ == "__main__":
    main()
