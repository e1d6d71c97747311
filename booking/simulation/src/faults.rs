//! Faults: parts are killed, clocks are wrong, the database and the bus are down, and time leaps.

use crate::{
    ground::{
        TaskOwner,
        limits::SHARDS,
        time::{HOUR, MILLISECOND, MINUTE, SECOND},
    },
    ports::{self, kill_ledger},
    world::SimulatedWorld,
};
use std::rc::Rc;

/// Starts the faults.
pub(crate) fn start(world: &Rc<SimulatedWorld>) {
    let fate = world.clone();
    world.spawn(TaskOwner::Outside, async move { trouble(&fate).await });
}

/// Lets one fault after the other strike.
async fn trouble(world: &Rc<SimulatedWorld>) {
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
                kill_ledger(world, at, shard);
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
                world.time.pass_until(world.now() + later);
            }
            _ => {
                let later = world.random().below(27 * HOUR);
                world.note(|| format!("{} hours pass", later / HOUR));
                world.time.pass_until(world.now() + later);
            }
        }
    }
}

fn kill_allocator(world: &SimulatedWorld, at: usize) {
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

/// An instance dies, and is started again after a while.
fn kill_instance(world: &Rc<SimulatedWorld>, at: usize) {
    if !world.instances[at].borrow().up {
        return;
    }
    world.note(|| format!("instance {at} is killed"));
    world.count("instances killed");
    world.tasks.kill(TaskOwner::Instance(at));
    let mut instance = world.instances[at].borrow_mut();
    instance.up = false;
    instance.forget();
    drop(instance);
    let down = world.random().time(SECOND, 5);
    let world_of_it = world.clone();
    world.spawn(TaskOwner::Outside, async move {
        world_of_it.sleep(down).await;
        world_of_it.note(|| format!("instance {at} is started again"));
        world_of_it.instances[at].borrow_mut().up = true;
        ports::start(&world_of_it, at);
    });
}
