//! Room before the ledgers: how many commands wait for them, or are on their way from the door.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

tokio::task_local! {
    static OWN: Cell<Option<Place>>;
}

/// See the module. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
    places: usize,
}

/// A place; free again when it is dropped, which is when its command is begun, or will never be.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Room {
    /// So many places.
    pub(super) fn new(places: usize) -> Self {
        Self { taken: Arc::default(), places }
    }

    /// A place, if there is one.
    pub(crate) fn enter(&self) -> Option<Place> {
        let one_more = |taken| (taken < self.places).then_some(taken + 1);
        let entered = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Place(self.taken.clone()))
    }

    /// The place with which the present request came in; else one that was not asked for.
    pub(super) fn of_request(&self) -> Place {
        OWN.try_with(Cell::take).ok().flatten().unwrap_or_else(|| {
            self.taken.fetch_add(1, Ordering::Relaxed);
            Place(self.taken.clone())
        })
    }
}

impl Place {
    /// Does what a request wants that has this place; its first command takes the place along.
    pub(crate) async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        OWN.scope(Cell::new(Some(self)), work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_place_goes_from_the_door_to_the_command() {
        let room = Room::new(2);
        let (first, second) = (room.enter().unwrap(), room.enter().unwrap());
        assert!(room.enter().is_none(), "there are two");
        let command = first.scope(async { room.of_request() }).await;
        assert!(room.enter().is_none(), "the command has it now");
        drop(command);
        let third = room.enter().unwrap();
        third.scope(async {}).await;
        assert!(room.enter().is_some(), "a request without a command gives it back");
        let (_unasked, _further) = (room.of_request(), room.of_request());
        assert!(room.enter().is_none(), "others' commands count, too");
        drop(second);
    }
}
