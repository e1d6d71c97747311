//! Names of processes and threads in the tables: short ones, the same in each run.

/// A process as the tables name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessName {
    /// `aerobus-booking`, `postgres booking`, `postgres walwriter`.
    pub name: String,
    /// The database that a process of PostgreSQL works in.
    pub database: Option<String>,
}

impl ProcessName {
    /// Out of a command line as `/proc/<pid>/cmdline` has it, the arguments ended by NUL.
    #[must_use]
    pub fn of(command_line: &str) -> Self {
        let first = command_line.split('\0').next().unwrap_or_default().trim();
        if let Some(title) = first.strip_prefix("postgres: ") {
            return of_postgres(title);
        }
        match first.rsplit('/').next().unwrap_or_default() {
            "postgres" => Self { name: "postgres postmaster".to_owned(), database: None },
            program => Self { name: program.to_owned(), database: None },
        }
    }

    /// Whether this is a process of PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.name.starts_with("postgres ")
    }
}

/// Titles are `<role> <database> <host>(<port>) <activity>` of a client's process, else what the process does.
/// Source: PostgreSQL documentation, "Standard Unix Tools".
fn of_postgres(title: &str) -> ProcessName {
    let words: Vec<&str> = title.split_whitespace().collect();
    match words.as_slice() {
        [role, database, from, ..] if *from == "[local]" || from.contains('(') => ProcessName {
            name: format!("postgres {}", role.strip_prefix("aerobus_").unwrap_or(role)),
            database: Some((*database).to_owned()),
        },
        ["autovacuum", "worker", database, ..] => ProcessName {
            name: "postgres autovacuum worker".to_owned(),
            database: Some((*database).to_owned()),
        },
        _ => {
            let named = words.into_iter().filter(|word| word.parse::<u64>().is_err());
            let name = std::iter::once("postgres").chain(named).collect::<Vec<_>>().join(" ");
            ProcessName { name, database: None }
        }
    }
}

/// Threads that do the same share a name: `bk-ledger-0` and `bk-ledger-1` are `bk-ledger`.
#[must_use]
pub fn thread_name(told: &str) -> String {
    let told = told.trim();
    let without = told.trim_end_matches(|last: char| last.is_ascii_digit());
    let folded = without.trim_end_matches(['-', '_', ':', '|', ' ']);
    if without.len() == told.len() || folded.is_empty() { told.to_owned() } else { folded.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, database: Option<&str>) -> ProcessName {
        ProcessName { name: name.to_owned(), database: database.map(str::to_owned) }
    }

    #[test]
    fn processes_of_postgresql_have_the_name_of_their_role() {
        let backend = "postgres: aerobus_booking aerobus_up 127.0.0.1(51934) idle in transaction";
        assert_eq!(ProcessName::of(backend), name("postgres booking", Some("aerobus_up")));
        let local = "postgres: aerobus postgres [local] SELECT";
        assert_eq!(ProcessName::of(local), name("postgres aerobus", Some("postgres")));
        assert_eq!(ProcessName::of("postgres: walwriter \0\0"), name("postgres walwriter", None));
        assert_eq!(ProcessName::of("postgres: background writer "), name("postgres background writer", None));
        let worker = "postgres: autovacuum worker baseline";
        assert_eq!(ProcessName::of(worker), name("postgres autovacuum worker", Some("baseline")));
        let parallel = "postgres: parallel worker for PID 4711";
        assert_eq!(ProcessName::of(parallel), name("postgres parallel worker for PID", None));
    }

    #[test]
    fn other_processes_have_the_name_of_their_program() {
        let postmaster = ProcessName::of("/usr/lib/postgresql/15/bin/postgres\0-D\0/data\0");
        assert_eq!(postmaster, name("postgres postmaster", None));
        assert!(postmaster.is_postgres());
        let ours = ProcessName::of("/srv/target/release/aerobus-booking\0");
        assert_eq!(ours, name("aerobus-booking", None));
        assert!(!ours.is_postgres());
        assert_eq!(ProcessName::of(""), name("", None));
    }

    #[test]
    fn threads_are_named_without_their_number() {
        for (told, wanted) in [
            ("bk-ledger-0\n", "bk-ledger"),
            ("bk-ledger-12", "bk-ledger"),
            ("arbiter:3", "arbiter"),
            ("actix-server wo", "actix-server wo"),
            ("ends-", "ends-"),
            ("17", "17"),
        ] {
            assert_eq!(thread_name(told), wanted);
        }
    }
}
