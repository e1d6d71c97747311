//! The fault matrix: the mailer as a process of its own, over a real RabbitMQ, PostgreSQL and an SMTP server that does
//! what it is told. Each test says which letters arrive, how the attempts ended, and what became of the letters.
//! `docs/mail-faults.md` is the table of them.

#[path = "../api/bookings.rs"]
mod bookings;
mod broker;
mod deaths;
mod events;
mod fault_world;
mod hangs;
mod instances;
mod mailer_process;
mod outages;
mod refusals;
mod tls;
