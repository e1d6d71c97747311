//! The airline: it brings out flights, changes them, and tells the instances.

use crate::{
    ground::{
        TaskOwner,
        time::{MILLISECOND, MINUTE, instant},
    },
    ports::InstancePorts,
    world::SimulatedWorld,
};
use booking_engine::inventory::flight::{Flight, is_sold};
use chrono::TimeDelta;
use serde_json::json;
use shared::{
    events::{FlightState, FlightStatus},
    flight_time::FlightTime,
    ids::FlightId,
};
use std::{rc::Rc, sync::Arc};

/// Brings out the first flights.
pub(crate) fn open(world: &Rc<SimulatedWorld>) {
    for _ in 0..world.sizes.flights {
        let state = new_flight(world);
        publish(world, state);
    }
}

/// Starts what the airline does from then on.
pub(crate) fn start(world: &Rc<SimulatedWorld>) {
    let airline = world.clone();
    world.spawn(TaskOwner::Outside, async move { fly(&airline).await });
}

/// The airline brings out new flights, and changes old ones.
async fn fly(world: &Rc<SimulatedWorld>) {
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

fn new_flight(world: &SimulatedWorld) -> FlightState {
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
fn publish(world: &Rc<SimulatedWorld>, state: FlightState) {
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
        world.invariants.borrow_mut().disrupted(change);
    }
    world.record(|trace| trace.flight(&state));
    world.note(|| format!("flight {} has version {}, {:?}", state.id, state.version, state.status));
    for at in 0..world.sizes.instances {
        let (world_of_it, flight) =
            (world.clone(), Flight { on_sale: is_sold(&state), state: state.clone() });
        world.spawn(TaskOwner::Outside, async move {
            let delay = world_of_it.random().time(500, 12);
            world_of_it.sleep(delay).await;
            world_of_it.instances[at].borrow().flight_changed(flight);
        });
    }
    if change.is_some() {
        nudge_desk(world);
    }
}

/// One of the instances has stored a change, and tells its desk.
fn nudge_desk(world: &Rc<SimulatedWorld>) {
    let at = world.random().index(world.sizes.instances);
    if world.instances[at].borrow().up {
        let desk = InstancePorts::new(world, at);
        world.spawn(TaskOwner::Instance(at), async move { desk.follow_flights().await });
    }
}

/// A fare, the departure, or everything changes.
fn change_flight(world: &Rc<SimulatedWorld>) {
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
