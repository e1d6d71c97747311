//! A seeded simulation of the booking engine.
//!
//! The real decisions (the allocators' books of seats, the ledger's batches, the state machine of
//! bookings, prices and assignment) run over a [model of the database](database) in virtual time, on
//! several instances at once, while messages are late, doubled and reordered, acknowledgements are
//! lost, ledgers, allocators and processes are killed, and clocks are wrong. After every step it is
//! checked what must always be true. One seed decides everything, so a failure can be run again.
//!
//! | module | what |
//! |---|---|
//! | [`world`], [`scheduler`], [`random`] | virtual time, tasks, chance |
//! | [`database`] | the model: tables, transactions, a clock |
//! | [`instance`], [`ledger`], [`desk`], [`disruptions`], [`requests`], [`amendments`] | a process of the service |
//! | [`provider`] | a payment provider |
//! | [`travellers`], [`orders`] | who asks, and for what |
//! | [`surroundings`] | flights, time, faults |
//! | [`checks`], [`tally`] | what must be true, and how often what happened |
//! | [`trace`], [`replay`], [`replay_rows`] | the same on PostgreSQL |
//!
//! See `docs/simulation.md` for how to run it.

mod amendments;
mod checks;
mod database;
mod desk;
mod disruptions;
mod instance;
mod journal;
mod ledger;
mod orders;
mod provider;
mod random;
mod replay;
mod replay_rows;
mod replay_tables;
mod requests;
mod scheduler;
mod surroundings;
mod tally;
mod trace;
mod travellers;
mod world;

pub use replay::{CLOCK, Replay, replay};
pub use world::Fence;

use scheduler::Scheduler;
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};
use world::{HOUR, World};

/// Steps that a run may take to come to rest after its end.
const LONGEST_REST: u64 = 400_000;

/// A run that kept all promises.
pub struct Run {
    /// What it was made of.
    pub seed: u64,
    /// All steps, those that it took to come to rest included.
    pub steps: u64,
    /// Of the end state of the model.
    pub digest: u64,
    /// What happened how often.
    pub counts: BTreeMap<&'static str, u64>,
    world: Rc<World>,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct Broken {
    /// The run's.
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

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.journal.join("\n"))?;
        writeln!(f, "\nAt step {}: {}", self.step, self.what)?;
        write!(
            f,
            "Again: AEROBUS_SIMULATION_SEED={} AEROBUS_SIMULATION_STEPS={} cargo test -p booking --test simulation asked_for -- --nocapture",
            self.seed, self.steps
        )
    }
}

impl std::error::Error for Broken {}

/// Prints what a run had come to when real code panics in it.
struct Witness(Rc<World>, u64);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(journal) = self.0.journal.try_borrow()
        {
            eprintln!("{}\nA panic in the run with seed {}", journal.lines().join("\n"), self.1);
        }
    }
}

/// Runs so many steps, and then on until everything is at rest.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, steps: u64, fence: Fence) -> Result<Run, Box<Broken>> {
    drive(seed, steps, fence, false)
}

/// As [`run`], and remembers what was done to the database, for [`replay`].
///
/// # Errors
/// The first promise that was broken.
pub fn record(seed: u64, steps: u64) -> Result<Run, Box<Broken>> {
    drive(seed, steps, Fence::Whole, true)
}

fn drive(seed: u64, steps: u64, fence: Fence, recorded: bool) -> Result<Run, Box<Broken>> {
    let world = World::new(seed, fence, recorded);
    let _witness = Witness(world.clone(), seed);
    let mut scheduler = Scheduler::new(world.clone());
    surroundings::start(&world);
    for number in 0..world.sizes.travellers {
        travellers::start(&world, number);
    }
    let mut step = 0;
    let broken = |step: u64, what: String| {
        let journal = world.journal.borrow().lines();
        Box::new(Broken { seed, steps, step, what, journal })
    };
    let mut take = |step: &mut u64| {
        let goes_on = scheduler.step();
        *step += 1;
        let found = world.violation.borrow_mut().take();
        match found {
            Some(what) => Err(broken(*step, what)),
            None if goes_on => Ok(()),
            None => Err(broken(*step, "nothing can ever go on".to_owned())),
        }
    };
    while step < steps {
        take(&mut step)?;
    }
    world.closing.set(true);
    world.troubled.set(false);
    let (mut leaps, end) = (0, steps + LONGEST_REST);
    while !is_at_rest(&world) {
        take(&mut step)?;
        // Holds of a day: nobody wants to watch them end.
        if leaps < 3 && world.travellers.get() == 0 && is_settled(&world) {
            leaps += 1;
            world.pass_until(world.now() + 25 * HOUR);
        }
        if step > end {
            return Err(broken(step, "it does not come to rest".to_owned()));
        }
    }
    let rest = world.checks.borrow().at_rest(&world.database.borrow().rows, &world.provider.borrow());
    rest.map_err(|what| broken(step, what))?;
    let (digest, counts) = (digest(&world), world.counts.borrow().clone());
    // Tasks hold the world, and the world holds tasks.
    drop(scheduler);
    world.wishes.forget();
    Ok(Run { seed, steps: step, digest, counts, world })
}

fn is_settled(world: &World) -> bool {
    let rows = &world.database.borrow().rows;
    rows.unsettled.is_empty() && rows.unsettled_refunds.is_empty() && rows.disruptions.is_empty()
}

fn is_at_rest(world: &World) -> bool {
    world.travellers.get() == 0 && is_settled(world) && world.database.borrow().rows.holds.is_empty()
}

/// Of everything that is stored, but for the ids that real code draws by itself.
fn digest(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    let lines = replay_rows::of_model(&world.database.borrow().rows, &world.claimed.borrow());
    for line in lines.into_iter().flat_map(|(_, lines)| lines) {
        line.hash(&mut hasher);
    }
    hasher.finish()
}
