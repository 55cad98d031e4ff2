//! A disk that takes no more.

use std::path::Path;
use std::process::Command;

use truceline::journal::Reader;
use truceline_core::log::Append;

use crate::bodies::{LONG, all, at, open, reading, run};
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait_for;

const CHILD: &str = "TRUCELINE_TEST_JOURNAL_SMALL";

/// Appends until the journal fails; gives the number of receipts and what the journal says.
fn fill(dir: &Path) -> (u64, String) {
    run(async {
        let journal = open(dir);
        let (appender, mut receipts) = journal.appender(10);
        let mut stored = 0_u64;
        for seq in 0..1_000 {
            let bodies = vec![reading("d1", 1, seq, &"x".repeat(30_000))];
            if appender.append(Append { ticket: seq, arrived: at(1), bodies }).await.is_err() {
                break;
            }
            // No receipt comes for what could not be written; the channel ends.
            match receipts.recv().await {
                Some(batch) => stored += batch.len() as u64,
                None => break,
            }
        }
        let failed = journal.failed();
        wait_for("the journal to say what is wrong", LONG, || failed.borrow().is_some());
        let told = failed.borrow().clone().expect("told");
        (stored, told)
    })
}

fn check(dir: &Path, stored: u64, told: &str) {
    assert!(told.contains("cannot be written") && told.contains("free space"), "{told}");
    let reader = Reader::open(&dir.join("journal.db")).expect("still readable");
    let there = all(&reader).len() as u64;
    assert!(stored > 10 && there >= stored, "{stored} were receipted, {there} are there");
}

#[test]
fn a_full_disk_stops_the_journal_and_nothing_is_receipted_that_is_not_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = dir.path().join("small");
    let name = "full_disk::a_full_disk_stops_the_journal_and_nothing_is_receipted_that_is_not_stored";
    let Some(_mounted) = SmallDisk::mount(&mount, 3, name) else { return };
    let (stored, told) = fill(&mount);
    check(&mount, stored, &told);
}

/// Not a test of its own: the process whose files may not grow beyond a limit.
#[test]
fn child_that_appends_until_its_file_may_not_grow() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let (stored, told) = fill(Path::new(&dir));
    println!("\nstored {stored}\ntold {told}");
}

#[test]
fn a_file_that_may_not_grow_stops_the_journal_and_what_is_receipted_is_there() {
    let dir = tempfile::tempdir().expect("a folder");
    // Blocks of 512 bytes or 1 KiB, by the shell: 2 or 4 MiB.
    let script = r#"trap "" XFSZ; ulimit -f 4096; exec "$0" --exact full_disk::child_that_appends_until_its_file_may_not_grow --nocapture"#;
    let out = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this test"))
        .env(CHILD, dir.path())
        .output()
        .expect("a child");
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = |word: &str| out.lines().find_map(|line| line.strip_prefix(word)).map(str::to_owned).expect(&out);
    check(dir.path(), line("stored ").parse().expect("a number"), &line("told "));
}
