//! Hashes passwords on threads of its own, so that a login storm starves nothing else.
//!
//! Invariant: the passwords that wait or are being hashed never exceed the configured number, and those that wait of one
//! client network never exceed its share. A request beyond is refused at once. Networks are served in turns, and a
//! password whose client has gone leaves the queue. A `SyncArbiter` queues without a bound and in the order of arrival, so
//! the jobs stand in a [`FairQueue`], and a message only tells a thread to empty it.

use crate::domain::{
    client_device::ClientDevice,
    fair_queue::{FairQueue, Place},
    known_device,
};
use actix::prelude::*;
use futures_util::future::{Either, select};
use secrecy::{ExposeSecret, SecretString};
use shared::{
    http::ConnectionEnd,
    threads::{self, Priority},
};
use std::{
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, time::timeout};

/// The longest time that a caller waits: a full queue on one thread at cost 12 takes about 20 s.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many passwords wait already, or for too long.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The client's connection ended while the password waited.
    #[error("the client has gone")]
    Abandoned,
    /// The actor is gone.
    #[error("the password hasher has stopped")]
    Stopped,
    /// bcrypt refused: an error of ours, since passwords are checked before.
    #[error("bcrypt refused the password")]
    Bcrypt(#[from] bcrypt::BcryptError),
    /// bcrypt panicked: an error of ours.
    #[error("hashing a password panicked")]
    Panicked,
}

/// A password to hash or verify, with the way to its caller.
struct HashingJob {
    work: Box<dyn FnOnce(&HashingThread) + Send>,
    queued: Instant,
}

/// The jobs by the client's network; `None` is our own work.
#[derive(Clone)]
struct HashingQueue(Arc<Mutex<FairQueue<Option<IpAddr>, HashingJob>>>);

impl HashingQueue {
    /// A panic with the lock leaves the queue whole: only its own short methods run under it.
    fn lock(&self) -> MutexGuard<'_, FairQueue<Option<IpAddr>, HashingJob>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(outcome: &'static str) {
        metrics::counter!("aerobus_password_hashes_total", "outcome" => outcome).increment(1);
    }

    fn measure(queue: &FairQueue<Option<IpAddr>, HashingJob>) {
        // A queue has far fewer places than a float has integers.
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("aerobus_password_hashes_waiting").set(queue.waiting() as f64);
    }

    fn push(&self, client: Option<IpAddr>, share: usize, job: HashingJob) -> Result<WaitingJob, HashError> {
        let mut queue = self.lock();
        let place = queue.push(client, share, job).map_err(|_| {
            Self::count("refused");
            HashError::Overloaded
        })?;
        Self::measure(&queue);
        Ok(WaitingJob { queue: self.clone(), place })
    }

    fn take(&self) -> Option<(Option<IpAddr>, HashingJob)> {
        let mut queue = self.lock();
        let taken = queue.take();
        Self::measure(&queue);
        taken
    }
}

/// A place in the queue. It is given up when the caller is dropped.
struct WaitingJob {
    queue: HashingQueue,
    place: Place,
}

impl Drop for WaitingJob {
    fn drop(&mut self) {
        let mut queue = self.queue.lock();
        if queue.remove(self.place).is_some() {
            HashingQueue::count("abandoned");
            HashingQueue::measure(&queue);
        }
    }
}

/// Tells a thread that the queue has a job. The thread then works until the queue is empty, so a message that is lost with
/// its caller leaves no other job behind.
#[derive(Message)]
#[rtype(result = "()")]
struct EmptyQueue;

/// The actor; one a thread.
struct HashingThread {
    cost: u32,
    /// The hash of a password that nobody has.
    dummy: Arc<str>,
    queue: HashingQueue,
}

impl Actor for HashingThread {
    type Context = SyncContext<Self>;
}

impl Handler<EmptyQueue> for HashingThread {
    type Result = ();

    fn handle(&mut self, _: EmptyQueue, _: &mut Self::Context) {
        while let Some((client, job)) = self.queue.take() {
            metrics::histogram!("aerobus_password_hash_wait_seconds")
                .record(job.queued.elapsed().as_secs_f64());
            (job.work)(self);
            self.queue.lock().finish(&client);
            HashingQueue::count("computed");
        }
    }
}

/// Turns a panic into the answer to this one job: it would end the thread's actor for good. The actor has no state that a
/// panic could leave half done.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, bcrypt::BcryptError>) -> Result<T, HashError> {
    Ok(catch_unwind(AssertUnwindSafe(work)).map_err(|_| HashError::Panicked)??)
}

/// Checks a password against a hash, and then works on until it has done as much as a hash of this cost takes, so that a
/// hash of earlier times answers no faster than the dummy; returns the work beside the result, in rounds of bcrypt.
///
/// A hash of cost c takes 2^c rounds. One hash at each cost from the old one up to the present one less one takes what is
/// missing: 2^old + ... + 2^(present - 1) = 2^present - 2^old. (A hash of a higher cost takes longer than the dummy, until
/// its user has changed the password: lowering the cost is no usual thing.)
fn verify_in_full(
    password: &SecretString,
    hash: &str,
    cost: u32,
) -> Result<(bool, u64), bcrypt::BcryptError> {
    let fits = bcrypt::non_truncating_verify(password.expose_secret(), hash)?;
    let of_hash = hash.parse::<bcrypt::HashParts>()?.get_cost();
    let mut rounds = 1 << of_hash;
    for missing in of_hash..cost {
        let _: String = bcrypt::non_truncating_hash(password.expose_secret(), missing)?;
        rounds += 1 << missing;
    }
    Ok((fits, rounds))
}

/// A cloneable handle of the hashing threads, for one client or for our own work.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    threads: Addr<HashingThread>,
    queue: HashingQueue,
    queue_per_client: usize,
    client: Option<IpAddr>,
    connection: ConnectionEnd,
    cost: u32,
}

impl PasswordHasher {
    /// Starts threads that hash with this cost, `gw-hash-0` and so on. `queue` is the number of passwords that may wait or
    /// be hashed at once. The handle is for our own work.
    ///
    /// # Errors
    /// [`HashError::Bcrypt`] for a cost that bcrypt does not know.
    pub(crate) fn start(cost: u32, threads: usize, queue: usize) -> Result<Self, HashError> {
        // One hash at the start, so that unknown addresses cost exactly what known ones do.
        let password = shared::ids::SessionId::new().to_string();
        let dummy: Arc<str> = bcrypt::non_truncating_hash(password, cost)?.into();
        let queue = HashingQueue(Arc::new(Mutex::new(FairQueue::new(queue.max(1)))));
        let (jobs, started) = (queue.clone(), AtomicUsize::new(0));
        let threads = SyncArbiter::start(threads.max(1), move || {
            let number = started.fetch_add(1, Ordering::Relaxed);
            threads::enter(&format!("gw-hash-{number}"), Priority::Background);
            HashingThread { cost, dummy: dummy.clone(), queue: jobs.clone() }
        });
        let (client, connection) = (None, ConnectionEnd::default());
        Ok(Self { threads, queue, queue_per_client: usize::MAX, client, connection, cost })
    }

    /// The same with a bound of the passwords that may wait of one client network.
    pub(crate) fn with_queue_per_client(self, most: usize) -> Self {
        Self { queue_per_client: most.max(1), ..self }
    }

    /// A handle for the passwords of a client: they wait in the turn of its network, and only while it listens.
    pub(crate) fn for_client(&self, device: &ClientDevice) -> Self {
        let client = Some(known_device::network(device));
        Self { client, connection: device.connection.clone(), ..self.clone() }
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// [`HashError`].
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        self.ask(move |thread| bcrypt::non_truncating_hash(password.expose_secret(), thread.cost)).await
    }

    /// Whether a hash costs a guesser less than those that are made now.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        hash.parse().is_ok_and(|parts: bcrypt::HashParts| parts.get_cost() < self.cost)
    }

    /// Whether a password fits a hash. Without a hash the answer is no, after the same time: that of an address without an
    /// account.
    ///
    /// # Errors
    /// [`HashError`].
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        self.ask(move |thread| {
            let compared = hash.as_deref().unwrap_or(&thread.dummy);
            let (fits, _) = verify_in_full(&password, compared, thread.cost)?;
            Ok(fits && hash.is_some())
        })
        .await
    }

    /// Has a thread do this work when its turn comes.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&HashingThread) -> Result<T, bcrypt::BcryptError> + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        // An error means that the caller has gone while the hash was computed.
        let work = Box::new(move |thread: &HashingThread| drop(reply.send(catch_panic(|| work(thread)))));
        let share = if self.client.is_some() { self.queue_per_client } else { usize::MAX };
        let job = HashingJob { work, queued: Instant::now() };
        let answered = async {
            let _waiting = self.queue.push(self.client, share, job)?;
            let told = pin!(self.threads.send(EmptyQueue));
            match select(answer, told).await {
                Either::Left((answer, _)) => answer.map_err(|_| HashError::Stopped)?,
                Either::Right((Err(_), _)) => Err(HashError::Stopped),
                Either::Right((Ok(()), answer)) => answer.await.map_err(|_| HashError::Stopped)?,
            }
        };
        tokio::select! {
            biased;
            () = self.connection.ended() => Err(HashError::Abandoned),
            answer = timeout(TIMEOUT, answered) => answer.unwrap_or(Err(HashError::Overloaded)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_rt::task::yield_now;
    use std::sync::mpsc;

    const CLIENTS: [&str; 2] = ["192.0.2.1", "198.51.100.1"];

    fn hasher(queue: usize, queue_per_client: usize) -> PasswordHasher {
        PasswordHasher::start(4, 1, queue).unwrap().with_queue_per_client(queue_per_client)
    }

    fn device(client: usize) -> ClientDevice {
        ClientDevice::new(None, CLIENTS[client].parse().ok())
    }

    /// Keeps the thread busy until the sender is dropped.
    async fn keep_busy(hasher: &PasswordHasher) -> mpsc::Sender<()> {
        let (free, busy) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let hasher = hasher.clone();
        actix_rt::spawn(async move {
            let work = move |_: &HashingThread| {
                started.send(()).unwrap();
                Ok(busy.recv().is_err())
            };
            hasher.ask(work).await.unwrap()
        });
        running.await.unwrap();
        free
    }

    async fn until_waiting(hasher: &PasswordHasher, jobs: usize) {
        while hasher.queue.lock().waiting() != jobs {
            yield_now().await;
        }
    }

    #[actix_web::test]
    async fn passwords_fit_their_own_hash_only() {
        let hasher = hasher(8, 8);
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hasher.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("correct horse".into(), None).await.unwrap());
    }

    #[actix_web::test]
    async fn a_hash_of_a_lower_cost_is_outdated() {
        let hash = bcrypt::hash("correct horse", 5).unwrap();
        let outdated = |cost| PasswordHasher::start(cost, 1, 8).unwrap().is_outdated(&hash);
        assert_eq!([4, 5, 6].map(outdated), [false, false, true]);
    }

    #[test]
    fn a_hash_of_a_lower_cost_takes_as_much_work_as_the_dummy() {
        let password = SecretString::from("correct horse");
        for of_hash in 4..=7 {
            let hash = bcrypt::hash("correct horse", of_hash).unwrap();
            assert_eq!(verify_in_full(&password, &hash, 7).unwrap(), (true, 1 << 7), "{of_hash}");
            assert_eq!(verify_in_full(&"wrong horse".into(), &hash, 7).unwrap(), (false, 1 << 7));
        }
    }

    #[test]
    fn a_panic_is_an_answer() {
        assert!(matches!(catch_panic::<()>(|| panic!("on purpose")), Err(HashError::Panicked)));
        assert!(matches!(catch_panic(|| Ok(1)), Ok(1)));
    }

    #[actix_web::test]
    async fn a_full_queue_is_told_at_once() {
        let hasher = hasher(3, 1);
        let free = keep_busy(&hasher).await;
        let (one, other) = (hasher.for_client(&device(0)), hasher.for_client(&device(1)));
        let waiting = [one.clone(), other.clone()]
            .map(|client| actix_rt::spawn(async move { client.hash("correct horse".into()).await }));
        until_waiting(&hasher, 2).await;
        assert!(matches!(hasher.hash("correct horse".into()).await, Err(HashError::Overloaded)));
        waiting[1].abort();
        until_waiting(&hasher, 1).await;
        let refused = one.hash("correct horse".into()).await;
        assert!(matches!(refused, Err(HashError::Overloaded)), "the share of one network");
        drop(free);
        other.hash("correct horse".into()).await.unwrap();
    }

    #[actix_web::test]
    async fn a_storm_of_one_network_delays_another_by_one_hash_at_most() {
        let hasher = hasher(64, 64);
        let free = keep_busy(&hasher.for_client(&device(0))).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut jobs = Vec::new();
        for client in [0, 0, 0, 0, 1] {
            let (of_client, served) = (hasher.for_client(&device(client)), Arc::clone(&order));
            jobs.push(actix_rt::spawn(async move {
                let serve = move |_: &HashingThread| {
                    served.lock().unwrap().push(client);
                    Ok(())
                };
                of_client.ask(serve).await
            }));
            until_waiting(&hasher, jobs.len()).await;
        }
        drop(free);
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 0, 0, 0, 0]);
    }

    #[actix_web::test]
    async fn a_password_whose_client_has_gone_is_not_hashed() {
        let hasher = hasher(8, 8);
        let free = keep_busy(&hasher).await;
        let computed = Arc::new(AtomicUsize::new(0));
        let mut jobs = Vec::new();
        let devices = [device(0), device(0), device(0)];
        for device in &devices {
            let (client, computed) = (hasher.for_client(device), Arc::clone(&computed));
            let work = move |_: &HashingThread| Ok(computed.fetch_add(1, Ordering::SeqCst));
            jobs.push(actix_rt::spawn(async move { client.ask(work).await }));
        }
        until_waiting(&hasher, 3).await;
        devices[0].connection.tell();
        jobs[1].abort();
        until_waiting(&hasher, 1).await;
        drop(free);
        let mut jobs = jobs.into_iter();
        assert!(matches!(jobs.next().unwrap().await.unwrap(), Err(HashError::Abandoned)));
        assert!(jobs.next().unwrap().await.unwrap_err().is_cancelled());
        assert_eq!(jobs.next().unwrap().await.unwrap().unwrap(), 0, "the first that was computed");
        assert_eq!(computed.load(Ordering::SeqCst), 1);
        let gone = hasher.for_client(&devices[0]).hash("correct horse".into()).await;
        assert!(matches!(gone, Err(HashError::Abandoned)), "nor does it wait");
    }
}
