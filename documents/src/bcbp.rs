//! The bar-coded boarding pass: IATA Resolution 792, format M.

use crate::{TicketDocument, TicketPassenger, TicketSegment, transliteration::code_letters};
use chrono::Datelike;
use shared_types::{
    fare::PassengerType,
    iata::{AirportCode, FlightNumber},
    seat::SeatDesignator,
};
use std::{fmt, str::FromStr};

/// Characters of the mandatory items of a code with one leg.
pub const BCBP_LENGTH: usize = 60;

/// Characters of the passenger's name.
const NAME_LENGTH: usize = 20;

/// The code of one passenger on one flight: its [`Display`](fmt::Display) is the 60 mandatory characters.
///
/// ```
/// let text = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0025 100";
/// let code: documents::BoardingPassCode = text.parse()?;
/// assert_eq!((code.day_of_year(), code.to_string().as_str()), (226, text));
/// # Ok::<(), documents::InvalidBoardingPassCode>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardingPassCode {
    name: String,
    locator: String,
    origin: AirportCode,
    destination: AirportCode,
    flight_number: FlightNumber,
    day_of_year: u16,
    compartment: char,
    seat: BcbpSeat,
    check_in_sequence: u16,
    status: PassengerStatus,
}

/// Where a passenger sits, in the words of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BcbpSeat {
    /// On a seat.
    Seat(SeatDesignator),
    /// On an adult's lap.
    Infant,
    /// Not assigned yet.
    Unassigned,
}

/// How far the passenger has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassengerStatus {
    /// A ticket is issued, and the passenger has not checked in.
    Ticketed,
    /// A ticket is issued, and the passenger has checked in.
    CheckedIn,
}

/// Why a text is no such code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBoardingPassCode {
    /// Not 60 characters of ASCII: another number of legs, or further items.
    #[error("must have {BCBP_LENGTH} ASCII characters")]
    Length,
    /// An item does not have its form.
    #[error("the {0} is not valid")]
    Item(&'static str),
}

impl BoardingPassCode {
    /// The code of a passenger on a segment, counted from 0, before check-in. `None` where the segment is none of the
    /// ticket's.
    #[must_use]
    pub fn of_ticket(ticket: &TicketDocument, passenger: &TicketPassenger, segment: usize) -> Option<Self> {
        let flight = ticket.segments.get(segment)?;
        Some(Self::ticketed(&ticket.locator, passenger, flight, passenger.seat_on(segment)))
    }

    fn ticketed(
        locator: &str,
        passenger: &TicketPassenger,
        flight: &TicketSegment,
        seat: Option<SeatDesignator>,
    ) -> Self {
        let seat = match (passenger.r#type, seat) {
            (PassengerType::Inf, _) => BcbpSeat::Infant,
            (_, Some(seat)) => BcbpSeat::Seat(seat),
            (_, None) => BcbpSeat::Unassigned,
        };
        Self {
            name: name_item(&passenger.family_name, &passenger.given_name),
            locator: locator_item(locator),
            origin: flight.origin.iata.clone(),
            destination: flight.destination.iata.clone(),
            flight_number: flight.flight_number.clone(),
            // The day at the origin, where the pass is shown.
            day_of_year: u16::try_from(flight.departure.local.date().ordinal()).unwrap_or_default(),
            compartment: flight.cabin.letter(),
            seat,
            check_in_sequence: 0,
            status: PassengerStatus::Ticketed,
        }
    }

    /// The same code once the passenger has checked in as the n-th of the flight, 9999 at most.
    #[must_use]
    pub fn checked_in(self, sequence: u16) -> Self {
        Self { check_in_sequence: sequence.min(9999), status: PassengerStatus::CheckedIn, ..self }
    }

    /// The name as `LAST/FIRST`, 20 characters at most.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The record locator.
    #[must_use]
    pub fn locator(&self) -> &str {
        &self.locator
    }

    /// The flight.
    #[must_use]
    pub fn flight_number(&self) -> &FlightNumber {
        &self.flight_number
    }

    /// From where and to where.
    #[must_use]
    pub fn route(&self) -> (&AirportCode, &AirportCode) {
        (&self.origin, &self.destination)
    }

    /// The day of the year of the departure, local to the origin, 1-366.
    #[must_use]
    pub fn day_of_year(&self) -> u16 {
        self.day_of_year
    }

    /// Where the passenger sits.
    #[must_use]
    pub fn seat(&self) -> BcbpSeat {
        self.seat
    }

    /// How far the passenger has come.
    #[must_use]
    pub fn status(&self) -> PassengerStatus {
        self.status
    }
}

impl fmt::Display for BoardingPassCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number: &str = &self.flight_number.as_str()[2..];
        write!(f, "M1{:<20}E{:<7}{}{}", self.name, self.locator, self.origin, self.destination)?;
        write!(f, "{:<3}{number:0>4} ", self.flight_number.airline().as_str())?;
        write!(f, "{:03}{}", self.day_of_year, self.compartment)?;
        match self.seat {
            BcbpSeat::Seat(seat) => write!(f, "{:03}{}", seat.row(), seat.letter())?,
            BcbpSeat::Infant => f.write_str("INF ")?,
            BcbpSeat::Unassigned => f.write_str("    ")?,
        }
        // No conditional items follow: their length is zero, in hexadecimal.
        write!(f, "{:04} {}00", self.check_in_sequence, self.status.digit())
    }
}

impl PassengerStatus {
    fn digit(self) -> char {
        match self {
            Self::Ticketed => '0',
            Self::CheckedIn => '1',
        }
    }
}

impl FromStr for BoardingPassCode {
    type Err = InvalidBoardingPassCode;

    fn from_str(text: &str) -> Result<Self, InvalidBoardingPassCode> {
        use InvalidBoardingPassCode::Item;
        if text.len() != BCBP_LENGTH || !text.is_ascii() {
            return Err(InvalidBoardingPassCode::Length);
        }
        let item = |from: usize, length: usize| text[from..from + length].trim_end();
        if item(0, 2) != "M1" || item(22, 1) != "E" || item(58, 2) != "00" {
            return Err(Item("format"));
        }
        let digits = item(39, 5);
        let number = digits.trim_start_matches('0');
        let seat = match item(48, 4) {
            "INF" => BcbpSeat::Infant,
            "" => BcbpSeat::Unassigned,
            seat => BcbpSeat::Seat(seat.trim_start_matches('0').parse().map_err(|_| Item("seat"))?),
        };
        let status = match item(57, 1) {
            "0" => PassengerStatus::Ticketed,
            "1" => PassengerStatus::CheckedIn,
            _ => return Err(Item("status")),
        };
        let code = Self {
            name: item(2, NAME_LENGTH).to_owned(),
            locator: item(23, 7).to_owned(),
            origin: item(30, 3).parse().map_err(|_| Item("origin"))?,
            destination: item(33, 3).parse().map_err(|_| Item("destination"))?,
            flight_number: format!("{}{number}", item(36, 3)).parse().map_err(|_| Item("flight number"))?,
            day_of_year: number_item(item(44, 3)).ok_or(Item("date"))?,
            compartment: item(47, 1).chars().next().ok_or(Item("compartment"))?,
            seat,
            check_in_sequence: number_item(item(52, 5)).ok_or(Item("sequence number"))?,
            status,
        };
        // What is written again must be what was read: nothing of the text was skipped.
        if code.to_string() == text { Ok(code) } else { Err(Item("text")) }
    }
}

fn number_item(digits: &str) -> Option<u16> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// `LAST/FIRST` in at most 20 characters. A long family name leaves a letter for the given name, so that two
/// travellers of one family differ.
fn name_item(family_name: &str, given_name: &str) -> String {
    let (mut family, given) = (code_letters(family_name), code_letters(given_name));
    family.truncate(NAME_LENGTH - "/".len() - given.len().min(1));
    let mut name = format!("{}/{given}", family.trim_end());
    name.truncate(NAME_LENGTH);
    name.truncate(name.trim_end().len());
    name
}

/// A locator in the letters and digits that the item takes, 7 at most.
fn locator_item(locator: &str) -> String {
    locator.chars().filter(char::is_ascii_alphanumeric).take(7).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use proptest::prelude::*;

    const KNOWN_GOOD: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0025 100";

    fn code_for(family: &str, given: &str, kind: PassengerType) -> BoardingPassCode {
        let ticket = samples::round_trip();
        let passenger = TicketPassenger {
            family_name: family.into(),
            given_name: given.into(),
            r#type: kind,
            ..ticket.passengers[0].clone()
        };
        BoardingPassCode::of_ticket(&ticket, &passenger, 0).unwrap()
    }

    #[test]
    fn the_known_good_code_is_written() {
        let mut ticket = samples::round_trip();
        ticket.locator = "ABC123".into();
        let flight = &mut ticket.segments[0];
        flight.flight_number = "AC834".parse().unwrap();
        flight.origin = samples::station("YUL", "Montréal-Trudeau", "Montréal", "CA", "America/Toronto");
        flight.destination = samples::station("FRA", "Frankfurt", "Frankfurt", "DE", "Europe/Berlin");
        // Late in the evening: in UTC it is the next day.
        flight.departure = samples::time("2026-08-14T22:30", "America/Toronto");
        flight.cabin = shared_types::seat::Cabin::First;
        let mut passenger = ticket.passengers[0].clone();
        passenger.family_name = "Desmarais".into();
        passenger.given_name = "Luc".into();
        passenger.seats = vec![SeatDesignator::new(1, 'A')];
        let code = BoardingPassCode::of_ticket(&ticket, &passenger, 0).unwrap();
        assert_eq!(code.clone().checked_in(25).to_string(), KNOWN_GOOD);
        assert_eq!(code.to_string(), "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0000 000");
        assert_eq!(BoardingPassCode::of_ticket(&ticket, &passenger, 2), None);
    }

    #[test]
    fn the_known_good_code_is_read() {
        let code: BoardingPassCode = KNOWN_GOOD.parse().unwrap();
        assert_eq!((code.name(), code.locator()), ("DESMARAIS/LUC", "ABC123"));
        assert_eq!(code.flight_number().as_str(), "AC834");
        assert_eq!((code.route().0.as_str(), code.route().1.as_str()), ("YUL", "FRA"));
        assert_eq!(code.seat(), BcbpSeat::Seat(SeatDesignator::new(1, 'A').unwrap()));
        assert_eq!(code.status(), PassengerStatus::CheckedIn);
    }

    #[test]
    fn what_is_no_such_code_is_refused() {
        for (text, error) in [
            ("", InvalidBoardingPassCode::Length),
            (&KNOWN_GOOD.replace("M1", "M2"), InvalidBoardingPassCode::Item("format")),
            (&KNOWN_GOOD.replace("001A", "000A"), InvalidBoardingPassCode::Item("seat")),
            (&KNOWN_GOOD.replace("0834", "08 4"), InvalidBoardingPassCode::Item("flight number")),
            (&KNOWN_GOOD.replace("0025", "00x5"), InvalidBoardingPassCode::Item("sequence number")),
            (&KNOWN_GOOD.replace("0834 ", "00834"), InvalidBoardingPassCode::Item("text")),
        ] {
            assert_eq!(text.parse::<BoardingPassCode>(), Err(error), "{text}");
        }
    }

    #[test]
    fn long_names_leave_a_letter_for_the_given_name() {
        let name = |family, given| code_for(family, given, PassengerType::Adt).name().to_owned();
        assert_eq!(name("Wolfeschlegelsteinhausen", "Hubert"), "WOLFESCHLEGELSTEIN/H");
        assert_eq!(name("Featherstonehaugh", "Maximilian"), "FEATHERSTONEHAUGH/MA");
        assert_eq!(name("Müller", "Zoë-Marie"), "MUELLER/ZOE MARIE");
        assert_eq!(name("Aaaaaaaaaaaaaaaaa Bcd", "Eve"), "AAAAAAAAAAAAAAAAA/EV");
        assert_eq!(name("李", "-"), "LI/X");
    }

    #[test]
    fn infants_and_unassigned_passengers_have_their_marks() {
        assert!(code_for("Ada", "Eve", PassengerType::Inf).to_string().contains("YINF 0000 0"));
        let ticket = samples::round_trip();
        let passenger = TicketPassenger { seats: Vec::new(), ..ticket.passengers[0].clone() };
        let code = BoardingPassCode::of_ticket(&ticket, &passenger, 0).unwrap();
        assert!(code.to_string().contains("Y    0000 0"), "{code}");
        assert_eq!(code.to_string().parse(), Ok(code));
    }

    proptest! {
        #[test]
        fn any_names_make_60_characters_of_the_allowed_set(
            family in any::<String>(), given in "\\PC{0,70}", infant in any::<bool>(), sequence in any::<u16>(),
        ) {
            let kind = if infant { PassengerType::Inf } else { PassengerType::Adt };
            for code in [code_for(&family, &given, kind), code_for(&family, &given, kind).checked_in(sequence)] {
                let text = code.to_string();
                prop_assert_eq!(text.len(), BCBP_LENGTH);
                let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" /".contains(&byte);
                prop_assert!(text.bytes().all(allowed), "{}", text);
                prop_assert_eq!(text.matches('/').count(), 1);
                prop_assert_eq!(text.parse(), Ok(code));
            }
        }
    }
}
