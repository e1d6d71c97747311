//! Tasks over virtual time, one step after the other, in an order that the seed decides.

use super::world::World;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Whose a task is; it dies with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: travellers, the network, the provider.
    Outside,
    /// A process.
    Instance(usize),
    /// The ledger of a shard of a process.
    Ledger(usize, usize),
}

impl Owner {
    fn dies_with(self, killed: Self) -> bool {
        match (self, killed) {
            (Self::Ledger(instance, _), Self::Instance(other)) => instance == other,
            _ => self == killed,
        }
    }
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    owner: Owner,
    work: Work,
    waker: Waker,
}

/// The tasks that may go on.
type Ready = Arc<Mutex<Vec<u64>>>;

struct WakeUp {
    id: u64,
    ready: Ready,
}

impl Wake for WakeUp {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
    }
}

/// What tasks have asked the scheduler for.
#[derive(Default)]
pub(super) struct Wishes {
    spawned: RefCell<Vec<(Owner, Work)>>,
    killed: RefCell<Vec<Owner>>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    sequence: Cell<u64>,
}

impl Wishes {
    pub(super) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) {
        // Within a runtime, channels would ask tasks to yield to it now and then.
        self.spawned.borrow_mut().push((owner, Box::pin(tokio::task::unconstrained(work))));
    }

    /// Ends the tasks of an owner where they stand, before anything else happens.
    pub(super) fn kill(&self, owner: Owner) {
        self.killed.borrow_mut().push(owner);
    }

    /// Forgets all of them: the run is over.
    pub(super) fn forget(&self) {
        self.timers.take();
        drop(self.spawned.take());
    }

    fn wake_at(&self, at: u64, waker: Waker) {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        self.timers.borrow_mut().insert((at, sequence), waker);
    }
}

/// Ready at an instant of virtual time.
pub(super) struct Sleep {
    pub(super) world: Rc<World>,
    pub(super) until: u64,
    pub(super) registered: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.until {
            return Poll::Ready(());
        }
        if !self.registered {
            self.registered = true;
            self.world.wishes.wake_at(self.until, context.waker().clone());
        }
        Poll::Pending
    }
}

/// All tasks.
pub(super) struct Scheduler {
    world: Rc<World>,
    tasks: BTreeMap<u64, Task>,
    ready: Ready,
    ids: u64,
}

impl Scheduler {
    pub(super) fn new(world: Rc<World>) -> Self {
        Self { world, tasks: BTreeMap::new(), ready: Ready::default(), ids: 0 }
    }

    /// Takes one step: a task goes on until it waits again. False where nothing can ever go on.
    pub(super) fn step(&mut self) -> bool {
        loop {
            self.carry_out_wishes();
            let Some(id) = self.draw() else {
                if self.advance() {
                    continue;
                }
                return false;
            };
            // One that is over may have been woken before.
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let waker = task.waker.clone();
            if task.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks.remove(&id);
            }
            return true;
        }
    }

    fn carry_out_wishes(&mut self) {
        // Dropping a task may spawn or kill others.
        loop {
            let killed = std::mem::take(&mut *self.world.wishes.killed.borrow_mut());
            if killed.is_empty() {
                break;
            }
            let dies = |task: &Task| killed.iter().any(|owner| task.owner.dies_with(*owner));
            let dead: Vec<u64> =
                self.tasks.iter().filter(|(_, task)| dies(task)).map(|(id, _)| *id).collect();
            for id in dead {
                drop(self.tasks.remove(&id));
            }
        }
        for (owner, work) in std::mem::take(&mut *self.world.wishes.spawned.borrow_mut()) {
            self.ids += 1;
            let id = self.ids;
            let waker = Waker::from(Arc::new(WakeUp { id, ready: self.ready.clone() }));
            self.tasks.insert(id, Task { owner, work, waker });
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }

    fn draw(&mut self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return None;
        }
        let index = self.world.random().index(ready.len());
        Some(ready.swap_remove(index))
    }

    /// Lets time pass up to the next instant at which somebody wants to be woken.
    fn advance(&self) -> bool {
        let mut timers = self.world.wishes.timers.borrow_mut();
        let Some((&(at, _), _)) = timers.first_key_value() else { return false };
        self.world.pass_until(at);
        while let Some(entry) = timers.first_entry().filter(|entry| entry.key().0 <= self.world.now()) {
            entry.remove().wake();
        }
        true
    }
}
