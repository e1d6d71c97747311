//! The one-command start: a private PostgreSQL, demo data and all four services.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`up`] | the start and the stop |
//! | [`home`] | the folder of an installation |
//! | [`parts`] | PostgreSQL and RabbitMQ below the services |
//! | [`plan`] | what is going to run, with which settings |
//! | [`embedded`], [`processes`] | the services in one process, and in four |
//! | [`check`] | the check of the invariants |
//! | [`progress`], [`banner`] | what a newcomer sees |

pub mod banner;
pub mod check;
pub mod cli;
pub mod embedded;
pub mod home;
pub mod parts;
pub mod plan;
pub mod processes;
pub mod progress;
pub mod up;
