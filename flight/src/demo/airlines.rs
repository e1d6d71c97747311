//! The airlines of the demo.

use crate::domain::reference::Airline;
use shared::iata::InvalidCode;

/// An airline of the demo.
#[derive(Debug)]
pub struct DemoAirline {
    /// Its designator.
    pub code: &'static str,
    /// Its name.
    name: &'static str,
    /// The first digits of its tickets.
    accounting_code: &'static str,
}

impl DemoAirline {
    /// As reference data.
    ///
    /// # Errors
    /// Never with the houses as they are.
    pub fn airline(&self) -> Result<Airline, InvalidCode> {
        let (code, accounting_code) = (self.code.parse()?, self.accounting_code.parse()?);
        Ok(Airline { code, name: self.name.to_owned(), accounting_code })
    }
}

/// The house airline.
pub static AEROBUS: DemoAirline =
    DemoAirline { code: "AE", name: "Aerobus Airlines", accounting_code: "997" };
/// Its regional airline.
pub static REGIONAL: DemoAirline = DemoAirline { code: "AL", name: "Aerobus Link", accounting_code: "996" };
