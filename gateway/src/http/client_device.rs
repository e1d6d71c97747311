//! [`ClientDevice`] as an extractor.

use super::TrustedProxies;
use crate::domain::client_device::ClientDevice;
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use shared::http::ConnectionEnd;
use std::{convert::Infallible, future};

impl FromRequest for ClientDevice {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    /// The address is the client's, not that of a proxy: the app needs [`TrustedProxies`] as data.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let proxies = request.app_data::<web::Data<TrustedProxies>>();
        let address = proxies.and_then(|proxies| proxies.client(request));
        // A header may hold other bytes than ASCII: they are shown as well as they can be.
        let user_agent = request.headers().get(header::USER_AGENT);
        let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let connection = request.conn_data::<ConnectionEnd>().cloned().unwrap_or_default();
        future::ready(Ok(Self { connection, ..Self::new(user_agent.as_deref(), address) }))
    }
}
