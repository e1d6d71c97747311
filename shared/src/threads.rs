//! Names and scheduling priorities of threads.
//!
//! A name shows in `top -H`, `ps -L` and the system benchmark. Linux keeps 15 bytes of it, so names have the form
//! `<service>-<work>`, with a number where several threads do the same: `bk-ledger-0`, `mail-render-1`.

use actix_rt::{Arbiter, ArbiterHandle};
use std::io;
use tokio::sync::oneshot;

/// Bytes that Linux keeps of a thread's name.
const NAME_BYTES: usize = 15;

/// The scheduling priority of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A client waits for this work.
    Requests,
    /// The work follows what was committed, in batches: it may fall behind while clients wait.
    Followers,
    /// The work takes much processor time, and nobody waits for it.
    Background,
}

impl Priority {
    /// The nice value: each step is worth about a quarter of the processor time.
    #[cfg(target_os = "linux")]
    fn nice(self) -> i32 {
        match self {
            Self::Requests => 0,
            Self::Followers => 5,
            Self::Background => 10,
        }
    }
}

/// Names the present thread and sets its priority. Threads that it starts inherit both. Only Linux has priorities of
/// threads: elsewhere this does nothing.
pub fn enter(name: &str, priority: Priority) {
    debug_assert!(name.len() <= NAME_BYTES, "Linux cuts {name} off");
    if let Err(error) = set(name, priority) {
        tracing::debug!(thread.name = name, %error, "A thread keeps its name or its priority");
    }
}

#[cfg(target_os = "linux")]
fn set(name: &str, priority: Priority) -> io::Result<()> {
    rustix::thread::set_name(&std::ffi::CString::new(name)?)?;
    // A thread may always lower its own priority. It needs a privilege to raise what it has inherited.
    match (priority.nice(), rustix::process::getpriority_process(None)?) {
        (nice, inherited) if nice == inherited => Ok(()),
        (nice, _) => Ok(rustix::process::setpriority_process(None, nice)?),
    }
}

#[cfg(not(target_os = "linux"))]
fn set(_: &str, _: Priority) -> io::Result<()> {
    Ok(())
}

/// Starts an arbiter on a named thread. The threads of its blocking work have the same name and priority.
///
/// # Errors
/// Those of starting a thread.
///
/// # Panics
/// Outside of an actix system.
pub fn arbiter(name: String, priority: Priority) -> io::Result<Arbiter> {
    Arbiter::try_with_tokio_rt(move || {
        enter(&name, priority);
        tokio::runtime::Builder::new_current_thread().enable_all().thread_name(&name).build()
    })
}

/// Runs work on the thread of an arbiter: what it starts there stays there. Gives the result of its future.
///
/// # Errors
/// The thread has ended, or the work panicked.
pub async fn run_on<T, F>(arbiter: &ArbiterHandle, work: impl FnOnce() -> F + Send + 'static) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (done, result) = oneshot::channel();
    arbiter.spawn_fn(move || {
        actix_rt::spawn(async move {
            // An error means that nobody waits any longer.
            drop(done.send(work().await));
        });
    });
    result.await.map_err(|_| io::Error::other("a thread has ended before its work was done"))
}

/// The prefix of the names of a service's threads.
#[must_use]
pub fn prefix(service: &str) -> &str {
    match service {
        "booking" => "bk",
        "flight" => "fl",
        "gateway" => "gw",
        "mailer" => "mail",
        other => other.get(..4).unwrap_or(other),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::{process::getpriority_process, thread::name};

    #[actix_web::test]
    async fn blocking_work_has_the_name_and_priority_of_its_arbiter() {
        let arbiter = arbiter("test-arbiter".to_owned(), Priority::Followers).unwrap();
        let (tell, told) = oneshot::channel();
        arbiter.spawn(async move {
            let of_thread = || (name().unwrap(), getpriority_process(None).unwrap());
            drop(tell.send(tokio::task::spawn_blocking(of_thread).await.unwrap()));
        });
        assert_eq!(told.await.unwrap(), (c"test-arbiter".into(), 5));
        arbiter.stop();
    }

    #[test]
    fn a_thread_has_its_name_and_priority_and_others_keep_theirs() {
        let of_others = getpriority_process(None).unwrap();
        let named = std::thread::spawn(|| {
            enter("test-follow-15b", Priority::Followers);
            let inherited = std::thread::spawn(|| getpriority_process(None).unwrap());
            (name().unwrap(), getpriority_process(None).unwrap(), inherited.join().unwrap())
        });
        let (named, priority, inherited) = named.join().unwrap();
        assert_eq!(named.to_str(), Ok("test-follow-15b"));
        assert_eq!((priority, inherited), (5, 5));
        assert_eq!(getpriority_process(None).unwrap(), of_others);
    }
}
