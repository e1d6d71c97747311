//! The flights of an instance: the engine's port to the inventory, over allocators that may be killed.
//!
//! The directory and the allocator of the service are actors. What stands here in their place is how they find an
//! allocator, reload it and ask it: some lines each. What an allocator decides is the engine's.

use crate::{
    database::unavailable,
    ports::{instance_ports::InstancePorts, request_log::RequestLog},
    world::{SimulatedAllocator, SimulatedWorld},
};
use booking_engine::{
    booking::refusal::Refusal,
    inventory::{
        flight::Flight,
        seat_inventory::{
            ReservationDecision, ReservationId, SeatGrant, SeatInventory, SeatRequest, SeatSnapshot,
        },
    },
    ports::{Clock, FlightError, FlightInventory, FlightOffer, RequestContext, ReserveError},
    store_error::StoreResult,
};
use shared::ids::FlightId;
use std::{cell::RefCell, rc::Rc};

impl InstancePorts {
    /// Reads a flight as it is now; it arrives later.
    async fn read_flight(&self, id: FlightId) -> StoreResult<Option<(Flight, SeatSnapshot)>> {
        let world = &self.world;
        world.hop().await;
        let read = {
            let mut database = world.reach_database()?;
            let clock = database.clock(world.now());
            let read = database.rows.read_flight(id, clock);
            if let Some((_, read)) = &read {
                world.record(|trace| trace.read_seats(id, clock, read));
            }
            read
        };
        world.hop().await;
        Ok(read)
    }

    /// A flight's allocator, started if it does not run.
    async fn find(&self, id: FlightId) -> Result<Rc<SimulatedAllocator>, FlightError> {
        let running = self.instance().allocator(id);
        if let Some(allocator) = running {
            return Ok(allocator);
        }
        let read = self.read_flight(id).await.map_err(FlightError::Failed)?;
        let Some((flight, read)) = read else { return Err(FlightError::Unknown) };
        let mut instance = self.instance();
        let (now, tie_break) = (instance.now(), instance.tie_break);
        // Another may have started it meanwhile.
        let allocator = instance.allocators.entry(id).or_insert_with(|| {
            let inventory = RefCell::new(SeatInventory::new(id, &read, now, tie_break));
            Rc::new(SimulatedAllocator { flight: RefCell::new(flight), inventory })
        });
        Ok(allocator.clone())
    }

    /// What the allocator does when it reads its flight again.
    async fn refresh(&self, id: FlightId, allocator: &SimulatedAllocator) -> StoreResult<()> {
        let Some((flight, read)) = self.read_flight(id).await? else { return Err(unavailable()) };
        let now = self.clock.now();
        allocator.inventory.borrow_mut().apply_snapshot(&read, now);
        if flight.state.version >= allocator.flight.borrow().state.version {
            *allocator.flight.borrow_mut() = flight;
            allocator.inventory.borrow_mut().flight_known(now);
        }
        Ok(())
    }
}

impl FlightInventory for InstancePorts {
    type Offer = SimulatedOffer;

    async fn offer(&self, id: FlightId, _: RequestContext) -> Result<SimulatedOffer, FlightError> {
        self.world.check(self.log.looks_up());
        let allocator = self.find(id).await?;
        Ok(SimulatedOffer { ports: self.clone(), id, allocator })
    }

    async fn reload(&self, id: FlightId, _: RequestContext) -> Result<SimulatedOffer, FlightError> {
        self.world.check(self.log.reloads());
        let allocator = self.find(id).await?;
        self.refresh(id, &allocator).await.map_err(FlightError::Failed)?;
        Ok(SimulatedOffer { ports: self.clone(), id, allocator })
    }

    fn invalidate(&self, id: FlightId) {
        self.instance().invalidate(id);
    }
}

/// A flight that was looked up.
pub(crate) struct SimulatedOffer {
    ports: InstancePorts,
    id: FlightId,
    allocator: Rc<SimulatedAllocator>,
}

impl SimulatedOffer {
    /// Asks an allocator; `None` where it has died.
    async fn ask(
        &self,
        allocator: &Rc<SimulatedAllocator>,
        request: &SeatRequest,
        context: RequestContext,
    ) -> Result<Option<SeatGrant>, ReserveError> {
        let (ports, id) = (&self.ports, self.id);
        ports.world.hop().await;
        if context.deadline <= ports.clock.now() {
            return Err(ReserveError::Overloaded);
        }
        if !ports.instance().runs(id, allocator) {
            return Ok(None);
        }
        let (flight, reading) = (allocator.flight.borrow().clone(), ports.instance().reading());
        let decision = allocator.inventory.borrow_mut().decide(&flight, request, context.deadline, reading);
        match decision {
            ReservationDecision::Granted(grant) => Ok(Some(grant)),
            ReservationDecision::Refused(refusal) => Err(ReserveError::Refused(refusal)),
            ReservationDecision::Unsure => {
                ports.world.count("inventories read again");
                ports.refresh(id, allocator).await.map_err(ReserveError::Failed)?;
                if !ports.instance().runs(id, allocator) {
                    return Ok(None);
                }
                let (flight, reading) = (allocator.flight.borrow().clone(), ports.instance().reading());
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
    ) -> Result<(SeatGrant, Rc<SimulatedAllocator>), ReserveError> {
        if let Some(grant) = self.ask(&self.allocator, request, context).await? {
            return Ok((grant, self.allocator.clone()));
        }
        // An allocator that has just died is started again.
        let allocator = self.ports.find(self.id).await.map_err(|error| match error {
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
        let InstancePorts { world, at, log, .. } = &self.ports;
        world.check(log.reserves());
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
    world: Rc<SimulatedWorld>,
    at: usize,
    log: Rc<RequestLog>,
    allocator: Rc<SimulatedAllocator>,
    id: ReservationId,
}

impl Drop for SimulatedReservation {
    fn drop(&mut self) {
        self.log.released();
        let now = self.world.instances[self.at].borrow().now();
        self.allocator.inventory.borrow_mut().release(self.id, now);
    }
}
