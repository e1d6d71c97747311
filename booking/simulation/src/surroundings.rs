//! What happens around the service: the airline's flights, the passing of time, and faults.

use super::{
    instance::SHARDS,
    ledger,
    scheduler::Owner,
    world::{HOUR, MILLISECOND, MINUTE, SECOND, World, instant},
};
use booking_engine::inventory::flight::{Flight, is_sold};
use booking_engine::ledger::command::Command;
use chrono::TimeDelta;
use serde_json::json;
use shared::{
    events::{FlightState, FlightStatus},
    flight_time::FlightTime,
    ids::FlightId,
};
use std::{rc::Rc, sync::Arc};

/// Holds ended at once.
const REAPED: usize = 64;

/// Starts everything but the travellers.
pub(super) fn start(world: &Rc<World>) {
    for _ in 0..world.sizes.flights {
        let state = new_flight(world);
        publish(world, state);
    }
    for at in 0..world.sizes.instances {
        start_instance(world, at);
    }
    let airline = world.clone();
    world.spawn(Owner::Outside, async move { fly(&airline).await });
    let fate = world.clone();
    world.spawn(Owner::Outside, async move { trouble(&fate).await });
}

/// What an instance does by itself: its reaper and its desks.
fn start_instance(world: &Rc<World>, at: usize) {
    let reaper = world.clone();
    world.spawn(Owner::Instance(at), async move {
        loop {
            let pause = reaper.interval();
            reaper.sleep(pause).await;
            reap(&reaper, at).await;
            ledger::publish(&reaper);
        }
    });
    let desk = world.clone();
    world.spawn(Owner::Instance(at), async move {
        loop {
            desk.sweep(at).await;
            let pause = desk.interval();
            desk.sleep(pause).await;
        }
    });
    let disruptions = world.clone();
    world.spawn(Owner::Instance(at), async move {
        loop {
            disruptions.follow_all(at).await;
            let pause = disruptions.interval();
            disruptions.sleep(pause).await;
        }
    });
}

async fn reap(world: &Rc<World>, at: usize) {
    let ended = {
        let now = world.now();
        let mut database = world.database.borrow_mut();
        if database.is_down(now) {
            return;
        }
        let clock = database.clock(now);
        let ended = database.rows.ended(clock, REAPED);
        let cleaned = world.random().chance(20).then(|| database.clean_keys(clock));
        if let Some(trace) = &world.trace {
            trace.borrow_mut().reaped(clock, REAPED, &ended, cleaned);
        }
        ended
    };
    for (booking, flight) in ended {
        let world_of_it = world.clone();
        world.spawn(Owner::Instance(at), async move {
            // What fails is found again at the next look.
            let _ = world_of_it.submit(at, flight, Command::Expire { booking }).await;
        });
    }
}

/// The airline brings out new flights, and changes old ones.
async fn fly(world: &Rc<World>) {
    loop {
        // As quickly as travellers take their seats.
        let pause = world.random().time(300 * MILLISECOND, world.sizes.leisure - 6);
        world.sleep(pause).await;
        if world.closing.get() {
            return;
        }
        if world.random().chance(600) {
            let state = new_flight(world);
            publish(world, state);
        } else {
            change_flight(world);
        }
    }
}

fn new_flight(world: &World) -> FlightState {
    let id = FlightId(world.id());
    // From just about to close to a month ahead.
    let ahead = world.random().time(50 * MINUTE, 9);
    let departs = instant((world.now() + ahead) / MINUTE * MINUTE);
    let time = |at, zone: &str| FlightTime::from_instant(at, zone).ok().map(|time| json!(time));
    let station = |iata: &str, zone: &str| {
        json!({
            "iata": iata, "name": iata, "city": {"code": iata, "name": iata}, "country": "GB", "time_zone": zone,
        })
    };
    let fare = |cabin: &str, brand: &str, price: &str| json!({"cabin": cabin, "brand": brand, "base_price": {"amount": price, "currency": "EUR"}});
    let state = json!({
        "id": id, "version": 1, "flight_number": "AE101",
        "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
        "origin": station("LHR", "Europe/London"), "destination": station("EDI", "Europe/London"),
        "departure": time(departs, "Europe/London"),
        "arrival": time(departs + TimeDelta::hours(1), "Europe/London"),
        "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
        "seat_plan": {
            "cabins": [
                {"cabin": "business", "rows": [1, 2], "columns": "A|C"},
                {"cabin": "economy", "rows": [4, 9], "columns": "AB|CD"},
            ],
            "exit_rows": [6], "blocked_seats": ["9A"],
        },
        "fares": [
            fare("economy", "light", "80.00"), fare("economy", "standard", "106.00"),
            fare("economy", "flex", "150.00"), fare("business", "flex", "480.00"),
        ],
        "status": "scheduled", "reason": null,
    });
    serde_json::from_value(state).expect("a flight as the contract has it")
}

/// Stores a flight's state, and tells all instances of it.
fn publish(world: &Rc<World>, state: FlightState) {
    let state = Arc::new(state);
    {
        let mut network = world.network.borrow_mut();
        match network.iter_mut().find(|known| known.id == state.id) {
            Some(known) => *known = state.clone(),
            None => network.push(state.clone()),
        }
    }
    let change = world.database.borrow_mut().upsert(&state);
    if let Some(change) = change {
        world.checks.borrow_mut().disrupted(change);
    }
    if let Some(trace) = &world.trace {
        trace.borrow_mut().flight(&state);
    }
    world.note(|| format!("flight {} has version {}, {:?}", state.id, state.version, state.status));
    for at in 0..world.sizes.instances {
        let (world_of_it, flight) =
            (world.clone(), Flight { on_sale: is_sold(&state), state: state.clone() });
        world.spawn(Owner::Outside, async move {
            let delay = world_of_it.random().time(500, 12);
            world_of_it.sleep(delay).await;
            world_of_it.flight_is(at, flight);
        });
    }
    if change.is_some() {
        nudge_desk(world);
    }
}

/// One of the instances has stored a change, and tells its desk.
fn nudge_desk(world: &Rc<World>) {
    let at = world.random().index(world.sizes.instances);
    if world.instances[at].borrow().up {
        let desk = world.clone();
        world.spawn(Owner::Instance(at), async move { desk.follow_all(at).await });
    }
}

/// A fare, the departure, or everything changes.
fn change_flight(world: &Rc<World>) {
    let random = world.random();
    let known = {
        let network = world.network.borrow();
        // Often one that people have just booked.
        let last = if random.chance(700) { world.sizes.flights } else { network.len() };
        let from = &network[network.len().saturating_sub(last)..];
        from.get(random.index(from.len())).cloned()
    };
    let Some(known) = known else { return };
    let mut state = FlightState::clone(&known);
    state.version += 1;
    let what = world.random().below(10);
    match what {
        0 | 1 => state.status = FlightStatus::Cancelled,
        2..5 => {
            // Later, or so soon that its sales close in a while, or have closed, or it has left.
            let soon = i64::try_from(world.random().below(120)).unwrap_or(0) - 10;
            let departs = match world.random().chance(300) {
                true => known.departure.at.min(instant(world.now()) + TimeDelta::minutes(soon)),
                false => known.departure.at + TimeDelta::minutes(15),
            };
            if let Ok(departure) = FlightTime::from_instant(departs, &known.departure.time_zone) {
                state.departure = departure;
                state.status = FlightStatus::Delayed;
            }
        }
        _ => {
            let more = i64::try_from(world.random().below(2000)).unwrap_or(0);
            state.fares.iter_mut().for_each(|fare| fare.base_price.minor += more - 900);
        }
    }
    publish(world, state);
}

/// Faults strike.
async fn trouble(world: &Rc<World>) {
    loop {
        let pause = world.random().time(250 * MILLISECOND, 5) * 20 / world.sizes.trouble;
        world.sleep(pause).await;
        if !world.troubled.get() {
            return;
        }
        let at = world.random().index(world.sizes.instances);
        let what = world.random().below(100);
        match what {
            0..35 => kill_allocator(world, at),
            35..55 => {
                let shard = world.random().index(SHARDS);
                world.note(|| format!("ledger {shard} of instance {at} is killed"));
                world.count("ledgers killed");
                world.kill_ledger(at, shard);
            }
            55..65 => kill_instance(world, at),
            65..75 => {
                let until = world.now() + world.random().time(50_000, 8);
                world.note(|| format!("the database is down for {} ms", (until - world.now()) / 1000));
                world.count("outages of the database");
                world.database.borrow_mut().down_until = until;
            }
            75..85 => {
                let ahead = world.random().time(SECOND, 8);
                world.note(|| format!("the clock of the database leaps by {} s", ahead / SECOND));
                world.database.borrow_mut().leap(ahead);
            }
            85..92 => {
                world.note(|| format!("the clock of instance {at} is set"));
                let random = world.random();
                world.instances[at].borrow_mut().set_clock(random);
            }
            92..97 => {
                let until = world.now() + world.random().time(SECOND, 6);
                world.note(|| "the bus is down".to_owned());
                world.bus_down_until.set(until);
            }
            97..99 => {
                let later = world.random().time(MINUTE, 4);
                world.note(|| format!("everything stands still for {} s", later / SECOND));
                world.pass_until(world.now() + later);
            }
            _ => {
                let later = world.random().below(27 * HOUR);
                world.note(|| format!("{} hours pass", later / HOUR));
                world.pass_until(world.now() + later);
            }
        }
    }
}

fn kill_allocator(world: &World, at: usize) {
    let mut instance = world.instances[at].borrow_mut();
    let index = world.random().index(instance.allocators.len());
    let id = instance.allocators.keys().nth(index).copied();
    if let Some(id) = id {
        let killed = instance.allocators.remove(&id);
        drop(instance);
        drop(killed);
        world.note(|| format!("the allocator of {id} on instance {at} is killed"));
        world.count("allocators killed");
    }
}

/// A process dies, and is started again after a while.
fn kill_instance(world: &Rc<World>, at: usize) {
    if !world.instances[at].borrow().up {
        return;
    }
    world.note(|| format!("instance {at} is killed"));
    world.count("instances killed");
    world.wishes.kill(Owner::Instance(at));
    let mut instance = world.instances[at].borrow_mut();
    instance.up = false;
    instance.forget();
    drop(instance);
    let down = world.random().time(SECOND, 5);
    let world_of_it = world.clone();
    world.spawn(Owner::Outside, async move {
        world_of_it.sleep(down).await;
        world_of_it.note(|| format!("instance {at} is started again"));
        world_of_it.instances[at].borrow_mut().up = true;
        start_instance(&world_of_it, at);
    });
}
