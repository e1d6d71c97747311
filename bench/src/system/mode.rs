//! One way to run the whole, from its start to the check at its end.

use super::{
    figures::WholeFigures,
    idle::IdleFigures,
    levels::{self, LevelFigures, Sides, SystemRounds, whole_line},
    plain::PlainUnderTest,
    whole::{SystemMode, WholeUnderTest},
};
use crate::{
    booking::{
        comparison::analyze_and_checkpoint,
        engine_under_test::{EngineUnderTest, Pattern},
        service::ServiceTuning,
        workload::Workload,
    },
    cluster::{Cluster, ServiceDatabase},
    report::{self, ResultLine, rounded},
};
use serde_json::{Map, json};
use std::{path::PathBuf, time::Duration};

/// How long nothing is done after a start. The server's processes tell what they counted within ten seconds.
const SETTLE: Duration = Duration::from_secs(11);

/// The round that warms a side up.
const WARM_UP: u64 = 2;
const WARM_UP_CLIENTS: usize = 64;

/// Where booking alone is asked, and half of whose rate is half load.
const MANY: usize = 256;

/// The numbers of clients that are measured without the mailer, too.
const WITHOUT_MAILER: [usize; 2] = [8, MANY];

/// Bookings a second with which letters must keep up.
const LETTER_RATE: f64 = 500.0;

/// Steady arrivals at half of what many clients reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfLoad {
    /// Arrivals a second.
    pub rate: f64,
    /// 99 of a hundred took at most this, milliseconds.
    pub with_mailer_p99_ms: f64,
    /// The same without the mailer, where that was measured.
    pub without_mailer_p99_ms: Option<f64>,
}

/// All that was measured of one way.
#[derive(Debug, Clone)]
pub struct ModeFigures {
    /// Which.
    pub mode: SystemMode,
    /// Idle, before any load.
    pub idle: Option<IdleFigures>,
    /// By number of clients.
    pub levels: Vec<LevelFigures>,
    /// The whole without its mailer, by number of clients.
    pub without_mailer: Vec<(usize, WholeFigures)>,
    /// At half load.
    pub half_load: Option<HalfLoad>,
    /// Letters behind at the end of a round of 500 arrivals a second; nothing where that was not measured.
    pub behind_at_500: Option<i64>,
}

impl ModeFigures {
    /// Nothing measured yet.
    #[must_use]
    pub fn of(mode: SystemMode) -> Self {
        Self {
            mode,
            idle: None,
            levels: Vec::new(),
            without_mailer: Vec::new(),
            half_load: None,
            behind_at_500: None,
        }
    }
}

/// Each side with the number of clients that suits it best: nobody has to give a plain design hundreds of connections.
fn best(mode: &str, levels: &[LevelFigures]) -> Option<ResultLine> {
    let most = |rate: fn(&LevelFigures) -> f64| {
        let rates = levels.iter().map(|level| (level.clients, rate(level)));
        rates.max_by(|(_, left), (_, right)| left.total_cmp(right))
    };
    let (clients, ours) = most(|level| level.whole.rate())?;
    let (plain_clients, baseline) = most(|level| level.plain.rate())?;
    let mut more = Map::new();
    more.insert("clients".to_owned(), json!({"ours": clients, "baseline": plain_clients}));
    Some(ResultLine {
        what: format!("{mode}_best"),
        ours: Some(ours),
        baseline: Some(baseline),
        ratio: report::ratio(ours, baseline),
        unit: "bookings/s, each side with its best number of clients",
        more,
        ..ResultLine::default()
    })
}

/// What all ways are measured with.
pub struct SystemBench {
    /// The server of all.
    pub cluster: Cluster,
    /// On the disk of its data.
    pub scratch: PathBuf,
    /// The plain design.
    pub plain: PlainUnderTest,
    /// The database of booking alone.
    pub alone: ServiceDatabase,
    /// How often and how long.
    pub rounds: SystemRounds,
    /// Numbers of clients.
    pub levels: Vec<usize>,
    /// How long the idle time is.
    pub idle: Duration,
    /// Whether it is measured if letters keep up with [`LETTER_RATE`].
    pub at_letter_rate: bool,
    /// How many of the slowest statements are printed.
    pub statements: usize,
    /// The results so far.
    pub lines: Vec<ResultLine>,
}

impl SystemBench {
    /// Measures one way.
    ///
    /// # Errors
    /// Where a side fails, or the check at the end finds something broken or lost.
    pub async fn measure(&mut self, mode: SystemMode) -> anyhow::Result<ModeFigures> {
        let name = mode.name();
        eprintln!("{name}: starting ...");
        let mut whole = WholeUnderTest::start(&self.cluster, &self.scratch, mode).await?;
        let mut figures = ModeFigures::of(mode);
        tokio::time::sleep(SETTLE).await;
        figures.idle = Some(self.idle(name, &mut whole).await?);
        self.warm_up(name, &mut whole).await?;
        for clients in self.levels.clone() {
            let level = self.level(&figures, &mut whole, clients).await?;
            figures.levels.push(level);
        }
        if let Some(line) = best(name, &figures.levels) {
            self.print(line);
        }
        self.steady(&mut figures, &mut whole).await?;
        eprintln!("{name}: starting without the mailer ...");
        let mut whole = whole.without_mailer().await?;
        self.without_mailer(&mut figures, &mut whole).await?;
        whole.finish(&self.cluster).await?;
        Ok(figures)
    }

    fn print(&mut self, line: ResultLine) {
        report::print_line(&line);
        self.lines.push(line);
    }

    async fn idle(&mut self, name: &str, whole: &mut WholeUnderTest) -> anyhow::Result<IdleFigures> {
        eprintln!("{name}: idle for {} s ...", self.idle.as_secs());
        let (program, postgres, before, after) = whole.idle(self.idle).await?;
        let transactions = after.transactions - before.transactions;
        let idle = IdleFigures::of(self.idle, (&program, &postgres), &after.since(&before), transactions);
        self.print(idle.line(name));
        if self.statements > 0 {
            let mut figures = WholeFigures::default();
            figures.sql.add(&after.since(&before));
            levels::print_statements(&figures, self.statements);
        }
        Ok(idle)
    }

    async fn warm_up(&mut self, name: &str, whole: &mut WholeUnderTest) -> anyhow::Result<()> {
        eprintln!("{name}: warming up ...");
        let patience = self.rounds.patience_of_one();
        whole.round(Pattern::Closed(WARM_UP_CLIENTS), WARM_UP, patience).await?;
        self.plain.tell(whole.event().await?);
        self.plain.round(WARM_UP_CLIENTS, WARM_UP).await.map(drop)
    }

    async fn level(
        &mut self,
        figures: &ModeFigures,
        whole: &mut WholeUnderTest,
        clients: usize,
    ) -> anyhow::Result<LevelFigures> {
        let (name, idle) = (figures.mode.name(), figures.idle.as_ref().map_or(0.0, |idle| idle.transactions));
        eprintln!("{name}: {clients} clients ...");
        let mut alone = None;
        if clients == MANY {
            let tuning = ServiceTuning { http_workers: 2, ledger_shards: None };
            let mut started = EngineUnderTest::start(self.alone.clone(), tuning).await?;
            started.round(Workload::Spread, Pattern::Closed(clients), WARM_UP).await?;
            alone = Some(started);
        }
        let sides = Sides { cluster: &self.cluster, plain: &mut self.plain, whole, alone: alone.as_mut() };
        let level = levels::measure(sides, self.rounds, clients, idle).await?;
        if let Some(alone) = alone {
            alone.seats().await?.check()?;
            alone.stop().await?;
        }
        let line = level.line(name);
        levels::print(&line, &level.whole);
        if WITHOUT_MAILER.contains(&clients) {
            levels::print_statements(&level.whole, self.statements);
        }
        self.lines.push(line);
        Ok(level)
    }

    /// Steady arrivals, with the mailer.
    async fn steady(&mut self, figures: &mut ModeFigures, whole: &mut WholeUnderTest) -> anyhow::Result<()> {
        let Some(many) = figures.levels.iter().find(|level| level.clients == MANY) else { return Ok(()) };
        let (name, rate) = (figures.mode.name(), many.whole.rate());
        whole.drain(self.rounds.patience_of_one()).await?;
        let (p99, line) = self.arrivals(whole, rate / 2.0, format!("{name}_half_load")).await?;
        figures.half_load =
            Some(HalfLoad { rate: rate / 2.0, with_mailer_p99_ms: p99, without_mailer_p99_ms: None });
        self.print(line);
        if self.at_letter_rate && rate >= LETTER_RATE * 1.1 {
            whole.drain(self.rounds.patience_of_one()).await?;
            let (_, line) = self.arrivals(whole, LETTER_RATE, format!("{name}_500_a_second")).await?;
            figures.behind_at_500 = line.more["letters_behind"].as_i64();
            self.print(line);
        }
        Ok(())
    }

    async fn without_mailer(
        &mut self,
        figures: &mut ModeFigures,
        whole: &mut WholeUnderTest,
    ) -> anyhow::Result<()> {
        let name = figures.mode.name();
        let patience = self.rounds.patience_of_one();
        whole.round(Pattern::Closed(WARM_UP_CLIENTS), WARM_UP, patience).await?;
        let idle = figures.idle.as_ref().map_or(0.0, |idle| idle.transactions);
        for clients in self.levels.clone().into_iter().filter(|clients| WITHOUT_MAILER.contains(clients)) {
            let without = levels::measure_whole(&self.cluster, whole, self.rounds, clients, idle).await?;
            let mut line = whole_line(format!("{name}_{clients}_no_mailer"), &without);
            if let Some(level) = figures.levels.iter().find(|level| level.clients == clients) {
                let times = report::ratio(without.cpu().counted(), level.plain.cpu());
                line.more.insert("cpu_in_times_of_plain".to_owned(), json!(times.map(rounded)));
            }
            levels::print(&line, &without);
            self.lines.push(line);
            figures.without_mailer.push((clients, without));
        }
        if let Some(half) = figures.half_load {
            let what = format!("{name}_half_load_no_mailer");
            let (p99, line) = self.arrivals(whole, half.rate, what).await?;
            figures.half_load = Some(HalfLoad { without_mailer_p99_ms: Some(p99), ..half });
            self.print(line);
        }
        Ok(())
    }

    /// Steady arrivals after a second of them that is not counted; gives p99, milliseconds.
    async fn arrivals(
        &self,
        whole: &mut WholeUnderTest,
        rate: f64,
        what: String,
    ) -> anyhow::Result<(f64, ResultLine)> {
        eprintln!("{what}: {rate:.1} arrivals a second ...");
        analyze_and_checkpoint(&self.cluster, whole.database()).await?;
        whole.round(Pattern::Open(rate), 1, Duration::ZERO).await?;
        let round =
            whole.round(Pattern::Open(rate), self.rounds.seconds, self.rounds.patience_of_one()).await?;
        let mut latencies = round.outcome.latencies.clone();
        let (p50, p99) = (latencies.percentile_ms(50.0), latencies.percentile_ms(99.0));
        let mut more = Map::new();
        more.insert("arrivals_per_second".to_owned(), json!(rounded(rate)));
        more.insert("refusals".to_owned(), json!(round.outcome.refused));
        more.insert("faults".to_owned(), json!(round.outcome.faults));
        more.insert("letters_behind".to_owned(), json!(round.behind));
        more.insert("drained_after_s".to_owned(), json!(round.drained.map(rounded)));
        let line = ResultLine {
            what,
            ours: Some(round.outcome.rate()),
            unit: "bookings/s, steady arrivals",
            p50_ms: Some(p50),
            p99_ms: Some(p99),
            more,
            ..ResultLine::default()
        };
        Ok((p99, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        booking::load::LoadOutcome,
        system::figures::{PlainRound, WholeRound},
    };

    #[test]
    fn each_side_has_its_own_best_number_of_clients() {
        assert!(best("up", &[]).is_none());
        let level = |clients, booked, plain| {
            let mut level = LevelFigures { clients, ..LevelFigures::default() };
            let outcome = LoadOutcome { booked, lasted: Duration::from_secs(1), ..LoadOutcome::default() };
            level.whole.add(&WholeRound { outcome, ..WholeRound::default() });
            level.plain.add(&PlainRound { rate: plain, ..PlainRound::default() });
            level
        };
        let line = best("up", &[level(8, 300, 1000.0), level(256, 900, 400.0)]).unwrap();
        assert_eq!((line.ours, line.baseline, line.ratio), (Some(900.0), Some(1000.0), Some(0.9)));
        assert_eq!(line.more["clients"], json!({"ours": 256, "baseline": 8}));
    }
}
