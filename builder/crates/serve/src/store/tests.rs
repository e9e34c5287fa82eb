use super::*;

const MUCH: Keep = Keep { number: 1000, bytes: 1 << 40, time: Duration::from_secs(1000) };

fn store() -> Store {
    Store::open(None, MUCH).unwrap()
}

fn new<'a>(id: &'a str, key: Option<&'a str>, digest: &'a str) -> New<'a> {
    New { id, tenant: "t", key, digest, front: "v1", priority: 0, work: "{}", extra: "null" }
}

#[test]
fn the_same_key_is_the_same_submission_and_another_text_a_conflict() {
    let store = store();
    assert_eq!(store.put(&new("1", Some("k"), "a")), Ok(Put::New));
    assert_eq!(store.put(&new("2", Some("k"), "a")), Ok(Put::Known("1".to_owned())));
    assert_eq!(store.put(&new("2", Some("k"), "b")), Ok(Put::Conflict));
    let other = New { tenant: "u", ..new("3", Some("k"), "b") };
    assert_eq!(store.put(&other), Ok(Put::New));
    assert_eq!(
        (store.put(&new("4", None, "a")), store.put(&new("5", None, "a"))),
        (Ok(Put::New), Ok(Put::New))
    );
}

#[test]
fn only_the_last_attempt_writes_a_result_and_only_once() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    assert_eq!(store.begin("1", ""), Ok(Some(1)));
    // As after a restart: a second attempt, while the first one is late.
    assert_eq!(store.begin("1", ""), Ok(Some(2)));
    assert_eq!(store.finish("1", 1, State::Done, "\"late\""), Ok(false));
    assert_eq!(store.finish("1", 2, State::Done, "\"right\""), Ok(true));
    assert_eq!(store.finish("1", 2, State::Done, "\"again\""), Ok(false));
    assert_eq!(store.begin("1", ""), Ok(None));
    let row = store.get("t", "1").unwrap().unwrap();
    assert_eq!((row.state, row.result.as_deref()), (State::Done, Some("\"right\"")));
}

#[test]
fn what_is_called_off_gets_no_result() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    store.begin("1", "").unwrap();
    assert!(store.is_open("1").unwrap());
    assert_eq!(
        (store.cancel("u", "1"), store.cancel("t", "1"), store.cancel("t", "1")),
        (Ok(false), Ok(true), Ok(false))
    );
    assert_eq!(store.finish("1", 1, State::Done, "1"), Ok(false));
    assert_eq!(store.get("t", "1").unwrap().unwrap().state, State::Cancelled);
    assert!(!store.is_open("1").unwrap() && !store.is_open("2").unwrap());
}

#[test]
fn an_event_that_cannot_be_written_undoes_its_change() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    store.begin("1", "").unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END";
    store.connection().execute_batch(full).unwrap();
    assert!(store.put_back("1", 1, End::Failed, "why").is_err() && store.cancel("t", "1").is_err());
    assert_eq!(store.get("t", "1").unwrap().unwrap().state, State::Running);
}

#[test]
fn only_work_that_is_given_back_is_kept() {
    let store = store();
    for (id, front) in [("1", "v1"), ("2", "v1"), ("3", "judge0")] {
        store.put(&New { front, ..new(id, None, "a") }).unwrap();
        store.begin(id, "").unwrap();
    }
    assert_eq!(store.work("1").unwrap().as_deref(), Some("{}"));
    store.finish("1", 1, State::Done, "1").unwrap();
    store.cancel("t", "2").unwrap();
    store.finish("3", 1, State::Done, "1").unwrap();
    let works = ["1", "2", "3"].map(|id| store.work(id).unwrap().unwrap());
    assert_eq!(works, ["", "", "{}"]);
}

#[test]
fn its_files_are_not_for_others() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let open = || Store::open(Some(directory.path()), MUCH).unwrap();
    let modes = || {
        let all = std::fs::read_dir(directory.path()).unwrap().flatten();
        all.map(|entry| entry.metadata().unwrap().permissions().mode() & 0o777).collect::<Vec<_>>()
    };
    let store = open();
    store.put(&new("1", None, "a")).unwrap();
    assert_eq!(modes(), [0o600; 4]);
    drop(store);
    // One of an older capsule.
    std::fs::set_permissions(directory.path().join(DATABASE), Permissions::from_mode(0o644)).unwrap();
    let _open = open();
    assert!(modes().iter().all(|mode| mode & OTHERS == 0), "{:?}", modes());
}

#[test]
fn another_tenant_sees_nothing() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    assert!(store.get("u", "1").unwrap().is_none() && store.get("t", "1").unwrap().is_some());
}

#[test]
fn events_go_on_after_the_last_one_that_was_seen() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    store.begin("1", "").unwrap();
    store.put_back("1", 1, End::Failed, "broken").unwrap();
    store.begin("1", "").unwrap();
    store.finish("1", 2, State::Done, "1").unwrap();
    let events = store.events("1", 0).unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["queued", "running", "queued", "running", "done"]);
    assert!(events[2].data.contains("broken"), "{events:?}");
    assert_eq!(store.events("1", events[2].seq).unwrap(), events[3..]);
}

#[test]
fn a_restart_finds_what_is_not_finished() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(Some(directory.path()), MUCH);
    let store = open().unwrap();
    for id in ["1", "2", "3"] {
        store.put(&new(id, None, "a")).unwrap();
    }
    store.begin("1", "").unwrap();
    store.begin("2", "").unwrap();
    store.finish("2", 1, State::Done, "1").unwrap();
    assert!(open().err().unwrap().to_string().contains("another process has it"));
    drop(store);
    let unfinished = open().unwrap().unfinished().unwrap();
    let found: Vec<_> = unfinished.iter().map(|row| (row.id.as_str(), row.state, row.attempt)).collect();
    assert_eq!(found, [("1", State::Running, 1), ("3", State::Queued, 0)]);
}

#[test]
fn a_store_of_a_newer_capsule_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(Some(directory.path()), MUCH);
    open().unwrap().connection().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(open().err().unwrap().to_string().contains("a newer capsule wrote it"));
}

#[test]
fn old_results_go_and_their_events_with_them() {
    let store = Store::open(None, Keep { number: 10, ..MUCH }).unwrap();
    // By the number of results, and not by that of events.
    store.put(&new("first", None, "a")).unwrap();
    for number in 0..250 {
        let id = number.to_string();
        store.put(&new(&id, None, "a")).unwrap();
        match number % 2 {
            0 => {
                store.begin(&id, "").unwrap();
                store.finish(&id, 1, State::Done, "1").unwrap()
            }
            _ => store.cancel("t", &id).unwrap(),
        };
    }
    store.put(&new("waits", None, "a")).unwrap();
    let count = |table: &str| -> i64 {
        store.connection().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert!((10..=110).contains(&count("submissions")), "{}", count("submissions"));
    assert!(count("events") <= 3 * 110 + 1, "{}", count("events"));
    assert!(store.get("t", "waits").unwrap().is_some() && store.get("t", "0").unwrap().is_none());
}

#[test]
fn a_tenant_with_many_and_large_results_takes_no_room_of_others() {
    let store = Store::open(None, Keep { bytes: 1 << 20, ..MUCH }).unwrap();
    let done = |id: &str, tenant: &str, result: &str| {
        store.put(&New { tenant, ..new(id, None, "a") }).unwrap();
        store.begin(id, "").unwrap();
        assert!(store.finish(id, 1, State::Done, result).unwrap());
    };
    // How many there are, and their bytes.
    let kept = || {
        let sql = "SELECT count(*), sum(octet_length(result)) FROM submissions";
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        store.connection().query_row(sql, [], pair).unwrap()
    };
    done("modest", "u", "1");
    let large = "x".repeat(100 << 10);
    for number in 0..60 {
        done(&number.to_string(), "t", &large);
    }
    // Old ones go from time to time: of large ones when there are ten more.
    assert!(kept().1 <= 2 << 20 && store.get("t", "59").unwrap().is_some(), "{:?}", kept());
    for number in 60..2000 {
        done(&number.to_string(), "t", "1");
    }
    assert!((1000..=1101).contains(&kept().0), "{:?}", kept());
    assert!(store.get("u", "modest").unwrap().is_some() && store.get("t", "1999").unwrap().is_some());
}

#[test]
fn the_newest_result_stays_whatever_the_bounds() {
    for keep in [Keep { number: 0, ..MUCH }, Keep { bytes: 0, ..MUCH }, Keep { bytes: u64::MAX, ..MUCH }] {
        let store = Store::open(None, keep).unwrap();
        for number in 0..201 {
            let id = number.to_string();
            store.put(&new(&id, None, "a")).unwrap();
            store.begin(&id, "").unwrap();
            store.finish(&id, 1, State::Done, "1").unwrap();
            assert!(store.get("t", &id).unwrap().is_some(), "{keep:?}: {number}");
        }
        assert_eq!(store.get("t", "0").unwrap().is_some(), keep.bytes > 1 << 50, "{keep:?}");
    }
}

#[test]
fn a_step_of_the_clock_makes_no_fresh_result_old() {
    const DAY_MS: i64 = 86_400_000;
    let done = |store: &Store, id: &str| {
        store.put(&new(id, None, "a")).unwrap();
        store.begin(id, "").unwrap();
        assert!(store.finish(id, 1, State::Done, "1").unwrap());
    };
    let stays = |store: &Store, id: &str| store.get("t", id).unwrap().is_some();
    // The first hundred is written, the clock is stepped, and the second hundred has the old ones removed.
    for (step, number, first_stays) in [(DAY_MS, 1000, true), (-DAY_MS, 1000, true), (-DAY_MS, 10, false)] {
        let store = Store::open(None, Keep { number, ..MUCH }).unwrap();
        (0..100).for_each(|id| done(&store, &id.to_string()));
        // As if they had been written by a clock that was stepped afterwards.
        let stepped = "UPDATE submissions SET finished_ms = finished_ms - ?1";
        store.connection().execute(stepped, [step]).unwrap();
        (100..1001).for_each(|id| done(&store, &id.to_string()));
        assert!(stays(&store, "1000"), "{step}");
        assert_eq!((stays(&store, "99"), stays(&store, "990")), (first_stays, true), "{step} {number}");
    }
}

#[test]
fn the_age_of_results_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(Some(directory.path()), MUCH).unwrap();
    let store = open();
    store.put(&new("1", None, "a")).unwrap();
    assert!(store.cancel("t", "1").unwrap());
    let seconds = "UPDATE submissions SET ended_ms = ended_ms + 5000000";
    store.connection().execute(seconds, []).unwrap();
    drop(store);
    assert!(open().clock.now_ms() >= 5_000_000);
}

#[test]
fn nothing_is_sorted_to_find_old_results() {
    let store = store();
    let connection = store.connection();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {NEWEST}")).unwrap();
    let plan: Vec<String> = statement.query_map(["t"], |row| row.get(3)).unwrap().flatten().collect();
    let plan = plan.join("\n");
    assert!(plan.contains("COVERING INDEX submissions_by_end") && !plan.contains("B-TREE"), "{plan}");
}

#[test]
fn what_a_result_takes_is_known_of_those_of_an_older_capsule_too() {
    let connection = Connection::open_in_memory().unwrap();
    schema::prepare_to(&connection, 2).unwrap();
    let sql = "INSERT INTO submissions (id, tenant, digest, front, priority, state, attempt, created_ms, finished_ms, work, extra, result)
               VALUES ('1', 't', 'd', 'v1', 0, 'done', 1, 0, 1, '{}', 'null', '12345')";
    connection.execute_batch(sql).unwrap();
    add_event(&connection, "1", "done", "{}").unwrap();
    schema::prepare(&connection).unwrap();
    let bytes = connection.query_row("SELECT bytes FROM submissions", [], |row| row.get::<_, i64>(0));
    assert_eq!(bytes, Ok(13));
}

#[test]
fn an_attempt_that_is_lost_is_not_one_that_failed_and_its_worker_is_on_record() {
    let store = store();
    store.put(&new("1", None, "a")).unwrap();
    assert_eq!(store.begin("1", "w1"), Ok(Some(1)));
    assert_eq!(store.put_back("1", 1, End::Lost, "its worker is gone"), Ok(true));
    assert_eq!(store.put_back("1", 1, End::Lost, "twice"), Ok(false));
    assert_eq!((store.begin("1", "w2"), store.failures("1")), (Ok(Some(2)), Ok(0)));
    // The first worker comes back with its result, or its failure, when the second one is at work.
    assert_eq!(store.put_back("1", 1, End::Failed, "late"), Ok(false));
    assert_eq!(store.finish("1", 1, State::Done, "\"late\""), Ok(false));
    assert_eq!(store.put_back("1", 2, End::Failed, "broken"), Ok(true));
    assert_eq!(store.failures("1"), Ok(1));
    let data: Vec<String> = store.events("1", 0).unwrap().into_iter().map(|event| event.data).collect();
    assert_eq!(data[1], "{\"attempt\":1,\"worker\":\"w1\"}");
    assert_eq!(data[4], "{\"attempt\":2,\"error\":\"broken\",\"worker\":\"w2\"}");
}

#[test]
fn a_store_of_an_older_capsule_is_brought_up_to_date() {
    let connection = Connection::open_in_memory().unwrap();
    schema::prepare_to(&connection, 1).unwrap();
    let sql = "INSERT INTO submissions (id, tenant, digest, front, priority, state, attempt, created_ms, work, extra)
               VALUES ('1', 't', 'd', 'v1', 0, 'queued', 0, 0, '{}', 'null')";
    connection.execute_batch(sql).unwrap();
    schema::prepare(&connection).unwrap();
    let row = connection.query_row(row::SELECT, [], Row::read).unwrap();
    assert_eq!((row.id.as_str(), row.state, row.worker.as_str()), ("1", State::Queued, ""));
}
