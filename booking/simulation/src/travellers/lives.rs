//! The lives of travellers: they book, pay, change their minds, cancel, and ask again under their keys.

use crate::{
    ground::{TaskOwner, time::MILLISECOND},
    travellers::traveller::SimulatedTraveller,
    world::SimulatedWorld,
};
use std::rc::Rc;

/// Starts a traveller.
pub(crate) fn start(world: &Rc<SimulatedWorld>, number: usize) {
    world.travellers.set(world.travellers.get() + 1);
    let mut traveller = SimulatedTraveller::new(world, number);
    world.spawn(TaskOwner::Outside, async move {
        traveller.live().await;
        let world = &traveller.world;
        world.travellers.set(world.travellers.get() - 1);
    });
}

impl SimulatedTraveller {
    async fn live(&mut self) {
        loop {
            let pause = self.world.random().time(20 * MILLISECOND, self.world.sizes.leisure);
            self.world.sleep(pause).await;
            if self.world.closing.get() {
                return;
            }
            let what = self.world.random().below(100);
            match what {
                0..50 => self.book().await,
                50..64 => self.pay().await,
                64..70 => self.cancel().await,
                70..75 => self.quote().await,
                75..87 => self.change_seats().await,
                87..90 => self.change_contact().await,
                90..94 => self.correct_name().await,
                _ => self.ask_again().await,
            }
        }
    }
}
