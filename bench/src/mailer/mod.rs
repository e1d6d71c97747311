//! `./dev bench mailer`: letters through RabbitMQ and the mailer into a local mail server, against Postfix's
//! `smtp-source`, which sends the same bytes into the same server.
//!
//! | file | what |
//! |---|---|
//! | [`mailer_bench`] | what can be set, and what runs meanwhile |
//! | [`mailer_process`] | the mailer as a process |
//! | [`smtp_source`] | Postfix's `smtp-source` |
//! | [`booking_events`] | the events that letters are made of |
//! | [`rates`] | letters a second, with documents and without |
//! | [`idle_latency`] | from the commit of an event to the acceptance of its letter, while nothing else is to be done |
//! | [`waiting_letters`] | the mailer's memory while letters wait for a mail server |
//! | [`ticket_rendering`] | the size of a ticket, and the time to render it |
//!
//! The mail server is that of `./dev bench system`, a process that counts letters and throws them away. It counts for
//! neither side.

pub mod booking_events;
pub mod idle_latency;
pub mod mailer_bench;
pub mod mailer_process;
pub mod rates;
pub mod smtp_source;
pub mod ticket_rendering;
pub mod waiting_letters;

use crate::{machine::Machine, report, report::ResultLine};
use anyhow::Context;
use mailer_bench::{ALL, IDLE_LATENCY, RATES, TICKET, WAITING};

pub use mailer_bench::{MailerBench, MailerOptions};

/// Runs the benchmark. Must run within an actix system: the bus has a thread of its own.
///
/// # Errors
/// Where something does not start, or a letter does not arrive.
pub async fn run(options: &MailerOptions) -> anyhow::Result<()> {
    shared::service::raise_file_limit();
    let mut bench = MailerBench::start(options.clone()).await?;
    let postgres = bench.database.words("SELECT version() AS words").await?.pop().context("no version")?;
    let machine = Machine::look(&bench.scratch, postgres).context("the machine could not be looked at")?;
    report::print_head(&machine);
    let mut lines = Vec::new();
    for what in ALL.into_iter().filter(|what| options.wants(what)) {
        for line in measure(&mut bench, what).await.with_context(|| format!("{what} was not measured"))? {
            report::print_line(&line);
            lines.push(line);
        }
    }
    println!("{}", report::json_line("mailer", &machine, &lines));
    bench.stop().await
}

async fn measure(bench: &mut MailerBench, what: &str) -> anyhow::Result<Vec<ResultLine>> {
    match what {
        RATES => rates::measure(bench).await,
        IDLE_LATENCY => idle_latency::measure(bench).await,
        WAITING => waiting_letters::measure(bench).await,
        TICKET => ticket_rendering::measure(bench),
        _ => Ok(Vec::new()),
    }
}
