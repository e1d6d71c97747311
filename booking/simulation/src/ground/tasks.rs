//! Tasks over virtual time. They take one step after the other, in an order that the seed decides.

use crate::ground::{SeededRandom, VirtualTime};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Wake, Waker},
};

/// The owner of a task. The task dies with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskOwner {
    /// Nobody of the service: travellers, the network, the provider.
    Outside,
    /// An instance of the service.
    Instance(usize),
    /// The ledger of a shard of an instance.
    Ledger(usize, usize),
}

impl TaskOwner {
    fn dies_with(self, killed: Self) -> bool {
        match (self, killed) {
            (Self::Ledger(instance, _), Self::Instance(other)) => instance == other,
            _ => self == killed,
        }
    }
}

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

struct ScheduledTask {
    owner: TaskOwner,
    work: TaskFuture,
    waker: Waker,
}

/// The tasks that may go on.
type ReadyTasks = Arc<Mutex<Vec<u64>>>;

struct TaskWaker {
    id: u64,
    ready: ReadyTasks,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
    }
}

/// What tasks have asked the scheduler for.
#[derive(Default)]
pub(crate) struct TaskRequests {
    spawned: RefCell<Vec<(TaskOwner, TaskFuture)>>,
    killed: RefCell<Vec<TaskOwner>>,
}

impl TaskRequests {
    pub(crate) fn spawn(&self, owner: TaskOwner, work: impl Future<Output = ()> + 'static) {
        // Within a runtime, channels would ask tasks to yield to it now and then.
        self.spawned.borrow_mut().push((owner, Box::pin(tokio::task::unconstrained(work))));
    }

    /// Ends the tasks of an owner where they stand, before anything else happens.
    pub(crate) fn kill(&self, owner: TaskOwner) {
        self.killed.borrow_mut().push(owner);
    }

    /// Forgets tasks that have not begun: the run is over.
    pub(crate) fn forget(&self) {
        drop(self.spawned.take());
    }
}

/// All tasks.
pub(crate) struct TaskScheduler {
    time: Rc<VirtualTime>,
    random: Rc<SeededRandom>,
    requests: Rc<TaskRequests>,
    tasks: BTreeMap<u64, ScheduledTask>,
    ready: ReadyTasks,
    ids: u64,
}

impl TaskScheduler {
    pub(crate) fn new(time: Rc<VirtualTime>, random: Rc<SeededRandom>, requests: Rc<TaskRequests>) -> Self {
        Self { time, random, requests, tasks: BTreeMap::new(), ready: ReadyTasks::default(), ids: 0 }
    }

    /// Takes one step: a task goes on until it waits again. False where nothing can ever go on.
    pub(crate) fn step(&mut self) -> bool {
        loop {
            self.carry_out_requests();
            let Some(id) = self.draw() else {
                if self.time.advance() {
                    continue;
                }
                return false;
            };
            // A task that is over may have been woken before.
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let waker = task.waker.clone();
            if task.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks.remove(&id);
            }
            return true;
        }
    }

    fn carry_out_requests(&mut self) {
        // Dropping a task may spawn or kill others.
        loop {
            let killed = self.requests.killed.take();
            if killed.is_empty() {
                break;
            }
            let dies = |task: &ScheduledTask| killed.iter().any(|owner| task.owner.dies_with(*owner));
            let dead: Vec<u64> =
                self.tasks.iter().filter(|(_, task)| dies(task)).map(|(id, _)| *id).collect();
            for id in dead {
                drop(self.tasks.remove(&id));
            }
        }
        for (owner, work) in self.requests.spawned.take() {
            self.ids += 1;
            let id = self.ids;
            let waker = Waker::from(Arc::new(TaskWaker { id, ready: self.ready.clone() }));
            self.tasks.insert(id, ScheduledTask { owner, work, waker });
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }

    fn draw(&mut self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return None;
        }
        let index = self.random.index(ready.len());
        Some(ready.swap_remove(index))
    }
}
