//! Room before the ledgers of an instance: how many claims wait for them, or are on their way from the door.

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

/// A place; free again when it is dropped, which is when its claim is begun, or will never be.
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
    /// Does what a request wants that has this place; its claim takes the place along.
    pub(crate) async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        OWN.scope(Cell::new(Some(self)), work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_place_goes_from_the_door_to_the_claim() {
        let room = Room::new(2);
        let (first, second) = (room.enter().unwrap(), room.enter().unwrap());
        assert!(room.enter().is_none(), "there are two");
        let claim = first.scope(async { room.of_request() }).await;
        assert!(room.enter().is_none(), "the claim has it now");
        drop(claim);
        let third = room.enter().unwrap();
        third.scope(async {}).await;
        assert!(room.enter().is_some(), "a request without a claim gives it back");
        let (_unasked, _further) = (room.of_request(), room.of_request());
        assert!(room.enter().is_none(), "others' claims count, too");
        drop(second);
    }
}
