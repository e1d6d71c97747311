//! What administrators see and do: thin handlers below `/api/v1/admin/mail`.

mod cache_control;
mod dead_letters;
mod internal_letters;
mod letters;
mod mail_admin;
mod openapi;
mod routes;

pub use openapi::document;

pub(crate) use mail_admin::MailAdmin;
pub(crate) use routes::routes;
