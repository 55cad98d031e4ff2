//! A disk that fails under the running service: what SQLite is told is injected with strace into the calls that it makes.

use std::process::{Child, Command, Stdio};

use tempfile::tempdir;

use crate::harness::mosquitto::Mosquitto;
use crate::harness::publisher::Publisher;
use crate::harness::service::Service;
use crate::harness::wait_for;
use crate::oracle::{LIMIT, journalled, nothing_comes_again, publish, readings};

/// Lets calls of the process on the journal's files fail from now on.
fn inject(service: &Service, call: &str, error: &str) -> Child {
    let process = service.process();
    let file = |name: &str| service.data_dir.join(name).display().to_string();
    Command::new("strace")
        .args(["-f", "-qq", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:error={error}")])
        .args(["-P", &file("journal.db"), "-P", &file("journal.db-wal")])
        .args(["-o", "/dev/null", "-p", &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace; `make setup` installs it")
}

/// Whether another process traces it.
fn is_traced(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
}

async fn fails(call: &str, error: &str) {
    let dir = tempdir().unwrap();
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut service = Service::new(dir.path(), &broker.url(), &[]);
    service.start();
    let devices = Publisher::connect(broker.port, "devices");
    let mut next = 0;
    let mut more = async |count: u64| {
        publish(&devices, next, next + count).await;
        next += count;
        next
    };
    let before = more(300).await;
    wait_for("the first readings", LIMIT, || readings(&service) == before);
    let mut tracer = inject(&service, call, error);
    let process = service.process();
    wait_for("strace", LIMIT, || is_traced(process));
    let all = more(300).await;
    assert_eq!(service.wait(), Some(74), "{call} {error}: {}", service.log());
    tracer.wait().expect("strace ends with it");
    let log = service.log();
    assert!(log.contains("cannot be written") && log.contains("mend the disk"), "{call} {error}:\n{log}");

    // On a sound disk all is there that the broker acknowledged, once, and nothing of it comes again afterwards.
    service.start();
    devices.wait_acked(usize::try_from(all).unwrap());
    wait_for("the rest", LIMIT, || readings(&service) == all);
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    assert_eq!(journalled(&service).len() as u64, all);
    nothing_comes_again(&mut service, broker.port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_in_a_write_or_in_fsync_ends_the_service_and_loses_nothing() {
    for (call, error) in [("write,pwrite64", "EIO"), ("write,pwrite64", "ENOSPC"), ("fsync,fdatasync", "EIO")] {
        fails(call, error).await;
    }
}
