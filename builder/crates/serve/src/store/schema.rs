//! The tables, and how those of an older capsule become today's.

use rusqlite::Connection;

/// What makes each version of the one before. A store of a newer version is not opened.
const STEPS: [&str; 4] = [
    "CREATE TABLE submissions (
         id TEXT NOT NULL UNIQUE,
         tenant TEXT NOT NULL,
         key TEXT,
         digest TEXT NOT NULL,
         front TEXT NOT NULL,
         priority INTEGER NOT NULL,
         state TEXT NOT NULL,
         attempt INTEGER NOT NULL,
         created_ms INTEGER NOT NULL,
         started_ms INTEGER,
         finished_ms INTEGER,
         work TEXT NOT NULL,
         extra TEXT NOT NULL,
         result TEXT,
         UNIQUE (tenant, key)
     );
     CREATE INDEX submissions_by_state ON submissions (state) WHERE state IN ('queued', 'running');
     CREATE TABLE events (
         seq INTEGER PRIMARY KEY AUTOINCREMENT,
         submission TEXT NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
         kind TEXT NOT NULL,
         data TEXT NOT NULL
     );
     CREATE INDEX events_by_submission ON events (submission, seq);",
    // Attempts that ended without a verdict, and who makes the last one: a worker's name, or nothing for the service itself.
    "ALTER TABLE submissions ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE submissions ADD COLUMN worker TEXT NOT NULL DEFAULT '';",
    // What a finished submission takes, for the bounds of its tenant: the index has all that these look at.
    "ALTER TABLE submissions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
     UPDATE submissions SET bytes = octet_length(work) + octet_length(extra) + coalesce(octet_length(result), 0)
         + coalesce((SELECT sum(octet_length(data)) FROM events WHERE submission = id), 0)
         WHERE finished_ms IS NOT NULL;
     CREATE INDEX submissions_by_end ON submissions (tenant, finished_ms, bytes) WHERE finished_ms IS NOT NULL;
     CREATE INDEX submissions_by_age ON submissions (finished_ms) WHERE finished_ms IS NOT NULL;",
    // When a submission was finished, by the store's own clock, which a step of the machine's does not reach.
    "ALTER TABLE submissions ADD COLUMN ended_ms INTEGER;
     DROP INDEX submissions_by_end;
     DROP INDEX submissions_by_age;
     UPDATE submissions SET ended_ms = finished_ms WHERE finished_ms IS NOT NULL;
     CREATE INDEX submissions_by_end ON submissions (tenant, ended_ms, bytes) WHERE ended_ms IS NOT NULL;
     CREATE INDEX submissions_by_age ON submissions (ended_ms) WHERE ended_ms IS NOT NULL;",
];

/// Makes the tables, or brings them up to date; the error says what is wrong.
pub(super) fn prepare(connection: &Connection) -> Result<(), String> {
    prepare_to(connection, STEPS.len())
}

/// The same, up to a version.
pub(super) fn prepare_to(connection: &Connection, last: usize) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    // With FULL, what is committed survives a power cut; NORMAL would not promise that (sqlite.org/pragma.html).
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
    connection.execute_batch(settings).map_err(text)?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(text)?;
    let version = version as usize;
    if version > STEPS.len() {
        return Err(format!(
            "a newer capsule wrote it: its version is {version}, and this one knows {}",
            STEPS.len()
        ));
    }
    for (at, step) in STEPS.iter().enumerate().take(last).skip(version) {
        let step = format!("BEGIN; {step} PRAGMA user_version = {}; COMMIT;", at + 1);
        connection.execute_batch(&step).map_err(text)?;
    }
    Ok(())
}
