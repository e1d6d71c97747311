//! The flights of an instance: the engine's port to the inventory, over allocators that may be killed.
//!
//! The directory and the allocator of the service are actors. What stands here in their place is how they find an
//! allocator, reload it and ask it: some lines each. What an allocator decides is the engine's.

use crate::{
    instance::Allocator,
    process::Process,
    request_log::RequestLog,
    world::{World, unavailable},
};
use booking_engine::{
    booking::refusal::Refusal,
    inventory::{
        flight::Flight,
        seat_inventory::{
            HoldExpiries, ReservationDecision, ReservationId, SeatGrant, SeatInventory, SeatRequest,
            SeatSnapshot,
        },
    },
    ports::{FlightError, FlightInventory, FlightOffer, RequestContext, ReserveError},
    store_error::StoreResult,
};
use shared::{events::SeatsState, ids::FlightId};
use std::{cell::RefCell, rc::Rc};

impl World {
    pub(crate) fn allocator(&self, at: usize, id: FlightId) -> Option<Rc<Allocator>> {
        self.instances[at].borrow().allocators.get(&id).cloned()
    }

    /// Whether an allocator is still the one that answers for its flight.
    fn is_alive(&self, at: usize, id: FlightId, allocator: &Rc<Allocator>) -> bool {
        self.allocator(at, id).is_some_and(|running| Rc::ptr_eq(&running, allocator))
    }

    /// Reads a flight as it is now; it arrives later.
    async fn read_flight(self: &Rc<Self>, id: FlightId) -> StoreResult<Option<(Flight, SeatSnapshot)>> {
        self.hop().await;
        let read = {
            let now = self.now();
            let mut database = self.database.borrow_mut();
            if database.is_down(now) {
                return Err(unavailable());
            }
            let clock = database.clock(now);
            let read = database.rows.read_flight(id, clock);
            if let (Some(trace), Some((_, read))) = (&self.trace, &read) {
                trace.borrow_mut().read_seats(id, clock, read);
            }
            read
        };
        self.hop().await;
        Ok(read)
    }

    /// Tells an instance's allocator, if it runs, how the seats are after a commit.
    pub(crate) fn apply_seats(&self, at: usize, state: &SeatsState) {
        if let Some(allocator) = self.allocator(at, state.flight_id) {
            let now = self.instant_at(at);
            allocator.inventory.borrow_mut().apply_seats(state, now);
        }
    }

    /// Tells an instance's allocator, if it runs, how holds were left.
    pub(crate) fn apply_hold_expiries(&self, at: usize, id: FlightId, holds: &HoldExpiries) {
        if let Some(allocator) = self.allocator(at, id) {
            allocator.inventory.borrow_mut().apply_hold_expiries(holds);
        }
    }

    /// Tells an instance's allocator, if it runs, that its seats may have changed.
    pub(crate) fn invalidate(&self, at: usize, id: FlightId) {
        if let Some(allocator) = self.allocator(at, id) {
            allocator.inventory.borrow_mut().invalidate();
        }
    }

    /// Tells an instance's allocator, if it runs, that the flight changed.
    pub(crate) fn flight_changed(&self, at: usize, flight: Flight) {
        if let Some(allocator) = self.allocator(at, flight.state.id)
            && flight.state.version > allocator.flight.borrow().state.version
        {
            let now = self.instant_at(at);
            allocator.flight.replace(flight);
            allocator.inventory.borrow_mut().flight_known(now);
        }
    }
}

impl Process {
    /// A flight's allocator, started if it does not run.
    async fn find(&self, id: FlightId) -> Result<Rc<Allocator>, FlightError> {
        if let Some(allocator) = self.world.allocator(self.at, id) {
            return Ok(allocator);
        }
        let read = self.world.read_flight(id).await.map_err(FlightError::Failed)?;
        let Some((flight, read)) = read else { return Err(FlightError::Unknown) };
        let now = self.world.instant_at(self.at);
        let mut instance = self.instance();
        let tie_break = instance.tie_break;
        // Another may have started it meanwhile.
        let allocator = instance.allocators.entry(id).or_insert_with(|| {
            let inventory = RefCell::new(SeatInventory::new(id, &read, now, tie_break));
            Rc::new(Allocator { flight: RefCell::new(flight), inventory })
        });
        Ok(allocator.clone())
    }

    /// What the allocator does when it reads its flight again.
    async fn refresh(&self, id: FlightId, allocator: &Allocator) -> StoreResult<()> {
        let Some((flight, read)) = self.world.read_flight(id).await? else { return Err(unavailable()) };
        let now = self.world.instant_at(self.at);
        allocator.inventory.borrow_mut().apply_snapshot(&read, now);
        if flight.state.version >= allocator.flight.borrow().state.version {
            *allocator.flight.borrow_mut() = flight;
            allocator.inventory.borrow_mut().flight_known(now);
        }
        Ok(())
    }
}

impl FlightInventory for Process {
    type Offer = SimulatedOffer;

    async fn offer(&self, id: FlightId, _: RequestContext) -> Result<SimulatedOffer, FlightError> {
        self.world.object_to(self.log.looks_up());
        let allocator = self.find(id).await?;
        Ok(SimulatedOffer { process: self.clone(), id, allocator })
    }

    async fn reload(&self, id: FlightId, _: RequestContext) -> Result<SimulatedOffer, FlightError> {
        self.world.object_to(self.log.reloads());
        let allocator = self.find(id).await?;
        self.refresh(id, &allocator).await.map_err(FlightError::Failed)?;
        Ok(SimulatedOffer { process: self.clone(), id, allocator })
    }

    fn invalidate(&self, id: FlightId) {
        self.world.invalidate(self.at, id);
    }
}

/// A flight that was looked up.
pub(crate) struct SimulatedOffer {
    process: Process,
    id: FlightId,
    allocator: Rc<Allocator>,
}

impl SimulatedOffer {
    /// Asks an allocator; `None` where it has died.
    async fn ask(
        &self,
        allocator: &Rc<Allocator>,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<Option<SeatGrant>, ReserveError> {
        let (process, id) = (&self.process, self.id);
        let (world, at) = (&process.world, process.at);
        world.hop().await;
        if context.deadline <= world.instant_at(at) {
            return Err(ReserveError::Overloaded);
        }
        if !world.is_alive(at, id, allocator) {
            return Ok(None);
        }
        let (flight, reading) = (allocator.flight.borrow().clone(), world.reading_at(at));
        let decision = allocator.inventory.borrow_mut().decide(&flight, request, context.deadline, reading);
        match decision {
            ReservationDecision::Granted(grant) => Ok(Some(grant)),
            ReservationDecision::Refused(refusal) => Err(ReserveError::Refused(refusal)),
            ReservationDecision::Unsure => {
                world.count("inventories read again");
                process.refresh(id, allocator).await.map_err(ReserveError::Failed)?;
                if !world.is_alive(at, id, allocator) {
                    return Ok(None);
                }
                let (flight, reading) = (allocator.flight.borrow().clone(), world.reading_at(at));
                let reserved =
                    allocator.inventory.borrow_mut().reserve(&flight, request, context.deadline, reading);
                reserved.map(Some).map_err(ReserveError::Refused)
            }
        }
    }

    async fn ask_twice(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, Rc<Allocator>), ReserveError> {
        if let Some(grant) = self.ask(&self.allocator, request, context).await? {
            return Ok((grant, self.allocator.clone()));
        }
        // An allocator that has just died is started again.
        let allocator = self.process.find(self.id).await.map_err(|error| match error {
            FlightError::Unknown => ReserveError::Refused(Refusal::NotFound),
            FlightError::Failed(error) => ReserveError::Failed(error),
            FlightError::Overloaded => ReserveError::Overloaded,
        })?;
        let grant = self.ask(&allocator, request, context).await?.ok_or(ReserveError::Overloaded)?;
        Ok((grant, allocator))
    }
}

impl FlightOffer for SimulatedOffer {
    type Reservation = SimulatedReservation;

    fn flight(&self) -> Flight {
        self.allocator.flight.borrow().clone()
    }

    async fn reserve(
        &self,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<(SeatGrant, SimulatedReservation), ReserveError> {
        let Process { world, at, log, .. } = &self.process;
        world.object_to(log.reserves());
        let reserved = self.ask_twice(request, context).await;
        if let Err(ReserveError::Refused(_)) = &reserved {
            log.was_refused();
        }
        let (grant, allocator) = reserved?;
        log.reserved();
        let (world, log) = (world.clone(), log.clone());
        let reservation = SimulatedReservation { world, at: *at, log, allocator, id: grant.reservation };
        Ok((grant, reservation))
    }
}

/// Keeps seats from other requests until it is dropped.
pub(crate) struct SimulatedReservation {
    world: Rc<World>,
    at: usize,
    log: Rc<RequestLog>,
    allocator: Rc<Allocator>,
    id: ReservationId,
}

impl Drop for SimulatedReservation {
    fn drop(&mut self) {
        self.log.released();
        let now = self.world.instant_at(self.at);
        self.allocator.inventory.borrow_mut().release(self.id, now);
    }
}
