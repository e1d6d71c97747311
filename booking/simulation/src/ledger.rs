//! The ledgers of the instances: the real batches and the real decisions about lost ones, on the model,
//! with faults between the steps.

use super::{
    checks::{Carried, check_quote},
    database::{Abort, Change, Transaction},
    instance::{PATIENCE, SHARDS},
    scheduler::Owner,
    tally::{count, name, outcome},
    world::{MINUTE, SECOND, World},
};
use crate::actors::ledger::{self};
use booking_engine::booking::refusal::Refusal;
use booking_engine::ledger::{
    command::{Answer, Command, Envelope, LedgerError, Outcome},
    decide::{Item, Setting, Verdict, Written},
    sub_batch::{Found, Lot},
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{Event, EventType, SeatsState},
    ids::{BookingId, FlightId},
};
use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
    time::Duration,
};
use tokio::sync::oneshot;

/// Commands in one transaction.
const BATCH: usize = 8;
/// How long a payment prolongs its hold.
pub(super) const SETTLE: TimeDelta = TimeDelta::minutes(5);
/// No hold is longer than what may be asked for.
pub(super) const LONGEST_HOLD: TimeDelta = TimeDelta::minutes(1440);

/// What a ledger has to do.
#[derive(Default)]
pub(super) struct Queue {
    settling: VecDeque<Envelope>,
    others: VecDeque<Envelope>,
    runs: bool,
}

impl Queue {
    fn take(&mut self) -> Vec<Envelope> {
        let settling = self.settling.len().min(BATCH);
        let others = self.others.len().min(BATCH - settling);
        self.settling.drain(..settling).chain(self.others.drain(..others)).collect()
    }
}

/// Why a transaction had no effect, or may have had.
enum Failure {
    Refused(diesel::result::Error),
    Lost,
}

impl World {
    /// Carries out a command in the ledger of a flight.
    pub(super) async fn submit(self: &Rc<Self>, at: usize, flight: FlightId, command: Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        let deadline = tokio::time::Instant::from_std(self.instant_at(at) + Duration::from_micros(PATIENCE));
        self.hop().await;
        let shard = Self::shard(flight);
        {
            let mut instance = self.instances[at].borrow_mut();
            let queue = &mut instance.ledgers[shard];
            let settles = command.settles();
            let envelope =
                Envelope { command, flight, deadline, trace: None, locked_out: false, place: None, reply };
            if settles {
                queue.settling.push_back(envelope)
            } else {
                queue.others.push_back(envelope)
            };
            if !queue.runs {
                queue.runs = true;
                let world = self.clone();
                self.spawn(Owner::Ledger(at, shard), async move { run(&world, at, shard).await });
            }
        }
        match self.in_time(PATIENCE + 5 * SECOND, answer).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Err(LedgerError::Unavailable),
        }
    }

    /// Kills a ledger with what it has in hand.
    pub(super) fn kill_ledger(&self, at: usize, shard: usize) {
        self.wishes.kill(Owner::Ledger(at, shard));
        let queue = std::mem::take(&mut self.instances[at].borrow_mut().ledgers[shard]);
        // Those who wait are told by the loss of their channels.
        drop(queue);
    }
}

/// Works until there is nothing to do.
async fn run(world: &Rc<World>, at: usize, shard: usize) {
    loop {
        let batch = {
            let mut instance = world.instances[at].borrow_mut();
            let queue = &mut instance.ledgers[shard];
            let batch = queue.take();
            if batch.is_empty() {
                queue.runs = false;
                return;
            }
            batch
        };
        let again = process(world, at, shard, batch).await;
        let mut instance = world.instances[at].borrow_mut();
        let queue = &mut instance.ledgers[shard];
        for envelope in again.into_iter().rev() {
            let queue = if envelope.command.settles() { &mut queue.settling } else { &mut queue.others };
            queue.push_front(envelope);
        }
    }
}

/// As the runner: with a connection that may be lost.
async fn process(world: &Rc<World>, at: usize, shard: usize, envelopes: Vec<Envelope>) -> Vec<Envelope> {
    let mut lots = Lot::all(envelopes);
    let mut returned = Vec::new();
    while let Some(lot) = lots.pop() {
        let lot = lot.in_time(tokio::time::Instant::from_std(world.instant_at(at)));
        if lot.envelopes.is_empty() {
            continue;
        }
        world.hop().await;
        if world.database.borrow().is_down(world.now()) {
            lot.answer(&Err(LedgerError::Unavailable));
            continue;
        }
        match transact(world, at, shard, &lot).await {
            Ok(written) => {
                let Written { seats, holds, verdicts, .. } = written;
                seats.iter().for_each(|state| world.seats_are(at, state));
                holds.iter().for_each(|(flight, holds)| world.holds_are(at, *flight, holds));
                for (envelope, verdict) in lot.envelopes.into_iter().zip(verdicts) {
                    match verdict {
                        Verdict::Answer(outcome) => envelope.answer(Ok(outcome)),
                        Verdict::Again(stale) => returned.push(envelope.again(stale)),
                    }
                }
            }
            Err(Failure::Refused(error)) => {
                world.count("batches refused");
                returned.extend(lot.split(&mut lots, &error));
            }
            Err(Failure::Lost) => {
                world.count("connections lost");
                lots.extend(resolve(world, at, lot).await);
            }
        }
    }
    returned
}

async fn transact(world: &Rc<World>, at: usize, shard: usize, lot: &Lot) -> Result<Written, Failure> {
    let items: Vec<Item<'_>> = lot.envelopes.iter().map(|one| (&one.command, None)).collect();
    let abort = draw_abort(world);
    let commands = || items.iter().map(|(command, _)| (*command).clone()).collect();
    let traced =
        world.trace.as_ref().map(|trace| trace.borrow_mut().begun(at * SHARDS + shard, commands(), abort));
    let mut transaction = Transaction::begin(world.clone(), abort, traced);
    let setting = Setting { settle: SETTLE, begins: world.instant_at(at) };
    let run = ledger::carry_out(&mut transaction, &items, setting).await;
    transaction.reach_locks();
    let clocks = transaction.clocks.clone();
    let down = world.database.borrow().is_down(world.now());
    let committed = run.is_ok() && !down && !world.strikes(10);
    if let (Some(trace), Some(traced)) = (&world.trace, traced) {
        trace.borrow_mut().ended(
            traced,
            &clocks,
            run.as_ref().ok().map(|one| one.verdicts.as_slice()),
            committed,
        );
    }
    let written = match run {
        Ok(written) => written,
        // Dropped, it is rolled back.
        Err(error) if !down => return Err(Failure::Refused(error)),
        Err(_) => return Err(Failure::Lost),
    };
    if !committed {
        drop(transaction);
        world.hop().await;
        return Err(Failure::Lost);
    }
    let (undo, events) = transaction.commit();
    if let Some(trace) = &world.trace {
        let line = |event: &Event| format!("{} {} {}", event.kind, event.subject, event.version);
        trace.borrow_mut().events.extend(events.iter().map(line));
    }
    world.count("batches committed");
    check(world, &items, &written, &undo, &clocks);
    if world.strikes(25) {
        world.count("acknowledgements lost");
        world.hop().await;
        return Err(Failure::Lost);
    }
    if !events.is_empty() {
        publish(world);
    }
    // The answer of the commit is on its way.
    world.hop().await;
    Ok(written)
}

fn draw_abort(world: &Rc<World>) -> Option<Abort> {
    use super::database::Failing::{Data, Deadlock, Lock};
    world.strikes(20).then(|| {
        let random = world.random();
        Abort { call: 1 + random.index(8), kind: [Deadlock, Lock, Data][random.index(3)] }
    })
}

/// What must hold after every commit.
fn check(
    world: &Rc<World>,
    items: &[Item<'_>],
    written: &Written,
    undo: &[Change],
    clocks: &[DateTime<Utc>],
) {
    let database = world.database.borrow();
    let clock = clocks.last().copied().unwrap_or_else(|| database.last_clock(world.now()));
    // Holds that had ended at the beginning do not count.
    let began = clocks.first().copied().unwrap_or(clock);
    for ((command, _), verdict) in items.iter().zip(&written.verdicts) {
        world.note(|| format!("committed {}: {}", name(command), outcome(verdict)));
        count(world, command, verdict, undo);
        if let Verdict::Answer(Outcome::Refused(Refusal::SeatTaken(seats))) = verdict {
            let justified = world.checks.borrow().are_taken(&database.rows, (seats, undo), began);
            world.object_to(justified);
        }
        world.object_to(check_quote(&database.rows, (command, verdict), clock));
    }
    let carried = Carried::of(items, &written.verdicts);
    let checked = world.checks.borrow_mut().committed(&database.rows, (undo, &carried), (began, clock));
    world.object_to(checked);
}

/// Finds out what was committed of a lot whose connection was lost.
async fn resolve(world: &Rc<World>, at: usize, lot: Lot) -> Option<Lot> {
    world.hop().await;
    let found = {
        let now = world.now();
        let mut database = world.database.borrow_mut();
        if database.is_down(now) {
            None
        } else {
            let clock = database.clock(now);
            let read = |id: BookingId| -> Option<(BookingId, Found)> {
                let booking = database.rows.booking(id)?;
                let state = booking.present(&database.rows.flights(&booking), clock).ok()?;
                Some((id, (booking, state.into())))
            };
            let ids = lot.envelopes.iter().map(|one| one.command.booking());
            Some(ids.filter_map(read).collect::<HashMap<_, _>>())
        }
    };
    world.hop().await;
    let rest = lot.resolve(found.as_ref(), |booking| {
        world.note(|| format!("found what was committed of {}", booking.id));
        world.count("lost answers found");
        booking.segments.iter().for_each(|segment| world.seats_unknown(at, segment.flight_id));
    });
    publish(world);
    rest
}

/// Publishes what is committed: to every instance, later, in any order, now and then twice.
pub(super) fn publish(world: &Rc<World>) {
    let events: Vec<_> = world.database.borrow_mut().outbox.drain(..).collect();
    for event in events {
        let checked = world.checks.borrow_mut().published(&event);
        world.object_to(checked);
        if event.kind != EventType::SeatsChanged {
            continue;
        }
        let Ok(state) = event.data::<SeatsState>() else { continue };
        let state = Rc::new(state);
        for at in 0..world.instances.len() {
            let copies = if world.strikes(100) { 2 } else { 1 };
            for _ in 0..copies {
                let delay = {
                    let late = world.strikes(50);
                    let outage = world.bus_down_until.get().saturating_sub(world.now());
                    let random = world.random();
                    outage + if late { random.below(MINUTE) } else { random.time(500, world.sizes.bus) }
                };
                let (world_of_it, state) = (world.clone(), state.clone());
                world.spawn(Owner::Outside, async move {
                    world_of_it.sleep(delay).await;
                    world_of_it.seats_are(at, &state);
                });
            }
        }
    }
}
