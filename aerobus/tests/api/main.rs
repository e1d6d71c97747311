//! The four services together, over real HTTP, PostgreSQL, RabbitMQ and SMTP.

mod bad_input;
mod broker_outage;
mod compose;
mod live;
mod permissions;
mod routes;
mod system;
mod two_instances;
mod up;
mod whole_way;
