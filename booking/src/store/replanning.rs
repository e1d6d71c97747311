//! When the server makes the plans of a ledger's statements anew.

/// Counts the transactions of a connection: after the 1st, 2nd, 4th, 8th ... the server plans anew.
///
/// It makes a plan by the size that the tables have then, and of a table that is empty, or nearly, and was
/// analysed, it would rather read all rows than look any up, or all of an index that does not begin with what
/// is looked for: both cost nothing yet. So no plan is older than half of what was done with it, and in the
/// long run none is made.
#[derive(Debug, Default)]
pub(super) struct Replanning {
    done: u64,
}

impl Replanning {
    /// Counts a transaction; gives whether the plans are to be made anew before it.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.done.is_power_of_two();
        self.done += 1;
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_made_anew_ever_more_rarely() {
        let mut replanning = Replanning::default();
        let due: Vec<usize> = (0..100).filter(|_| replanning.is_due()).collect();
        assert_eq!(due, [1, 2, 4, 8, 16, 32, 64]);
    }
}
