//! A run: a number of steps of a world, and then its way to rest.

use crate::{
    airline, faults,
    ground::{Sabotage, TaskScheduler, time::HOUR},
    ports,
    trace::table_lines,
    travellers,
    world::SimulatedWorld,
};
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

/// Lines of the log in a report.
const REPORTED: usize = 60;

/// Steps that a run may take to come to rest after its end.
const LONGEST_REST: u64 = 400_000;

/// A run that kept all promises.
pub struct SimulationRun {
    /// The seed that decided it.
    pub seed: u64,
    /// All steps, those that it took to come to rest included.
    pub steps: u64,
    /// The digest of the end state of the model.
    pub digest: u64,
    /// What happened how often.
    pub counts: BTreeMap<&'static str, u64>,
    /// The log: all of it where the run was recorded, else its last lines.
    pub log: Vec<String>,
    pub(crate) world: Rc<SimulatedWorld>,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct BrokenPromise {
    /// The seed of the run.
    pub seed: u64,
    /// How many steps were asked for.
    pub steps: u64,
    /// When it was noticed.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// What happened before, oldest first.
    pub journal: Vec<String>,
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.journal.join("\n"))?;
        writeln!(f, "\nAt step {}: {}", self.step, self.what)?;
        write!(
            f,
            "Again: AEROBUS_SIMULATION_SEED={} AEROBUS_SIMULATION_STEPS={} cargo test -p booking-simulation asked_for -- --nocapture",
            self.seed, self.steps
        )
    }
}

impl std::error::Error for BrokenPromise {}

/// Prints what a run had come to when real code panics in it.
struct PanicReport(Rc<SimulatedWorld>, u64);

impl Drop for PanicReport {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\nA panic in the run with seed {}", self.0.journal.lines().join("\n"), self.1);
        }
    }
}

/// Runs this many steps, and then on until everything is at rest.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, steps: u64, sabotage: Sabotage) -> Result<SimulationRun, Box<BrokenPromise>> {
    drive(seed, steps, sabotage, false)
}

/// As [`run`], and remembers its log and what was done to the database, for [`replay`](fn@crate::replay).
///
/// # Errors
/// The first promise that was broken.
pub fn record(seed: u64, steps: u64) -> Result<SimulationRun, Box<BrokenPromise>> {
    drive(seed, steps, Sabotage::None, true)
}

fn drive(
    seed: u64,
    steps: u64,
    sabotage: Sabotage,
    recorded: bool,
) -> Result<SimulationRun, Box<BrokenPromise>> {
    let world = SimulatedWorld::new(seed, sabotage, recorded);
    let _report = PanicReport(world.clone(), seed);
    let scheduler = world.scheduler();
    let mut driver = RunDriver { world, scheduler, seed, steps, step: 0 };
    driver.start();
    while driver.step < steps {
        driver.take_step()?;
    }
    driver.come_to_rest()?;
    Ok(driver.finish())
}

/// Drives a run from step to step.
struct RunDriver {
    world: Rc<SimulatedWorld>,
    scheduler: TaskScheduler,
    seed: u64,
    /// How many steps were asked for.
    steps: u64,
    step: u64,
}

impl RunDriver {
    fn start(&self) {
        let world = &self.world;
        airline::open(world);
        for at in 0..world.sizes.instances {
            ports::start(world, at);
        }
        airline::start(world);
        faults::start(world);
        for number in 0..world.sizes.travellers {
            travellers::start(world, number);
        }
    }

    fn take_step(&mut self) -> Result<(), Box<BrokenPromise>> {
        let goes_on = self.scheduler.step();
        self.step += 1;
        match self.world.journal.take_violation() {
            Some(what) => Err(self.broken(what)),
            None if goes_on => Ok(()),
            None => Err(self.broken("nothing can ever go on".to_owned())),
        }
    }

    /// Faults and new requests end. Goes on until nothing is under way, and checks what must be true then.
    fn come_to_rest(&mut self) -> Result<(), Box<BrokenPromise>> {
        let world = self.world.clone();
        world.closing.set(true);
        world.troubled.set(false);
        let (mut leaps, end) = (0, self.steps + LONGEST_REST);
        while !is_at_rest(&world) {
            self.take_step()?;
            // Holds of a day would take too many steps to end.
            if leaps < 3 && world.travellers.get() == 0 && is_settled(&world) {
                leaps += 1;
                world.time.pass_until(world.now() + 25 * HOUR);
            }
            if self.step > end {
                return Err(self.broken("it does not come to rest".to_owned()));
            }
        }
        let rest = world.invariants.borrow().at_rest(&world.database.borrow().rows, &world.provider.borrow());
        rest.map_err(|what| self.broken(what))
    }

    fn finish(self) -> SimulationRun {
        let Self { world, scheduler, seed, step, .. } = self;
        let (digest, counts) = (digest(&world), world.journal.counts());
        // Tasks hold the world, and the world holds tasks and ledgers.
        drop(scheduler);
        world.forget();
        let log = world.journal.lines();
        SimulationRun { seed, steps: step, digest, counts, log, world }
    }

    fn broken(&self, what: String) -> Box<BrokenPromise> {
        let mut journal = self.world.journal.lines();
        journal.drain(..journal.len().saturating_sub(REPORTED));
        Box::new(BrokenPromise { seed: self.seed, steps: self.steps, step: self.step, what, journal })
    }
}

fn is_settled(world: &SimulatedWorld) -> bool {
    let rows = &world.database.borrow().rows;
    rows.unsettled.is_empty() && rows.unsettled_refunds.is_empty() && rows.disruptions.is_empty()
}

fn is_at_rest(world: &SimulatedWorld) -> bool {
    world.travellers.get() == 0 && is_settled(world) && world.database.borrow().rows.holds.is_empty()
}

/// The digest of everything that is stored, except what a replay draws anew: ids of refunds and events, and locators after a collision.
fn digest(world: &SimulatedWorld) -> u64 {
    let mut hasher = DefaultHasher::new();
    let lines = table_lines(&world.database.borrow().rows, &world.claimed.borrow());
    for line in lines.into_iter().flat_map(|(_, lines)| lines) {
        line.hash(&mut hasher);
    }
    hasher.finish()
}
