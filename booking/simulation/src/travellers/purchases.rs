//! What travellers buy, give back, and ask again.

use crate::{
    requests::TravellerRequest,
    travellers::{orders, traveller::SimulatedTraveller},
};
use booking_engine::{booking::refusal::Refusal, sell::outcome::SalesOutcome};
use chrono::TimeDelta;

/// How long keys are certainly kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

impl SimulatedTraveller {
    /// Books some of the flights that people look at.
    pub(crate) async fn book(&mut self) {
        let key = self.key();
        if let Some(order) = orders::draw(&self.world, self.account, key) {
            self.ask(TravellerRequest::Book(order)).await;
        }
    }

    pub(crate) async fn pay(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let payment = orders::payment(&self.world);
        let key = self
            .key()
            .map(|key| orders::key(self.account, &format!("/{}/payments", own.id), key, &payment.token));
        self.ask(TravellerRequest::Pay { booking: own.id, payment, key }).await;
    }

    pub(crate) async fn cancel(&mut self) {
        // A traveller with a quote often cancels on it.
        let quoted = self.own.iter_mut().rev().take(6).find(|own| own.quote.is_some());
        let quoted = quoted.filter(|_| self.world.random().chance(400)).map(|own| {
            let asked = *own;
            own.quote = None;
            asked
        });
        let Some(own) = quoted.or_else(|| self.draw_own()) else { return };
        // Now and then on the quote of another booking.
        let other = if self.world.random().chance(50) { self.draw_own() } else { None };
        let quote = other.unwrap_or(own).quote.filter(|_| self.world.random().chance(800));
        let text = quote.map_or_else(String::new, |quote| quote.0.to_string());
        let key = self.key().map(|key| orders::key(self.account, &format!("/{}/cancel", own.id), key, &text));
        self.ask(TravellerRequest::Cancel { booking: own.id, quote, key }).await;
    }

    pub(crate) async fn quote(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let path = format!("/{}/cancellation-quote", own.id);
        let key = self.key().map(|key| orders::key(self.account, &path, key, ""));
        self.ask(TravellerRequest::Quote { booking: own.id, key }).await;
    }

    /// Asks for what was answered already, now and then with another body.
    pub(crate) async fn ask_again(&mut self) {
        let index = self.world.random().index(self.told.len());
        let Some((scope, told)) = self.told.iter().nth(index) else { return };
        let (scope, mut request) = (scope.clone(), told.request.clone());
        let (status, about, since) = (told.status, told.about.clone(), told.since);
        let other = self.world.random().chance(300);
        if other {
            request.change_body();
        }
        let Some(answer) = self.send(&request.with_fresh_ids(|| self.world.id())).await else { return };
        if self.clock() > since + KEPT {
            // The key may be another's by now.
            self.told.remove(&scope);
            return;
        }
        let same = match &answer {
            SalesOutcome::Replay(answer) => {
                self.world.count("replays");
                !other && answer.status == status && answer.booking.contains(&about)
            }
            SalesOutcome::Refused(Refusal::KeyReused) => other,
            _ => false,
        };
        if !same {
            let what = if other { "another body" } else { "the same body" };
            self.world.report_violation(format!(
                "a key that was answered with {status} for {about} was answered otherwise, with {what}: {answer:?}"
            ));
        }
    }
}
