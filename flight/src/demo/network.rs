//! The network: two hubs, and the lines of flying of the airplanes that are at home there.

use super::{
    airlines::{AEROBUS, DemoAirline, REGIONAL},
    fits::{A320, A320_TWO_CLASS, A321_NEO, A350, ATR_72, BOEING_737, BOEING_777, EMBRAER_190, Fit},
};
use chrono::{Datelike, NaiveDate, Weekday};

/// An airport where airplanes are at home.
#[derive(Debug)]
pub struct Hub {
    /// Its code.
    pub airport: &'static str,
    /// What the registrations of its airplanes start with.
    pub registration_prefix: &'static str,
}

/// London Heathrow.
pub static LONDON: Hub = Hub { airport: "LHR", registration_prefix: "G-AE" };
/// Paris Charles de Gaulle.
pub static PARIS: Hub = Hub { airport: "CDG", registration_prefix: "F-HA" };

/// A time of day: hours and minutes.
pub type ClockTime = (i8, i8);

/// Days of operation, Monday in the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    const DAILY: Self = Self(0b111_1111);
    const WORKDAYS: Self = Self(0b001_1111);
    const NOT_SATURDAY: Self = Self(0b101_1111);
    const FRIDAY_TO_SUNDAY: Self = Self(0b111_0000);

    /// Whether the day is one of them.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        self.0 >> day.weekday().num_days_from_monday() & 1 == 1
    }
}

/// From the hub to a place and back, by one airplane. Takes two flight numbers.
#[derive(Debug)]
pub struct DemoTrip {
    /// To where.
    pub to: &'static str,
    /// On which days it leaves the hub.
    pub days: Days,
    /// When it flies home at the earliest, by the clock of the other end. Else as soon as it can.
    pub homeward: Option<ClockTime>,
}

/// Which airplane of a line flies on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// One airplane, which is back every night.
    Daily,
    /// Airplanes that are away for two days: one leaves on Monday, Wednesday and Friday, the second on Tuesday, Thursday
    /// and Saturday, the third on Sunday.
    TwoDays,
}

impl Turns {
    /// The place of the day's airplane among those of the line.
    #[must_use]
    pub fn airplane(self, day: NaiveDate) -> usize {
        match (self, day.weekday()) {
            (Self::Daily, _) => 0,
            (Self::TwoDays, Weekday::Sun) => 2,
            (Self::TwoDays, Weekday::Mon | Weekday::Wed | Weekday::Fri) => 0,
            (Self::TwoDays, _) => 1,
        }
    }
}

/// What one airplane flies on a day; with several airplanes, they take turns day by day.
#[derive(Debug)]
pub struct LineOfFlying {
    /// Who flies it.
    pub airline: &'static DemoAirline,
    /// Where it starts and ends.
    pub hub: &'static Hub,
    /// With what.
    pub fit: &'static Fit,
    /// How the airplanes of the line take turns.
    pub turns: Turns,
    /// The first trip's number out; it flies home under the next one, and so on.
    pub first_number: u16,
    /// The first departure, by the clock of the hub.
    pub first_departure: ClockTime,
    /// One after the other.
    pub trips: &'static [DemoTrip],
}

const fn daily(to: &'static str) -> DemoTrip {
    on(Days::DAILY, to)
}

const fn on(days: Days, to: &'static str) -> DemoTrip {
    DemoTrip { to, days, homeward: None }
}

const fn overnight(to: &'static str, hours: i8, minutes: i8) -> [DemoTrip; 1] {
    [DemoTrip { to, days: Days::DAILY, homeward: Some((hours, minutes)) }]
}

const fn line(
    first_number: u16,
    hub: &'static Hub,
    fit: &'static Fit,
    first_departure: ClockTime,
    trips: &'static [DemoTrip],
) -> LineOfFlying {
    LineOfFlying { airline: &AEROBUS, hub, fit, turns: Turns::Daily, first_number, first_departure, trips }
}

const fn pair(
    first_number: u16,
    hub: &'static Hub,
    fit: &'static Fit,
    first_departure: ClockTime,
    trips: &'static [DemoTrip],
) -> LineOfFlying {
    LineOfFlying { turns: Turns::TwoDays, ..line(first_number, hub, fit, first_departure, trips) }
}

const fn regional(
    first_number: u16,
    hub: &'static Hub,
    fit: &'static Fit,
    first_departure: ClockTime,
    trips: &'static [DemoTrip],
) -> LineOfFlying {
    LineOfFlying { airline: &REGIONAL, ..line(first_number, hub, fit, first_departure, trips) }
}

/// All lines, in an order that never changes: registrations follow from it.
pub fn lines() -> impl Iterator<Item = &'static LineOfFlying> {
    [LONG_HAUL, SHORT_HAUL, REGIONAL_FLIGHTS].into_iter().flatten()
}

static LONG_HAUL: &[LineOfFlying] = &[
    line(1, &LONDON, &BOEING_777, (11, 0), &overnight("JFK", 18, 30)),
    line(3, &LONDON, &A350, (14, 0), &overnight("JFK", 20, 0)),
    line(5, &LONDON, &BOEING_777, (17, 0), &overnight("JFK", 22, 30)),
    line(7, &LONDON, &A350, (11, 30), &overnight("BOS", 19, 0)),
    line(9, &LONDON, &BOEING_777, (13, 0), &overnight("ORD", 18, 45)),
    line(11, &LONDON, &A350, (12, 0), &overnight("IAD", 18, 30)),
    line(13, &LONDON, &A350, (15, 0), &overnight("YYZ", 20, 30)),
    pair(15, &LONDON, &BOEING_777, (10, 0), &overnight("LAX", 18, 0)),
    pair(17, &LONDON, &A350, (11, 15), &overnight("SFO", 17, 0)),
    line(19, &LONDON, &BOEING_777, (20, 30), &overnight("DXB", 9, 30)),
    line(21, &LONDON, &A350, (20, 0), &overnight("DEL", 11, 30)),
    line(23, &LONDON, &BOEING_777, (21, 0), &overnight("BOM", 13, 30)),
    pair(25, &LONDON, &A350, (21, 30), &overnight("SIN", 22, 0)),
    pair(27, &LONDON, &BOEING_777, (19, 0), &overnight("HKG", 22, 0)),
    pair(29, &LONDON, &BOEING_777, (12, 30), &overnight("HND", 11, 0)),
    pair(31, &LONDON, &A350, (19, 15), &overnight("JNB", 19, 30)),
    pair(33, &LONDON, &BOEING_777, (21, 45), &overnight("GRU", 17, 0)),
    line(201, &PARIS, &BOEING_777, (10, 30), &overnight("JFK", 19, 0)),
    line(203, &PARIS, &A350, (17, 30), &overnight("JFK", 22, 0)),
    line(205, &PARIS, &A350, (13, 0), &overnight("BOS", 19, 30)),
    line(207, &PARIS, &A350, (15, 30), &overnight("YUL", 21, 0)),
    line(209, &PARIS, &A350, (12, 30), &overnight("IAD", 18, 30)),
    line(211, &PARIS, &BOEING_777, (12, 0), &overnight("ORD", 17, 30)),
    line(213, &PARIS, &BOEING_777, (11, 0), &overnight("MIA", 18, 0)),
    pair(215, &PARIS, &BOEING_777, (10, 45), &overnight("LAX", 17, 0)),
    pair(217, &PARIS, &BOEING_777, (13, 30), &overnight("NRT", 11, 30)),
    pair(219, &PARIS, &A350, (20, 30), &overnight("ICN", 21, 30)),
    pair(221, &PARIS, &A350, (12, 45), &overnight("PVG", 11, 0)),
    pair(223, &PARIS, &BOEING_777, (13, 15), &overnight("BKK", 11, 0)),
    line(225, &PARIS, &A350, (21, 0), &overnight("DXB", 9, 30)),
    pair(227, &PARIS, &BOEING_777, (22, 30), &overnight("GRU", 17, 0)),
    pair(229, &PARIS, &A350, (22, 0), &overnight("EZE", 15, 30)),
];

static SHORT_HAUL: &[LineOfFlying] = &[
    line(
        301,
        &LONDON,
        &A320,
        (6, 0),
        &[daily("CDG"), daily("FRA"), daily("AMS"), on(Days::NOT_SATURDAY, "CDG")],
    ),
    line(311, &LONDON, &A320_TWO_CLASS, (6, 30), &[daily("FRA"), daily("CDG"), daily("GVA"), daily("AMS")]),
    line(321, &LONDON, &A320_TWO_CLASS, (7, 0), &[daily("ZRH"), daily("MUC"), daily("BER")]),
    line(331, &LONDON, &A321_NEO, (6, 45), &[daily("MAD"), daily("CDG"), daily("BCN")]),
    line(341, &LONDON, &A321_NEO, (7, 15), &[daily("FCO"), daily("VIE"), on(Days::WORKDAYS, "BRU")]),
    line(351, &LONDON, &A320, (6, 15), &[daily("DUB"), daily("EDI"), daily("CDG"), daily("DUB")]),
    line(361, &LONDON, &BOEING_737, (6, 20), &[daily("CPH"), daily("OSL"), daily("HAM")]),
    line(
        371,
        &LONDON,
        &BOEING_737,
        (7, 30),
        &[daily("LIS"), daily("NCE"), on(Days::FRIDAY_TO_SUNDAY, "AMS")],
    ),
    line(381, &LONDON, &A321_NEO, (8, 0), &[daily("IST"), daily("ARN")]),
    line(
        601,
        &PARIS,
        &A320,
        (6, 0),
        &[daily("LHR"), daily("AMS"), daily("LHR"), on(Days::NOT_SATURDAY, "FRA")],
    ),
    line(611, &PARIS, &A320_TWO_CLASS, (6, 30), &[daily("FRA"), daily("LHR"), daily("MXP"), daily("LHR")]),
    line(621, &PARIS, &A320_TWO_CLASS, (7, 0), &[daily("BER"), daily("MUC"), daily("ZRH")]),
    line(631, &PARIS, &A321_NEO, (6, 45), &[daily("FCO"), daily("BCN"), daily("VCE")]),
    line(641, &PARIS, &A321_NEO, (7, 15), &[daily("MAD"), daily("LIS"), on(Days::WORKDAYS, "LHR")]),
    line(651, &PARIS, &A320, (6, 15), &[daily("TLS"), daily("NCE"), daily("MRS"), daily("TLS")]),
    line(661, &PARIS, &BOEING_737, (6, 20), &[daily("VIE"), daily("BUD"), daily("PRG")]),
    line(671, &PARIS, &BOEING_737, (7, 30), &[daily("CMN"), daily("ALG")]),
    line(681, &PARIS, &A321_NEO, (8, 0), &[daily("IST"), daily("CPH")]),
];

static REGIONAL_FLIGHTS: &[LineOfFlying] = &[
    regional(
        1,
        &LONDON,
        &ATR_72,
        (6, 10),
        &[daily("MAN"), daily("JER"), daily("NCL"), daily("MAN"), on(Days::WORKDAYS, "LBA")],
    ),
    regional(11, &LONDON, &ATR_72, (6, 40), &[daily("IOM"), daily("NQY"), daily("GCI"), daily("JER")]),
    regional(21, &LONDON, &EMBRAER_190, (6, 25), &[daily("BHD"), daily("INV"), daily("ABZ"), daily("RTM")]),
    regional(
        101,
        &PARIS,
        &ATR_72,
        (6, 10),
        &[daily("LIL"), daily("RNS"), daily("NTE"), daily("CFE"), on(Days::WORKDAYS, "LYS")],
    ),
    regional(111, &PARIS, &ATR_72, (6, 40), &[daily("SXB"), daily("BES"), daily("BOD"), daily("LYS")]),
    regional(121, &PARIS, &EMBRAER_190, (6, 25), &[daily("BIQ"), daily("MPL"), daily("BHX"), daily("GVA")]),
];
