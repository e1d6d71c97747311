//! Numbers of e-tickets.

use shared_types::iata::AccountingCode;

/// The 13 digits of an e-ticket as a number: three digits of the airline's accounting code, then ten of the document
/// number.
pub fn number(airline: &AccountingCode, document: i64) -> i64 {
    assert!((0..10_000_000_000).contains(&document), "a document number has ten digits");
    // The type of the code guarantees three digits.
    airline.as_str().parse::<i64>().unwrap_or(0) * 10_000_000_000 + document
}

/// The number as it is printed: 13 digits with leading zeros.
pub fn printed(number: i64) -> String {
    format!("{number:013}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_digits_even_with_a_leading_zero() {
        assert_eq!(printed(number(&"020".parse().unwrap(), 2_400_000_001)), "0202400000001");
        assert_eq!(printed(number(&"997".parse().unwrap(), 1_000_000_000)), "9971000000000");
    }
}
