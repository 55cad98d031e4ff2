//! How fast it is; printed with `--nocapture`, and held only to a figure that no machine misses.

use std::time::Instant;

use truceline::journal::{Journal, JournalConfig};
use truceline_core::log::Append;

use crate::bodies::{at, path, reading, run};
use crate::harness::rounds;

#[test]
fn readings_of_a_thousand_devices_are_stored_as_fast_as_the_disk_allows() {
    let dir = tempfile::tempdir().expect("a folder");
    let total = rounds(100_000, 2_000_000) as u64;
    let devices = 1_000;
    let names: Vec<String> = (0..devices).map(|device| format!("st01-d{device}")).collect();
    let text = "x".repeat(330);
    let round = |what: &str, duplicates: bool| {
        run(async {
            let journal = Journal::open(JournalConfig::new(path(dir.path()))).expect("opens");
            let (appender, mut receipts) = journal.appender(20_000);
            let start = Instant::now();
            let append = async {
                for ticket in 0..total {
                    let device = &names[(ticket % devices) as usize];
                    let bodies = vec![reading(device, 1, ticket / devices, &text)];
                    let append = Append { ticket, arrived: at(1), bodies };
                    appender.append(append).await.expect("appends");
                }
            };
            let take = async {
                let mut taken = 0;
                while taken < total {
                    taken += receipts.recv().await.expect("receipts").len() as u64;
                }
            };
            tokio::join!(append, take);
            let rate = total as f64 / start.elapsed().as_secs_f64();
            let cpu = writer_cpu_s() / total as f64 * 1e6;
            println!(
                "{what}: {total} readings of {} bytes, {rate:.0} a second, writer's CPU {cpu:.1} us each",
                text.len()
            );
            assert!(rate > 1_000.0, "{what}: {rate:.0} a second");
            let counts = journal.counts().borrow().clone();
            assert_eq!((counts.stored, counts.duplicates), (total, if duplicates { total } else { 0 }));
            let start = Instant::now();
            journal.close().await.expect("closes");
            println!("{what}: closed in {:.1?}", start.elapsed());
        });
    };
    round("new", false);
    round("sent again", true);
}

/// CPU that this process's journal threads have used, in seconds; means something when this test runs alone.
fn writer_cpu_s() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let fields: Vec<&str> =
            stat.strip_prefix(&task.file_name().into_string().ok()?)?.strip_prefix(" (journal) ")?.split(' ').collect();
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    });
    // In hundredths of a second, the unit of all Linux machines.
    ticks.sum::<f64>() / 100.0
}
