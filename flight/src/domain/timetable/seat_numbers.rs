//! Numbers of seats, packed: most are one byte.

/// Distinct seat numbers ([`SeatDesignator::to_number`](shared::seat::SeatDesignator::to_number)) in order, each
/// stored as its distance from the one before: one byte, or three where it is 255 or more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeatNumbers(Box<[u8]>);

/// Marks a distance that follows in two bytes.
const LONG: u8 = u8::MAX;

impl SeatNumbers {
    /// Packs numbers; negative ones name no seat and are left out.
    pub(super) fn new(numbers: &[i16]) -> Self {
        let mut sorted: Vec<u16> = numbers.iter().filter_map(|number| u16::try_from(*number).ok()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut bytes = Vec::with_capacity(sorted.len());
        let mut before = 0;
        for number in sorted {
            match u8::try_from(number - before) {
                Ok(distance) if distance != LONG => bytes.push(distance),
                _ => {
                    bytes.push(LONG);
                    bytes.extend((number - before).to_le_bytes());
                }
            }
            before = number;
        }
        Self(bytes.into())
    }

    /// The numbers, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let (mut rest, mut number) = (&*self.0, 0_u16);
        std::iter::from_fn(move || {
            let (distance, after) = match rest {
                [LONG, low, high, after @ ..] => (u16::from_le_bytes([*low, *high]), after),
                [distance, after @ ..] => (u16::from(*distance), after),
                [] => return None,
            };
            rest = after;
            number += distance;
            Some(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive(numbers in prop::collection::vec(-5_i16..=i16::MAX, 0..300)) {
            let mut expected: Vec<u16> = numbers.iter().filter_map(|number| u16::try_from(*number).ok()).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(SeatNumbers::new(&numbers).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_full_airplane_takes_a_byte_a_seat() {
        let seats: Vec<i16> = (1..=30).flat_map(|row| (0..6).map(move |letter| row * 32 + letter)).collect();
        assert_eq!(SeatNumbers::new(&seats).0.len(), seats.len());
    }
}
