//! What is opened, and what is refused.

use truceline::journal::{Journal, JournalConfig, JournalError, Reader};
use truceline_core::log::{Body, Document};

use crate::bodies::{LONG, at, open, path, reading, run};
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
