//! A disk that has no room left, and then has: the service goes on without a restart, and nothing is lost.

use std::process::Command;

use tempfile::tempdir;

use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait_for;
use crate::oracle::{LIMIT, journalled, nothing_comes_again, part, publish, readings};

#[tokio::test(flavor = "multi_thread")]
async fn without_room_on_the_disk_readings_wait_at_the_broker_and_go_on_with_room_without_a_restart() {
    let dir = tempdir().unwrap();
    let disk = dir.path().join("disk");
    let name = "room::without_room_on_the_disk_readings_wait_at_the_broker_and_go_on_with_room_without_a_restart";
    let Some(_mounted) = SmallDisk::mount(&disk, 64, name) else { return };
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(&disk, &broker.url(), &[("JOURNAL__RESERVE_MIB", "16")]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    let mut next = 0;
    let mut more = async |count: u64| {
        publish(&devices, next, next + count).await;
        next += count;
        next
    };
    let mut stored = more(300).await;
    wait_for("the first readings", LIMIT, || readings(&service) == stored);
    let ballast = disk.join("ballast");
    for round in 1..=2 {
        // All but 10 MiB of the disk.
        let free = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(&disk).output().expect("stat").stdout;
        let free = String::from_utf8(free).unwrap();
        let bytes: u64 = free.split_whitespace().map(|number| number.parse::<u64>().unwrap()).product();
        std::fs::write(&ballast, vec![1; usize::try_from(bytes - (10 << 20)).unwrap()]).unwrap();
        let ready = || part(&service, "journal");
        // The next look at the disk may be a moment away.
        let all = loop {
            let all = more(50).await;
            assert!(all < stored + 20_000, "no want of room is told:\n{}", service.log());
            if !ready().0 {
                break all;
            }
        };
        devices.wait_acked(usize::try_from(all).unwrap());
        assert!(ready().1.contains("journal.reserve_mib"), "{:?}", ready());
        assert_eq!(service.get("/readyz").map(|(status, _)| status), Some(503));
        assert_eq!(service.counted("truceline_journal_held"), 1);
        assert_eq!(service.log().matches("readings are not taken in until there is room").count(), round);
        // What is stored by now is acknowledged; nothing else is.
        let (taken, acks) = (readings(&service), service.counted("truceline_intake_acks_total"));
        let all = more(200).await;
        devices.wait_acked(usize::try_from(all).unwrap());
        assert!(taken < all - 200 && acks == taken, "{acks} acknowledged, {taken} stored, of {all}");
        assert_eq!((readings(&service), service.counted("truceline_intake_acks_total")), (taken, acks));
        std::fs::remove_file(&ballast).unwrap();
        wait_for("all of it", LIMIT, || readings(&service) == all);
        wait_for("the journal to be ready", LIMIT, || part(&service, "journal").0);
        assert_eq!(service.counted("truceline_journal_held"), 0);
        stored = all;
    }
    assert_eq!(service.log().matches("listening on").count(), 1, "it was never restarted");
    // Stopped while there is no room it ends as ever, with what was under way.
    std::fs::write(&ballast, vec![1; 40 << 20]).unwrap();
    let all = loop {
        let all = more(50).await;
        assert!(all < stored + 20_000, "no want of room is told:\n{}", service.log());
        if !part(&service, "journal").0 {
            break all;
        }
    };
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    std::fs::remove_file(&ballast).unwrap();
    service.start();
    wait_for("the rest", LIMIT, || readings(&service) == all);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert!(all > stored && journalled(&service).len() as u64 == all);
    nothing_comes_again(&mut service, broker.port).await;
}
