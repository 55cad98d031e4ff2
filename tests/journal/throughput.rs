//! How fast it is; printed with `--nocapture`, and held only to a figure that no machine misses.

use std::time::Instant;

use truceline::journal::{Journal, JournalConfig};
use truceline_core::log::{Append, Body};

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
            let bodies: Vec<Body> = (0..total)
                .map(|number| reading(&names[(number % devices) as usize], 1, number / devices, &text))
                .collect();
            let start = Instant::now();
            let append = async {
                for (ticket, body) in bodies.into_iter().enumerate() {
                    let append = Append { ticket: ticket as u64, arrived: at(1), bodies: vec![body] };
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
            println!("{what}: {total} readings of {} bytes, {rate:.0} a second", text.len());
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
