//! The benchmarks' own SQL against the tables as they are.

mod baseline_database;
mod stored;
mod system;
