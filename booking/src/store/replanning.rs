//! When the server replans the statements of a ledger's connection.

/// Counts the transactions of a connection: after the 1st, 2nd, 4th, 8th ... the server plans anew.
///
/// The server plans by the present size of the tables. For a table that was analysed while it was nearly empty it reads
/// all rows, or a whole index with the wrong first column: both cost nothing then. So a plan serves at most as many
/// transactions as came before it, and in the long run there is no replanning.
#[derive(Debug, Default)]
pub(super) struct Replanning {
    done: u64,
}

impl Replanning {
    /// Counts a transaction; gives whether the server replans before it.
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
    fn replanning_becomes_rarer() {
        let mut replanning = Replanning::default();
        let due: Vec<usize> = (0..100).filter(|_| replanning.is_due()).collect();
        assert_eq!(due, [1, 2, 4, 8, 16, 32, 64]);
    }
}
