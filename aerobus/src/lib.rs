//! The one-command start: a private PostgreSQL, demo data and all four services.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`up`] | the start and the stop |
//! | [`installation`] | the folder of an installation |
//! | `databases`, `broker`, `private_server` | PostgreSQL and RabbitMQ below the services |
//! | [`start_plan`] | what will run, with which settings |
//! | [`embedded`], `service_thread`, `processes` | the services in one process, each on its thread, and in four |
//! | [`api_call`] | calls of the API from the command line |
//! | [`check_invariants`] | the check of the invariants |
//! | [`keys`] | the keys that sign access tokens |
//! | [`mail_preview`], `browser` | every letter as files and pictures |
//! | [`progress`], `banner` | what a newcomer sees |

pub mod api_call;
pub mod check_invariants;
pub mod cli;
pub mod embedded;
pub mod installation;
pub mod keys;
pub mod mail_preview;
pub mod progress;
pub mod start_plan;
pub mod up;

mod banner;
mod broker;
mod browser;
mod databases;
mod private_server;
mod processes;
mod service_thread;
