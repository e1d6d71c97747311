//! Benchmarks: ours and the plain design that everyone writes, alternately, in one run, on one private
//! PostgreSQL with default durability. `docs/benchmarks.md` says what is measured and how to read it.
//!
//! | module | holds |
//! |---|---|
//! | `booking` | `./dev bench booking` |
//! | `compression` | `./dev bench compression` |
//! | `login_storm` | `./dev bench login-storm` |
//! | `flight` | `./dev bench flight` |
//! | `gateway` | `./dev bench gateway` |
//! | `mailer` | `./dev bench mailer` |
//! | `system` | `./dev bench system` |
//! | `cluster` | the private PostgreSQL, its databases, and looking into them |
//! | `subprocess` | a part of the benchmark as a process of its own |
//! | `machine` | what it was measured on |
//! | `statistics` | medians and percentiles |
//! | `stored` | a million bookings, as if they had been made |
//! | `report` | the table, and the JSON object of the last line |

pub mod booking;
pub mod cluster;
pub mod compression;
pub mod flight;
pub mod gateway;
pub mod login_storm;
pub mod machine;
pub mod mailer;
pub mod report;
pub mod statistics;
pub mod stored;
pub mod subprocess;
pub mod system;
