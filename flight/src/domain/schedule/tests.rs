use super::*;
use chrono::TimeDelta;
use proptest::prelude::*;
use shared::{
    fare::Brand,
    money::{Currency, Money},
    seat::Cabin,
    time_zones,
};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn schedule(from: &str, to: &str, days: &[u8], departure: &str, arrival: &str, offset: i8) -> Schedule {
    Schedule {
        id: ScheduleId::new(),
        flight_number: "AE100".parse().unwrap(),
        origin: "LHR".parse().unwrap(),
        destination: "CDG".parse().unwrap(),
        effective_from: date(from),
        effective_to: date(to),
        days_of_operation: days.to_vec().try_into().unwrap(),
        departure_time: departure.parse().unwrap(),
        arrival_time: arrival.parse().unwrap(),
        arrival_day_offset: offset,
        airplane: "G-AERA".parse().unwrap(),
        fares: vec![],
    }
}

const DAILY: &[u8] = &[1, 2, 3, 4, 5, 6, 7];

#[test]
fn texts_and_days_are_read_strictly() {
    for text in ["00:00", "06:05", "23:59"] {
        let time: TimeOfDay = text.parse().unwrap();
        assert_eq!(time.to_string(), text);
        assert_eq!(TimeOfDay::from_minutes(time.minutes()), Some(time));
    }
    for text in ["24:00", "6:05", "06:5", "06:60", "06-05", "06:05:00", "+6:05", "06:+5", "", "ä:05"] {
        assert_eq!(text.parse::<TimeOfDay>(), Err(InvalidTimeOfDay), "{text}");
    }
    assert_eq!((TimeOfDay::from_minutes(-1), TimeOfDay::from_minutes(1440)), (None, None));
    for days in [vec![], vec![0], vec![8], vec![1, 1], vec![1, 2, 3, 4, 5, 6, 7, 7]] {
        assert_eq!(OperatingDays::try_from(days), Err(InvalidDays));
    }
    let days: OperatingDays = serde_json::from_str("[7,1]").unwrap();
    assert_eq!(serde_json::to_string(&days).unwrap(), "[1,7]");
    assert!(days.contains(date("2026-12-06")) && days.contains(date("2026-12-07")), "Sunday and Monday");
    assert!(!days.contains(date("2026-12-08")));
}

#[test]
fn dates_are_those_of_the_season_and_the_week() {
    let season = schedule("2026-12-01", "2026-12-14", &[2, 7], "10:00", "12:15", 0);
    let dates = |from: &str, until: &str| {
        season.dates(date(from), date(until)).map(|date| date.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(dates("2026-01-01", "2027-12-31"), ["2026-12-01", "2026-12-06", "2026-12-08", "2026-12-13"]);
    assert_eq!(dates("2026-12-06", "2026-12-08"), ["2026-12-06", "2026-12-08"]);
    assert_eq!(dates("2026-12-15", "2026-12-31"), Vec::<String>::new());
    assert_eq!(dates("2026-12-09", "2026-12-02"), Vec::<String>::new());
}

/// The instants of a schedule on a date between these zones.
fn instants(schedule: &Schedule, day: &str, zones: (&str, &str)) -> Result<(String, String), OccurrenceFlaw> {
    let occurrence = schedule.occurrence(date(day), zones)?;
    assert_eq!(occurrence.departure.local.date(), date(day));
    let text = |time: &FlightTime| time.at.format("%Y-%m-%dT%H:%MZ").to_string();
    Ok((text(&occurrence.departure), text(&occurrence.arrival)))
}

fn ok(departure: &str, arrival: &str) -> Result<(String, String), OccurrenceFlaw> {
    Ok((departure.into(), arrival.into()))
}

#[test]
fn local_times_stay_over_the_changes_of_london() {
    let season = schedule("2026-10-01", "2027-04-30", DAILY, "10:00", "12:15", 0);
    let zones = ("Europe/London", "Europe/Paris");
    for (day, departure, arrival) in [
        ("2026-10-24", "2026-10-24T09:00Z", "2026-10-24T10:15Z"),
        ("2026-10-25", "2026-10-25T10:00Z", "2026-10-25T11:15Z"),
        ("2027-03-27", "2027-03-27T10:00Z", "2027-03-27T11:15Z"),
        ("2027-03-28", "2027-03-28T09:00Z", "2027-03-28T10:15Z"),
    ] {
        assert_eq!(instants(&season, day, zones), ok(departure, arrival));
    }
    // 01:30 is skipped in spring, and comes twice in autumn.
    let night = schedule("2026-10-01", "2027-04-30", DAILY, "01:30", "04:00", 0);
    assert_eq!(instants(&night, "2027-03-28", zones), Err(OccurrenceFlaw::DepartureSkipped));
    assert_eq!(instants(&night, "2026-10-25", zones), ok("2026-10-25T00:30Z", "2026-10-25T03:00Z"));
    let to = schedule("2026-10-01", "2027-04-30", DAILY, "23:30", "02:30", 1);
    assert_eq!(instants(&to, "2027-03-27", zones), Err(OccurrenceFlaw::ArrivalSkipped));
}

#[test]
fn zones_without_changes_and_with_changes_of_half_an_hour_are_followed() {
    let india = schedule("2026-10-01", "2027-04-30", DAILY, "21:00", "11:30", 1);
    let zones = ("Europe/London", "Asia/Kolkata");
    // London moves, Kolkata does not: the flight takes an hour more in winter.
    assert_eq!(instants(&india, "2026-10-24", zones), ok("2026-10-24T20:00Z", "2026-10-25T06:00Z"));
    assert_eq!(instants(&india, "2026-10-25", zones), ok("2026-10-25T21:00Z", "2026-10-26T06:00Z"));
    // Lord Howe Island puts its clocks forward from 02:00 to 02:30, and back from 02:00 to 01:30.
    let island = ("Australia/Lord_Howe", "Australia/Lord_Howe");
    let night = schedule("2026-10-01", "2027-04-30", DAILY, "02:15", "04:00", 0);
    assert_eq!(instants(&night, "2026-10-04", island), Err(OccurrenceFlaw::DepartureSkipped));
    assert_eq!(instants(&night, "2026-10-03", island), ok("2026-10-02T15:45Z", "2026-10-02T17:30Z"));
    assert_eq!(instants(&night, "2026-10-05", island), ok("2026-10-04T15:15Z", "2026-10-04T17:00Z"));
    let twice = schedule("2026-10-01", "2027-04-30", DAILY, "01:45", "04:00", 0);
    assert_eq!(instants(&twice, "2027-04-04", island), ok("2027-04-03T14:45Z", "2027-04-03T17:30Z"));
}

#[test]
fn a_day_that_a_place_skips_has_no_flight() {
    // Samoa went from 29 to 31 December 2011.
    let samoa = schedule("2011-12-25", "2012-01-05", DAILY, "10:00", "10:35", -1);
    let zones = ("Pacific/Apia", "Pacific/Pago_Pago");
    assert_eq!(instants(&samoa, "2011-12-30", zones), Err(OccurrenceFlaw::DepartureSkipped));
    assert_eq!(instants(&samoa, "2011-12-31", zones), ok("2011-12-30T20:00Z", "2011-12-30T21:35Z"));
    assert_eq!(instants(&samoa, "2011-12-29", zones), Err(OccurrenceFlaw::ArrivalNotAfter));
    // Kwajalein skipped 21 August 1993.
    let kwajalein = schedule("1993-08-01", "1993-08-31", DAILY, "10:00", "12:00", 0);
    let zones = ("Pacific/Kwajalein", "Pacific/Kwajalein");
    assert_eq!(instants(&kwajalein, "1993-08-21", zones), Err(OccurrenceFlaw::DepartureSkipped));
    assert!(instants(&kwajalein, "1993-08-22", zones).is_ok());
}

#[test]
fn impossible_flights_are_flaws() {
    let zones = ("Europe/London", "Europe/Paris");
    let back = schedule("2026-12-01", "2026-12-31", DAILY, "10:00", "11:00", 0);
    assert_eq!(instants(&back, "2026-12-01", zones), Err(OccurrenceFlaw::ArrivalNotAfter));
    let long = schedule("2026-12-01", "2026-12-31", DAILY, "10:00", "11:01", 1);
    assert_eq!(instants(&long, "2026-12-01", zones), Err(OccurrenceFlaw::TooLong));
}

#[test]
fn a_mark_tells_every_part_of_a_plan_but_not_the_order_of_fares() {
    let instant: DateTime<Utc> = "2026-12-01T10:00:00Z".parse().unwrap();
    let later = instant + TimeDelta::minutes(75);
    let fare = |brand, minor| FlightFare {
        cabin: Cabin::Economy,
        brand,
        base_price: Money::new(minor, Currency::EUR),
    };
    let fares = [fare(Brand::Light, 100), fare(Brand::Flex, 200)];
    let airplane: Registration = "G-AERA".parse().unwrap();
    let mark = plan_mark(instant, later, &airplane, &fares);
    let turned = [fares[1].clone(), fares[0].clone()];
    assert_eq!(mark, plan_mark(instant, later, &airplane, &turned));
    let minute = TimeDelta::minutes(1);
    for other in [
        plan_mark(instant + minute, later, &airplane, &fares),
        plan_mark(instant, later + minute, &airplane, &fares),
        plan_mark(instant, later, &"G-AERB".parse().unwrap(), &fares),
        plan_mark(instant, later, &airplane, &fares[..1]),
        plan_mark(instant, later, &airplane, &[fare(Brand::Light, 101), fare(Brand::Flex, 200)]),
    ] {
        assert_ne!(mark, other);
    }
    // Stored marks are compared with those of later releases.
    assert_eq!(mark, MARK_OF_THE_SAMPLE);
}

/// Never to be changed.
const MARK_OF_THE_SAMPLE: i64 = 5_238_109_466_740_732_136;

proptest! {
    #[test]
    fn a_window_has_the_dates_of_its_parts(
        from in 0_u64..400, length in 0_u64..400, cut in 0_u64..400, bits in 1_u8..128,
    ) {
        let start = date("2026-01-01");
        let mut season = schedule("2026-03-01", "2026-11-30", &[1], "10:00", "12:00", 0);
        season.days_of_operation = OperatingDays::from_bits(bits).unwrap();
        let (from, until) = (start + Days::new(from), start + Days::new(from + length));
        let whole: Vec<_> = season.dates(from, until).collect();
        let middle = start + Days::new(cut);
        let parts = season.dates(from, until.min(middle)).chain(season.dates(from.max(middle + Days::new(1)), until));
        prop_assert_eq!(&whole, &parts.collect::<Vec<_>>());
        prop_assert!(whole.is_sorted());
        prop_assert!(whole.iter().all(|date| season.operates_on(*date) && (from..=until).contains(date)));
        let all = from.iter_days().take_while(|date| *date <= until).filter(|date| season.operates_on(*date));
        prop_assert_eq!(whole, all.collect::<Vec<_>>());
    }

    /// Whatever the zones and the day: the local times are those of the schedule, or the flaw is a true one.
    #[test]
    fn flights_keep_the_local_times_of_their_schedule(
        day in 0_u64..3000, departure in 0_i16..1440, arrival in 0_i16..1440, offset in -1_i8..=2,
        zones in prop::sample::select(vec![
            ("Europe/London", "America/New_York"), ("Australia/Lord_Howe", "Asia/Kolkata"),
            ("Pacific/Apia", "Pacific/Pago_Pago"), ("Pacific/Kiritimati", "Pacific/Honolulu"),
            ("America/St_Johns", "Africa/Casablanca"),
        ]),
    ) {
        let day = date("2024-01-01") + Days::new(day);
        let mut season = schedule("2024-01-01", "2040-01-01", DAILY, "10:00", "12:00", offset);
        season.departure_time = TimeOfDay::from_minutes(departure).unwrap();
        season.arrival_time = TimeOfDay::from_minutes(arrival).unwrap();
        let exists = |zone: &str, local: &str| {
            let zone = time_zones::find(zone).unwrap().rules;
            let local: civil::DateTime = local.parse().unwrap();
            zone.to_datetime(zone.to_timestamp(local).unwrap()) == local
        };
        let arrival_day = day + TimeDelta::days(offset.into());
        let (from, to) = (format!("{day}T{}", season.departure_time), format!("{arrival_day}T{}", season.arrival_time));
        match season.occurrence(day, zones) {
            Ok(flight) => {
                prop_assert_eq!(flight.departure.local.to_string(), from);
                prop_assert_eq!(flight.arrival.local.to_string(), to);
                let elapsed = flight.arrival.at - flight.departure.at;
                prop_assert!(elapsed > TimeDelta::zero() && elapsed <= LONGEST_FLIGHT);
            }
            Err(OccurrenceFlaw::DepartureSkipped) => prop_assert!(!exists(zones.0, &from)),
            Err(OccurrenceFlaw::ArrivalSkipped) => prop_assert!(!exists(zones.1, &to)),
            Err(flaw) => prop_assert!(flaw != OccurrenceFlaw::Range),
        }
    }
}
