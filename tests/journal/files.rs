//! What is opened, and what is refused.

use truceline::journal::{Journal, JournalConfig, JournalError, Reader};
use truceline_core::log::{Body, Document};

use crate::bodies::{LONG, at, open, path, reading, reject, run};
use crate::harness::wait_for;

#[test]
fn a_second_service_on_the_same_journal_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let _first = open(dir.path());
    let second = Journal::open(JournalConfig::new(path(dir.path())));
    assert!(matches!(second, Err(JournalError::InUse(_))));
}

#[test]
fn a_newer_file_and_a_file_of_something_else_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = path(dir.path());
    rusqlite::Connection::open(&path).and_then(|file| file.execute_batch("PRAGMA user_version = 99")).expect("made");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Newer { found: 99, .. })));
    let path = dir.path().join("other.db");
    rusqlite::Connection::open(&path).and_then(|file| file.execute_batch("CREATE TABLE x (y)")).expect("made");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Damaged { .. })));
    let path = dir.path().join("text.db");
    std::fs::write(&path, "no database at all, but long enough to have a header".repeat(9)).expect("written");
    assert!(matches!(Journal::open(JournalConfig::new(path)), Err(JournalError::Damaged { .. })));
}

#[test]
fn a_damaged_page_is_told_and_the_rest_can_be_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = path(dir.path());
    run(async {
        let journal = open(dir.path());
        let bodies = (0..2_000).map(|seq| reading("d1", 1, seq, &"x".repeat(300))).collect();
        journal.append(at(1), bodies).await.expect("appends");
        journal.close().await.expect("closes");
    });
    let reader = Reader::open(&path).expect("opens");
    assert!(reader.verify().expect("verifies").is_empty());
    drop(reader);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, bytes).expect("written");
    let reader = Reader::open(&path).expect("opens");
    let told = match reader.verify() {
        Ok(lines) => !lines.is_empty(),
        Err(error) => matches!(error, JournalError::Damaged { .. }),
    };
    assert!(told, "the damage is found");
    let readable = (0..2_000).filter(|offset| matches!(reader.entry(*offset), Ok(Some(_)))).count();
    assert!((1_000..2_000).contains(&readable), "{readable} of 2000 can still be read");
}

#[test]
fn a_file_that_lacks_a_table_is_told_as_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async { open(dir.path()).close().await.expect("closes") });
    rusqlite::Connection::open(path(dir.path())).and_then(|file| file.execute_batch("DROP TABLE seen")).expect("done");
    let Err(error) = Journal::open(JournalConfig::new(path(dir.path()))) else { panic!("opened") };
    assert!(error.to_string().contains("no table 'seen'"), "{error}");
}

#[test]
fn a_journal_that_is_closed_or_dropped_can_be_opened_again() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        open(dir.path()).close().await.expect("closes");
        let journal = open(dir.path());
        let (appender, _receipts) = journal.appender(1);
        drop(journal);
        // Whoever can still append keeps it open; nobody else may write meanwhile.
        assert!(matches!(Journal::open(JournalConfig::new(path(dir.path()))), Err(JournalError::InUse(_))));
        drop(appender);
        wait_for("the lock to go", LONG, || Journal::open(JournalConfig::new(path(dir.path()))).is_ok());
    });
}

#[test]
fn documents_are_found_by_their_hash_and_the_last_of_a_kind_is_in_force() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let [old, new] = ["old", "new"].map(|text| Document::new(text.to_owned()));
        let bodies = vec![Body::Agreement(old.clone()), Body::Agreement(new.clone()), Body::Registry(old.clone())];
        journal.append(at(1), bodies).await.expect("appends");
        let reader = journal.reader();
        assert_eq!(reader.document(&old.hash).expect("reads"), Some(old.clone()));
        assert_eq!(reader.document("0").expect("reads"), None);
        assert_eq!(reader.latest_agreement().expect("reads"), Some(new));
        assert_eq!(reader.latest_registry().expect("reads"), Some(old));
        journal.close().await.expect("closes");
    });
}

/// An agreement with a file for each of these days.
fn agreement_of_days(days: std::ops::Range<u32>) -> Document {
    let area = |day: u32| {
        let vertices: Vec<String> =
            (0..3_000).map(|vertex| format!("[{}.{vertex:05},48.\"{day:05}]", 30 + day % 10)).collect();
        format!("{{\"type\":\"Polygon\",\"coordinates\":[[{}]]}}\n", vertices.join(","))
    };
    let mut bundle = truceline_core::agreement::Bundle::default();
    bundle.files.extend(days.map(|day| (format!("control/{day:05}.geojson"), area(day))));
    bundle.files.insert("agreement.toml".to_owned(), "id = \"daily\"".to_owned());
    bundle.document()
}

#[test]
fn a_new_day_of_an_agreement_adds_no_more_than_its_own_file() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let bytes = || {
            let file = rusqlite::Connection::open(path(dir.path())).expect("opens");
            let pages: i64 = file.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("reads");
            pages * 4_096
        };
        let documents: Vec<Document> = (40..=60).map(|last| agreement_of_days(0..last)).collect();
        let size = documents[0].text.len() as i64;
        journal.append(at(1), vec![Body::Agreement(documents[0].clone())]).await.expect("appends");
        let first = bytes();
        for document in &documents[1..] {
            journal.append(at(2), vec![Body::Agreement(document.clone())]).await.expect("appends");
        }
        // Twenty days later; then the oldest days are moved away, which adds none.
        let gone = agreement_of_days(20..60);
        journal.append(at(3), vec![Body::Agreement(gone.clone())]).await.expect("appends");
        let added = bytes() - first;
        assert!(added < size / 40 * 20 * 3 / 2, "20 days of {} bytes added {added}", size / 40);
        let reader = journal.reader();
        for document in documents.iter().chain([&gone]) {
            assert_eq!(reader.document(&document.hash).expect("reads").as_ref(), Some(document));
            let terms = reader.file_of_agreement(&document.hash, "agreement.toml").expect("reads");
            assert_eq!(terms.as_deref(), Some("id = \"daily\""));
        }
        assert_eq!(reader.latest_agreement().expect("reads"), Some(gone.clone()));
        assert_eq!(reader.latest_agreement_hash().expect("reads"), Some(gone.hash.clone()));
        let read = reader.entries(0, 100, usize::MAX).expect("reads");
        let bodies: Vec<Body> = documents.into_iter().chain([gone]).map(Body::Agreement).collect();
        assert_eq!(read.into_iter().map(|entry| entry.body).collect::<Vec<_>>(), bodies);
        journal.close().await.expect("closes");
    });
}

#[test]
fn an_agreement_that_an_older_version_kept_as_one_text_is_read_as_before() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let journal = open(dir.path());
        let document = agreement_of_days(0..3);
        journal.append(at(1), vec![Body::Agreement(document.clone())]).await.expect("appends");
        journal.close().await.expect("closes");
        // As the first schema had it.
        let file = rusqlite::Connection::open(path(dir.path())).expect("opens");
        file.execute("UPDATE document SET text = ?, pieces = NULL", [&document.text]).expect("done");
        file.execute_batch("ALTER TABLE document DROP COLUMN pieces; DROP TABLE piece; PRAGMA user_version = 1")
            .expect("done");
        drop(file);
        let journal = open(dir.path());
        let reader = journal.reader();
        assert_eq!(reader.latest_agreement().expect("reads"), Some(document.clone()));
        let terms = reader.file_of_agreement(&document.hash, "agreement.toml").expect("reads");
        assert_eq!(terms.as_deref(), Some("id = \"daily\""));
        let next = agreement_of_days(0..4);
        journal.append(at(2), vec![Body::Agreement(next.clone()), Body::Agreement(document)]).await.expect("appends");
        assert_eq!(reader.document(&next.hash).expect("reads"), Some(next));
        journal.close().await.expect("closes");
    });
}

#[test]
fn counts_that_cannot_be_read_are_counted_anew_and_do_not_fall_to_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    run(async {
        let config = JournalConfig::new(path(dir.path()));
        let journal = Journal::open(config.clone()).expect("opens");
        let mut bodies: Vec<Body> = (0..10).map(|seq| reading("d1", 1, seq, "x")).collect();
        bodies.push(reject(500));
        journal.append(at(1), bodies).await.expect("appends");
        let before = journal.counts().borrow().clone();
        journal.close().await.expect("closes");
        let file = rusqlite::Connection::open(&config.path).expect("opens");
        file.execute("UPDATE meta SET value = '{' WHERE key = 'counts'", []).expect("breaks them");
        drop(file);
        let journal = Journal::open(config).expect("opens");
        assert_eq!(*journal.counts().borrow(), before);
        assert_eq!(before.stored, 10);
        journal.close().await.expect("closes");
    });
}
