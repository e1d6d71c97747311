//! Processor time of processes and their threads, out of `/proc`. Only Linux has it; elsewhere all is zero.
//!
//! A sample holds what each process of a tree has used so far, in nanoseconds. The difference of two samples
//! is exact for the tree as a whole: what ended in between is in the times that its parent, or its process,
//! keeps of it.

use super::process_names::{ProcessName, thread_name};
use std::{collections::BTreeMap, fs, path::Path};

/// A step of the times in `/proc/<pid>/stat`: a hundredth of a second (USER_HZ) on all usual machines.
const TICK_NANOS: u64 = 10_000_000;

/// The name of the time that no thread or process that still runs has used.
const ENDED: &str = "(ended)";

/// What a tree of processes has used so far.
#[derive(Debug, Clone, Default)]
pub struct CpuSample {
    processes: BTreeMap<u32, ProcessSample>,
}

#[derive(Debug, Clone, Default)]
struct ProcessSample {
    name: ProcessName,
    times: ProcessTimes,
    threads: BTreeMap<u32, (String, u64)>,
}

/// Of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ProcessTimes {
    parent: u32,
    /// Of all its threads, those that have ended too, nanoseconds.
    own: u64,
    /// Of its children that have ended, nanoseconds.
    reaped: u64,
}

/// The name of a process, and that of a thread in it.
type ThreadKey = (ProcessName, String);

/// What was used between two samples, nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuUsage(BTreeMap<ThreadKey, u64>);

impl CpuSample {
    /// A look at a process and all that descends from it.
    #[must_use]
    pub fn of_tree(root: u32) -> Self {
        Self::read(Path::new("/proc"), root)
    }

    /// A look at a process without its children.
    #[must_use]
    pub fn of_process(pid: u32) -> Self {
        let mut sample = Self::of_tree(pid);
        sample.processes.retain(|id, _| *id == pid);
        if let Some(process) = sample.processes.get_mut(&pid) {
            process.times.reaped = 0;
        }
        sample
    }

    fn read(proc: &Path, root: u32) -> Self {
        let times: BTreeMap<u32, ProcessTimes> = process_ids(proc)
            .filter_map(|pid| Some((pid, process_times(&read(proc, &format!("{pid}/stat"))?)?)))
            .collect();
        let mut processes = BTreeMap::new();
        let mut next = vec![root];
        while let Some(pid) = next.pop() {
            let Some(&of_process) = times.get(&pid) else { continue };
            next.extend(times.iter().filter(|(_, times)| times.parent == pid).map(|(child, _)| *child));
            let name = ProcessName::of(&read(proc, &format!("{pid}/cmdline")).unwrap_or_default());
            let threads = threads(proc, pid);
            processes.insert(pid, ProcessSample { name, times: of_process, threads });
        }
        Self { processes }
    }

    /// What was used since an earlier look at the same tree.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> CpuUsage {
        let mut usage = CpuUsage::default();
        for (pid, now) in &self.processes {
            let before = earlier.processes.get(pid).cloned().unwrap_or_default();
            let mut named = 0;
            for (thread, (name, nanos)) in &now.threads {
                let used = nanos.saturating_sub(before.threads.get(thread).map_or(0, |(_, nanos)| *nanos));
                named += used;
                usage.note(now.name.clone(), name.clone(), used);
            }
            let own = now.times.own.saturating_sub(before.times.own);
            // The two are counted in different steps: less than one is no thread.
            let ended = own.saturating_sub(named);
            if ended > TICK_NANOS || now.threads.is_empty() {
                usage.note(now.name.clone(), ENDED.to_owned(), ended);
            }
            // What children had used before they were first looked at is not of this time.
            let known: u64 = earlier
                .processes
                .iter()
                .filter(|(child, sample)| sample.times.parent == *pid && !self.processes.contains_key(child))
                .map(|(_, sample)| sample.times.own + sample.times.reaped)
                .sum();
            let reaped = now.times.reaped.saturating_sub(before.times.reaped).saturating_sub(known);
            let ended = ProcessName { name: format!("{} {ENDED}", now.name.name), database: None };
            usage.note(ended, ENDED.to_owned(), reaped);
        }
        usage
    }
}

impl CpuUsage {
    fn note(&mut self, process: ProcessName, thread: String, nanos: u64) {
        if nanos > 0 {
            *self.0.entry((process, thread)).or_default() += nanos;
        }
    }

    /// Adds another time's.
    pub fn add(&mut self, other: &Self) {
        for (key, nanos) in &other.0 {
            *self.0.entry(key.clone()).or_default() += nanos;
        }
    }

    /// What these processes have used.
    #[must_use]
    pub fn of(&self, wanted: impl Fn(&ProcessName) -> bool) -> Self {
        Self(
            self.0
                .iter()
                .filter(|((name, _), _)| wanted(name))
                .map(|(key, nanos)| (key.clone(), *nanos))
                .collect(),
        )
    }

    /// All of it, nanoseconds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// By process, the one that has used most first.
    #[must_use]
    pub fn by_process(&self) -> Vec<(String, u64)> {
        sorted(self.0.iter().map(|((process, _), nanos)| (process.name.clone(), *nanos)))
    }

    /// The threads of the processes of this name, the one that has used most first.
    #[must_use]
    pub fn threads_of(&self, process: &str) -> Vec<(String, u64)> {
        let threads = self.0.iter().filter(|((name, _), _)| name.name == process);
        sorted(threads.map(|((_, thread), nanos)| (thread.clone(), *nanos)))
    }
}

fn sorted(named: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    named.for_each(|(name, nanos)| *sums.entry(name).or_default() += nanos);
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, nanos)| std::cmp::Reverse(*nanos));
    sums
}

fn process_ids(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn read(proc: &Path, file: &str) -> Option<String> {
    // Titles may hold what is no UTF-8.
    fs::read(proc.join(file)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn threads(proc: &Path, pid: u32) -> BTreeMap<u32, (String, u64)> {
    let tasks = proc.join(pid.to_string()).join("task");
    let thread = |id: u32| {
        let name = thread_name(&read(&tasks, &format!("{id}/comm"))?);
        let scheduled = read(&tasks, &format!("{id}/schedstat")).and_then(|text| on_processor(&text));
        let nanos = match scheduled {
            Some(nanos) => nanos,
            // A kernel without these counts has the coarser ones.
            None => process_times(&read(&tasks, &format!("{id}/stat"))?)?.own,
        };
        Some((id, (name, nanos)))
    };
    process_ids(&tasks).filter_map(thread).collect()
}

/// Nanoseconds on a processor: the first number of `schedstat`.
fn on_processor(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Out of `/proc/<pid>/stat`: the numbers follow a name that may hold spaces and parentheses. Source: proc(5).
fn process_times(stat: &str) -> Option<ProcessTimes> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let nanos = |user: usize| Some((number(user)? + number(user + 1)?) * TICK_NANOS);
    Some(ProcessTimes { parent: u32::try_from(number(1)?).ok()?, own: nanos(11)?, reaped: nanos(13)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A process: its parent, times of its own and of its ended children in ticks, and threads.
    fn process(
        proc: &Path,
        (pid, parent): (u32, u32),
        command: &str,
        (own, reaped): (u64, u64),
        threads: &[(u32, &str, Option<u64>)],
    ) {
        let folder = proc.join(pid.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("task")).unwrap();
        let stat =
            format!("{pid} (a (b) c) S {parent} 1 1 0 -1 4194560 1 1 0 0 {own} 0 {reaped} 0 20 0 1 0 99 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("cmdline"), command).unwrap();
        for (id, name, nanos) in threads {
            let task = folder.join(format!("task/{id}"));
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("comm"), format!("{name}\n")).unwrap();
            match nanos {
                Some(nanos) => fs::write(task.join("schedstat"), format!("{nanos} 77 3\n")).unwrap(),
                None => {
                    fs::write(task.join("stat"), format!("{id} (x) R 1 0 0 0 0 0 0 0 0 0 4 1 0 0")).unwrap()
                }
            }
        }
    }

    #[test]
    fn the_difference_of_two_looks_is_told_by_process_and_thread() {
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path();
        let aerobus = "/srv/aerobus\0up\0";
        process(
            proc,
            (10, 1),
            aerobus,
            (100, 0),
            &[(10, "aerobus", Some(400 * MS)), (11, "bk-ledger-0", Some(600 * MS))],
        );
        process(proc, (20, 10), "/usr/lib/erlang/beam.smp\0", (5, 0), &[(20, "beam.smp", None)]);
        process(proc, (30, 1), "/bin/other\0", (5, 0), &[(30, "other", Some(1))]);
        let before = CpuSample::read(proc, 10);
        // Two new threads, one of which has ended already: 50 ms of 250 are nobody's.
        let threads = [
            (10, "aerobus", Some(450 * MS)),
            (11, "bk-ledger-0", Some(700 * MS)),
            (12, "bk-ledger-1", Some(50 * MS)),
        ];
        process(proc, (10, 1), aerobus, (125, 0), &threads);
        let usage = CpuSample::read(proc, 10).since(&before);
        assert_eq!(
            usage.threads_of("aerobus"),
            [("bk-ledger", 150), ("(ended)", 50), ("aerobus", 50)]
                .map(|(name, ms)| (name.to_owned(), ms * MS))
        );
        assert_eq!(usage.by_process(), [("aerobus".to_owned(), 250 * MS)]);
        assert_eq!(usage.total(), 250 * MS);
        assert_eq!(usage.of(|name| name.name != "aerobus").total(), 0);
    }

    #[test]
    fn children_that_have_ended_count_for_what_they_used_since() {
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path();
        let backend = "postgres: aerobus_booking aerobus_up 127.0.0.1(4711) idle";
        process(proc, (1, 0), "/usr/bin/postgres\0-D\0", (0, 100), &[(1, "postgres", Some(0))]);
        process(proc, (2, 1), backend, (30, 0), &[(2, "postgres", Some(300 * MS))]);
        process(proc, (3, 1), backend, (40, 0), &[(3, "postgres", Some(400 * MS))]);
        let before = CpuSample::read(proc, 1);
        fs::remove_dir_all(proc.join("3")).unwrap();
        process(proc, (2, 1), backend, (32, 0), &[(2, "postgres", Some(320 * MS))]);
        // The third used 10 ms more, and one that nobody has seen 70 ms.
        process(proc, (1, 0), "/usr/bin/postgres\0-D\0", (0, 148), &[(1, "postgres", Some(0))]);
        let mut usage = CpuSample::read(proc, 1).since(&before);
        assert_eq!(
            usage.by_process(),
            [("postgres postmaster (ended)", 80), ("postgres booking", 20)]
                .map(|(name, ms)| (name.to_owned(), ms * MS))
        );
        usage.add(&usage.clone());
        assert_eq!(usage.total(), 200 * MS);
    }

    #[test]
    fn coarse_times_do_where_there_are_no_fine_ones() {
        assert_eq!(on_processor("123456 789 3\n"), Some(123_456));
        assert_eq!(on_processor("\n"), None);
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), (20, 10), "beam.smp\0", (5, 0), &[(20, "beam.smp", None)]);
        let usage = CpuSample::read(folder.path(), 20).since(&CpuSample::default());
        assert_eq!(usage.threads_of("beam.smp"), [("beam.smp".to_owned(), 50 * MS)]);
        assert_eq!(process_times("1 (x) S 7"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found() {
        let usage = CpuSample::of_tree(std::process::id()).since(&CpuSample::default());
        assert!(usage.total() > 0);
    }
}
