//! Private PostgreSQL and RabbitMQ servers, for the one-command start and for tests.
//!
//! A server of this crate belongs to the process that started it: it listens on 127.0.0.1 only, on ports of its own, with
//! a random password of its own, keeps everything in one folder, and dies with its owner, even when the owner is killed
//! with SIGKILL. Nothing is daemonised: `postgres`, the Erlang machine and its `epmd` are direct children.
//!
//! The interface blocks: from asynchronous code call it inside `spawn_blocking`. Which thread that happens on does not
//! matter, see [`spawn_bound`].
//!
//! | module | holds |
//! |---|---|
//! | `postgres`, `rabbitmq` | the two servers: start, restart, kill, stop |
//! | `installed` | where their programs are on this machine |
//! | `server_folder` | a server's folder: where it may lie, its lock, its password |
//! | `unix_account` | the unprivileged account that PostgreSQL insists on when we are root |
//! | `bound` | child processes that die with this one |
//! | `private` | files and folders that only their owner can read |
//! | `process` | looking at, signalling and waiting for processes |
//! | `starting`, `port`, `probe` | starting on a free port, and whether a server answers on it |

mod bound;
mod error;
mod installed;
mod port;
mod postgres;
mod private;
mod probe;
mod process;
mod rabbitmq;
mod server_folder;
mod starting;
mod unix_account;

pub use bound::{OnOwnerDeath, spawn_bound};
pub use error::ServerError;
pub use installed::{find_postgres, find_rabbitmq};
pub use postgres::{Postgres, PostgresOptions};
pub use private::{create_private_folder, keep_new_files_private, make_private, write_private};
pub use process::{descendants, is_gone, kill_all, parent_of, terminate};
pub use rabbitmq::{RabbitMq, RabbitMqOptions};
