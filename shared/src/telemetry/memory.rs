//! How much memory this process has.

/// Bytes of this process that are in memory, as the system counts them; `None` where it does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    resident_in(&status)
}

/// The resident set in the text of `/proc/<pid>/status`.
fn resident_in(status: &str) -> Option<u64> {
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = kilobytes.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_found() {
        let status = "Name:\tbooking\nVmHWM:\t  900 kB\nVmRSS:\t  812 kB\nThreads:\t4\n";
        assert_eq!(resident_in(status), Some(812 * 1024));
        assert_eq!(resident_in("Name:\tbooking\n"), None);
    }
}
