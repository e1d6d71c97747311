//! The adapter: carries out the port [`PaymentProvider`] with calls of the API. See the module above.

use super::{
    client::{Form, StripeClient},
    intent::{self, Intent, IntentReading},
    settings::{StripeError, StripeSettings},
};
use crate::store;
use booking_engine::{
    ports::{PaymentProvider, ProviderError, ProviderReply},
    saga::step::ProviderDecision,
};
use serde_json::Value;
use shared::{
    db::Pool,
    ids::{PaymentId, RefundId},
};

/// Currencies whose minor units Stripe counts in another way than ISO 4217 (without decimals, with two
/// instead of none), or takes only in tens.
const COUNTED_OTHERWISE: [&str; 8] = ["BHD", "ISK", "JOD", "KWD", "MGA", "OMR", "TND", "UGX"];

/// See the module.
pub(crate) struct Stripe {
    client: StripeClient,
    pool: Pool,
    currency: String,
}

impl Stripe {
    /// An adapter whose requests are sent from the present arbiter.
    pub(crate) fn start(settings: &StripeSettings, pool: Pool) -> Result<Self, StripeError> {
        let has_scheme = ["https://", "http://"].iter().any(|scheme| settings.base_url.starts_with(scheme));
        if !has_scheme {
            return Err(StripeError::BaseUrl);
        }
        let currency = settings.currency.to_string();
        if COUNTED_OTHERWISE.contains(&currency.as_str()) {
            return Err(StripeError::Currency(settings.currency));
        }
        let client = StripeClient::start(settings)?;
        Ok(Self { client, pool, currency: currency.to_ascii_lowercase() })
    }

    /// The intent of a payment, if it has one that may have been confirmed.
    async fn reference(&self, payment: PaymentId) -> Result<Option<String>, ProviderError> {
        let connection = self.pool.get().await.map_err(unknown)?;
        store::payments::reference(&connection, payment).await.map_err(unknown)
    }

    /// The intent of a payment, created where it has none. `None`: Stripe refuses it.
    async fn intent(
        &self,
        payment: PaymentId,
        amount: i64,
        token: &str,
    ) -> Result<Option<String>, ProviderError> {
        if let Some(reference) = self.reference(payment).await? {
            return Ok(Some(reference));
        }
        let mut form = vec![
            field("amount", &amount),
            field("currency", &self.currency),
            field("capture_method", &"manual"),
            field("payment_method_types[]", &"card"),
            field("metadata[payment_id]", &payment),
        ];
        if token.starts_with("tok_") {
            form.push(field("payment_method_data[type]", &"card"));
            form.push(field("payment_method_data[card][token]", &token));
        } else {
            form.push(field("payment_method", &token));
        }
        let key = format!("{payment}-create");
        let created = match self.client.post("/v1/payment_intents", key, form).await?.read() {
            IntentReading::Object(object) => intent::id(&object)?,
            IntentReading::CardRefused => return Ok(None),
            // Nothing was made, and a retry would not help: a token that does not exist, or an amount
            // that is too small.
            IntentReading::Rejected(fault) => {
                tracing::warn!(payment.id = %payment, error = %fault, "The provider rejects a payment");
                return Ok(None);
            }
            IntentReading::Unknown(fault) => return Err(fault),
        };
        let connection = self.pool.get().await.map_err(unknown)?;
        let stored = store::payments::refer(&connection, payment, &created).await.map_err(unknown)?;
        stored.map(Some).ok_or_else(|| ProviderError("the payment is decided meanwhile".to_owned()))
    }

    async fn confirm(&self, payment: PaymentId, reference: &str) -> Result<ProviderDecision, ProviderError> {
        let path = format!("/v1/payment_intents/{reference}/confirm");
        match self.client.post(&path, format!("{payment}-confirm"), Form::new()).await?.read() {
            IntentReading::Object(object) => match self.decided(payment, reference, &object).await? {
                Some(decision) => Ok(decision),
                None => Err(ProviderError("a confirmed payment intent is unconfirmed".to_owned())),
            },
            IntentReading::CardRefused => Ok(ProviderDecision::Declined),
            // It may have been confirmed before, or cancelled.
            IntentReading::Rejected(fault) => {
                let object = self.read(reference).await?;
                match self.decided(payment, reference, &object).await? {
                    Some(decision) => Ok(decision),
                    None => {
                        tracing::warn!(payment.id = %payment, error = %fault, "The provider rejects a payment");
                        self.cancel(payment, reference).await?;
                        Ok(ProviderDecision::Declined)
                    }
                }
            }
            IntentReading::Unknown(fault) => Err(fault),
        }
    }

    /// The decision of an intent; `None` if the bank was not asked.
    async fn decided(
        &self,
        payment: PaymentId,
        reference: &str,
        object: &Value,
    ) -> Result<Option<ProviderDecision>, ProviderError> {
        match intent::of(object)? {
            Intent::Decided(decision) => Ok(Some(decision)),
            Intent::Unconfirmed => Ok(None),
            Intent::Processing => Err(ProviderError("the bank has not decided yet".to_owned())),
            Intent::Challenged => {
                tracing::info!(payment.id = %payment, "A bank asks for its cardholder: the payment is declined");
                self.cancel(payment, reference).await?;
                Ok(Some(ProviderDecision::Declined))
            }
        }
    }

    async fn read(&self, reference: &str) -> Result<Value, ProviderError> {
        self.client.get(format!("/v1/payment_intents/{reference}")).await?.read().object()
    }

    /// Cancels an intent that is not cancelled.
    async fn cancel(&self, payment: PaymentId, reference: &str) -> Result<(), ProviderError> {
        let path = format!("/v1/payment_intents/{reference}/cancel");
        let reading = self.client.post(&path, format!("{payment}-cancel"), Form::new()).await?.read();
        self.expect(reading, reference, "canceled").await
    }

    async fn try_capture(&self, payment: PaymentId, amount: i64) -> Result<(), ProviderError> {
        let reference = self.reference(payment).await?;
        let reference = reference.ok_or_else(|| ProviderError("there is no payment intent".to_owned()))?;
        let path = format!("/v1/payment_intents/{reference}/capture");
        let form = vec![field("amount_to_capture", &amount)];
        let reading = self.client.post(&path, format!("{payment}-capture"), form).await?.read();
        self.expect(reading, &reference, "succeeded").await
    }

    /// Whether an intent has the wanted status after a request that was to bring it there. Where the
    /// request has failed the intent is read: it may have been there before, and Stripe repeats even
    /// its own faults under a key.
    async fn expect(
        &self,
        reading: IntentReading,
        reference: &str,
        status: &str,
    ) -> Result<(), ProviderError> {
        let (object, fault) = match reading {
            IntentReading::Object(object) => {
                (object, ProviderError(format!("a payment intent is not {status}")))
            }
            IntentReading::CardRefused => return Err(ProviderError("the reserved money is gone".to_owned())),
            IntentReading::Rejected(fault) | IntentReading::Unknown(fault) => {
                (self.read(reference).await?, fault)
            }
        };
        if object["status"] == *status { Ok(()) } else { Err(fault) }
    }

    async fn try_refund(
        &self,
        payment: PaymentId,
        refund: RefundId,
        amount: i64,
    ) -> Result<(), ProviderError> {
        let reference = self.reference(payment).await?;
        let reference = reference.ok_or_else(|| ProviderError("there is no payment intent".to_owned()))?;
        let path = format!("/v1/refunds?payment_intent={reference}&limit=100");
        let refunds = self.client.get(path).await?.read().object()?;
        let refunds = refunds["data"].as_array().cloned().unwrap_or_default();
        let id = refund.to_string();
        let ours: Vec<&Value> = refunds.iter().filter(|one| one["metadata"]["refund_id"] == *id).collect();
        if ours.iter().any(|one| !has_failed(one)) {
            return Ok(());
        }
        let form = vec![
            field("payment_intent", &reference),
            field("amount", &amount),
            field("metadata[payment_id]", &payment),
            field("metadata[refund_id]", &refund),
        ];
        // One that the bank sent back is tried anew, not replayed.
        let key = format!("{refund}-refund-{}", ours.len());
        let made = self.client.post("/v1/refunds", key, form).await?.read().object()?;
        if has_failed(&made) {
            return Err(ProviderError("the bank does not take the refund".to_owned()));
        }
        Ok(())
    }
}

/// Whether a refund came to nothing. One that is pending is on its way.
fn has_failed(refund: &Value) -> bool {
    matches!(refund["status"].as_str(), Some("failed" | "canceled"))
}

fn field(name: &str, value: &dyn std::fmt::Display) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn unknown(error: impl std::fmt::Display) -> ProviderError {
    ProviderError(error.to_string())
}

impl PaymentProvider for Stripe {
    /// Ids of payment methods, and tokens of the older kind.
    fn knows(&self, token: &str) -> bool {
        intent::is_reference(token) && (token.starts_with("pm_") || token.starts_with("tok_"))
    }

    /// Any answer of a server that is not overloaded will do: what it says of our key is another matter.
    fn answers(&self) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            match self.client.get("/v1/balance".to_owned()).await?.status {
                429 | 500.. => Err(ProviderError("it is overloaded".to_owned())),
                _ => Ok(()),
            }
        })
    }

    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision> {
        Box::pin(async move {
            match self.intent(payment, amount, &token).await? {
                Some(reference) => self.confirm(payment, &reference).await,
                None => Ok(ProviderDecision::Declined),
            }
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(async move {
            let Some(reference) = self.reference(payment).await? else { return Ok(None) };
            let object = self.read(&reference).await?;
            self.decided(payment, &reference, &object).await
        })
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.try_capture(payment, amount))
    }

    fn void(&self, payment: PaymentId, _amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            // Without an intent nothing was reserved, and none is stored any more for this payment.
            let Some(reference) = self.reference(payment).await? else { return Ok(()) };
            let object = self.read(&reference).await?;
            match object["status"].as_str() {
                Some("canceled") => Ok(()),
                _ => self.cancel(payment, &reference).await,
            }
        })
    }

    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.try_refund(payment, refund, amount))
    }
}
