//! aerobus
