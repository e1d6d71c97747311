//! The four services together, over real HTTP, PostgreSQL, RabbitMQ and SMTP.

mod api_call;
mod authorisation;
mod bad_input;
mod broker_outage;
mod compose;
mod disruptions;
mod documents;
mod framing;
mod internal_routes;
mod journey_price;
mod keys;
mod letter_documents;
mod live;
mod operations;
mod permissions;
mod query_parameters;
mod revocations;
mod routes;
mod schemathesis;
mod smuggling;
mod system;
mod two_instances;
mod up;
mod version;
mod whole_way;
mod without_mailer;
