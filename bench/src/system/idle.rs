//! What an installation costs that nobody uses.

use super::{cpu::CpuUsage, figures::is_ours, sql::SqlUsage};
use crate::report::{ResultLine, rounded};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Costs of an idle time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IdleFigures {
    /// Transactions a second.
    pub transactions: f64,
    /// Percent of one core: our processes and PostgreSQL's.
    pub cpu: f64,
    /// Percent of one core: RabbitMQ's.
    broker: f64,
    /// Percent of one core, by process.
    by_process: Vec<(String, f64)>,
    /// Statements a second, by role.
    by_role: Vec<(String, f64)>,
}

impl IdleFigures {
    /// Out of what was counted in such a time.
    #[must_use]
    pub fn of(
        time: Duration,
        (program, postgres): (&CpuUsage, &CpuUsage),
        sql: &SqlUsage,
        transactions: i64,
    ) -> Self {
        let seconds = time.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let percent = |nanos: u64| nanos as f64 / 1e7 / seconds;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let each_second = |count: i64| count as f64 / seconds;
        let processes = program.by_process().into_iter().chain(postgres.by_process());
        let by_process: Vec<_> = processes.map(|(name, nanos)| (name, percent(nanos))).collect();
        let roles = sql.calls_by_role().into_iter();
        Self {
            transactions: each_second(transactions),
            cpu: percent(program.of(is_ours).total() + postgres.total()),
            broker: percent(program.of(|name| !is_ours(name)).total()),
            by_process,
            by_role: roles.map(|(role, calls)| (role, each_second(calls))).collect(),
        }
    }

    /// For the table, and for the last line.
    #[must_use]
    pub fn line(&self, mode: &str) -> ResultLine {
        let shown = |named: &[(String, f64)]| {
            let named = named.iter().filter(|(_, value)| *value >= 0.005);
            Value::from(
                named.map(|(name, value)| (name.clone(), json!(rounded(*value)))).collect::<Map<_, _>>(),
            )
        };
        let mut more = Map::new();
        more.insert("transactions_per_second".to_owned(), json!(rounded(self.transactions)));
        more.insert("statements_per_second_by_role".to_owned(), shown(&self.by_role));
        more.insert("percent_by_process".to_owned(), shown(&self.by_process));
        more.insert("rabbitmq_percent".to_owned(), json!(rounded(self.broker)));
        ResultLine {
            what: format!("{mode}_idle"),
            ours: Some(self.cpu),
            unit: "% of a core, Aerobus and PostgreSQL",
            more,
            ..ResultLine::default()
        }
    }
}
