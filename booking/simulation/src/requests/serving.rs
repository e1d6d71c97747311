//! How an instance serves requests: as the handlers of the service pass them to the engine's sales.

use crate::{
    ground::limits::{SLOTS, TERMS},
    ports::{InstanceClock, InstancePorts, SeededIds},
    requests::{Amendment, TravellerRequest},
};
use booking_engine::{
    booking::{idempotency::Key, lifecycle::BookingStage, record::Booking, refusal::Refusal},
    ledger::{command::BookingRef, rows::KnownKey},
    ports::{KeyLookup, RequestContext},
    sell::{
        order::Order,
        outcome::{SalesError, SalesOutcome},
        sales::{AdmittedRequest, Sales, SalesDeps},
    },
    store_error::{StoreError, StoreFault, StoreResult},
};
use shared::ids::BookingId;
use std::time::Instant;

impl SalesDeps for InstancePorts {
    type Inventory = Self;
    type Ledger = Self;
    type Payments = Self;
    type Keys = Self;
    type Clock = InstanceClock;
    type Ids = SeededIds;

    fn inventory(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn payments(&self) -> &Self {
        self
    }

    fn keys(&self) -> &Self {
        self
    }

    fn clock(&self) -> &InstanceClock {
        &self.clock
    }

    fn ids(&self) -> &SeededIds {
        &self.ids
    }
}

impl KeyLookup for InstancePorts {
    async fn find_key(&self, key: &Key, _: Instant) -> StoreResult<Option<KnownKey>> {
        let world = &self.world;
        world.hop().await;
        let found = {
            let mut database = world.reach_database()?;
            let clock = database.clock(world.now());
            let found = database.rows.find_key(key, clock);
            world.record(|trace| trace.found_key(key, clock, found.as_ref()));
            found
        };
        world.hop().await;
        Ok(found)
    }
}

impl InstancePorts {
    /// Serves a request. When it is over, it has released all its reservations.
    pub(crate) async fn serve(&self, request: &TravellerRequest) -> Result<SalesOutcome, SalesError> {
        let running = self.instance().running.clone();
        let sales = Sales::sharing_keys(self.clone(), TERMS, running);
        let outcome = match request {
            TravellerRequest::Book(order) => self.book(&sales, order).await,
            other => self.serve_about_booking(&sales, other).await,
        };
        self.world.check(self.log.has_released("the request was answered"));
        if let Ok(SalesOutcome::Refused(refusal)) = &outcome {
            self.world.check(self.log.gives_up(refusal));
        }
        outcome
    }

    /// As the load shedding and the handler do.
    async fn book(&self, sales: &Sales<Self>, order: &Order) -> Result<SalesOutcome, SalesError> {
        let before = self.instance().admission.taken();
        let admitted = self.instance().admission.admit();
        let Some(slot) = admitted else {
            self.world.count("requests shed");
            return Err(SalesError::Overloaded);
        };
        if before >= SLOTS {
            self.world.report_violation(format!("a request was admitted where {before} slots were taken"));
        }
        self.log.named.borrow_mut().extend(order.named_seats());
        sales.book(order, AdmittedRequest { context: self.context(), slot: Some(slot) }).await
    }

    /// As the handlers do: they read the booking, then look at the key, then pass the request on.
    async fn serve_about_booking(
        &self,
        sales: &Sales<Self>,
        request: &TravellerRequest,
    ) -> Result<SalesOutcome, SalesError> {
        let context = self.context();
        let (TravellerRequest::Pay { booking: id, .. }
        | TravellerRequest::Cancel { booking: id, .. }
        | TravellerRequest::Quote { booking: id, .. }
        | TravellerRequest::Amend { booking: id, .. }) = request
        else {
            return Ok(SalesOutcome::Refused(Refusal::NotFound));
        };
        let Some((booking, stage)) = self.read_booking(*id).await? else {
            return Ok(SalesOutcome::Refused(Refusal::NotFound));
        };
        if let Some(key) = request.key()
            && let Some(known) = sales.known(key, context).await?
        {
            return Ok(known);
        }
        let any = BookingRef { booking: *id, version: None };
        match request {
            TravellerRequest::Book(_) => Ok(SalesOutcome::Refused(Refusal::NotFound)),
            TravellerRequest::Pay { payment, key, .. } => {
                sales.pay((&booking, any), payment, key.clone(), context).await
            }
            TravellerRequest::Cancel { quote, key, .. } => {
                sales.cancel(&booking, (any, *quote), key.clone(), context).await
            }
            TravellerRequest::Quote { key, .. } => sales.quote(&booking, any, key.clone(), context).await,
            TravellerRequest::Amend { version: Some(version), .. } if *version != booking.version => {
                Ok(SalesOutcome::Refused(Refusal::Stale))
            }
            TravellerRequest::Amend { version, amendment, .. } => {
                let at = BookingRef { booking: *id, version: *version };
                self.amend(sales, (&booking, stage), (at, amendment), context).await
            }
        }
    }

    async fn amend(
        &self,
        sales: &Sales<Self>,
        (booking, stage): (&Booking, BookingStage),
        (at, amendment): (BookingRef, &Amendment),
        context: RequestContext,
    ) -> Result<SalesOutcome, SalesError> {
        match amendment {
            Amendment::Seats { changes, exempt } => {
                sales.change_seats((booking, stage), (at, changes.clone()), *exempt, context).await
            }
            Amendment::Contact(patch) => sales.change_contact(booking, at, patch.clone(), context).await,
            Amendment::Name(correction) => sales.correct_name(booking, at, correction.clone(), context).await,
        }
    }

    /// A booking as a handler reads it before anything is done about it.
    async fn read_booking(&self, id: BookingId) -> StoreResult<Option<(Booking, BookingStage)>> {
        let world = &self.world;
        world.hop().await;
        let read = {
            let mut database = world.reach_database()?;
            let clock = database.clock(world.now());
            let Some(booking) = database.rows.booking(id) else { return Ok(None) };
            let state = booking.present(&database.rows.flights(&booking), clock);
            let state = state.map_err(|error| StoreError::new(StoreFault::Data, error))?;
            world.record(|trace| trace.read_booking(clock, &state));
            (booking, BookingStage::of(state.status, state.payment_status))
        };
        world.hop().await;
        Ok(Some(read))
    }
}
