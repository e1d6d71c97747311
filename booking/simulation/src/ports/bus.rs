//! The message bus: it carries events to the instances.

use crate::{
    ground::{TaskOwner, time::MINUTE},
    world::SimulatedWorld,
};
use shared::events::{EventType, SeatsState};
use std::rc::Rc;

/// Publishes committed events. They reach every instance later, in any order, now and then twice.
pub(crate) fn publish(world: &Rc<SimulatedWorld>) {
    let events: Vec<_> = world.database.borrow_mut().outbox.drain(..).collect();
    for event in events {
        let checked = world.invariants.borrow_mut().published(&event);
        world.check(checked);
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
                world.spawn(TaskOwner::Outside, async move {
                    world_of_it.sleep(delay).await;
                    world_of_it.instances[at].borrow().apply_seats(&state);
                });
            }
        }
    }
}
