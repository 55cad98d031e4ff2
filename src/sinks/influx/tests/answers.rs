//! What each answer of a server leads to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use truceline_core::log::Entry;

use super::super::client::{Target, Writer};
use super::super::{Delivery, Points};
use super::unruly_server::{Answer, UnrulyServer};
use super::weather;
use crate::sinks::Form;
use crate::sinks::worker::Setback;

struct Setup {
    folder: tempfile::TempDir,
    server: UnrulyServer,
    points: Points,
}

async fn setup(temper: impl Fn(&[String]) -> Answer + Send + Sync + 'static) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "first\n").unwrap();
    let server = UnrulyServer::start(temper).await;
    let writer = Writer::new(Target {
        url: server.url.clone(),
        org: "o".to_owned(),
        bucket: "b".to_owned(),
        token_file,
        timeout: Duration::from_secs(10),
    });
    Setup { folder, server, points: Points { writer, form: Form::Internal } }
}

fn rows(count: u64) -> Arc<Vec<Entry>> {
    Arc::new((1..=count).map(weather).collect())
}

fn is_about(line: &str, seq: u64) -> bool {
    line.contains(&format!(",seq={seq}i,"))
}

#[tokio::test]
async fn a_refused_batch_is_halved_down_to_the_lines_at_fault() {
    for status in [400, 413, 422] {
        let bad = |lines: &[String]| lines.iter().any(|line| is_about(line, 3) || is_about(line, 77));
        let mut setup =
            setup(move |lines| if bad(lines) { Answer::Status(status, "line") } else { Answer::Status(204, "") }).await;
        let delivered = setup.points.deliver(rows(100)).await.unwrap();
        assert_eq!(delivered.sent, 98);
        let dead: Vec<u64> = delivered.dead_letters.iter().map(|letter| letter.position).collect();
        assert_eq!(dead, [3, 77]);
        assert!(delivered.dead_letters[0].error.contains("line"), "{:?}", delivered.dead_letters[0]);
        let taken = setup.server.taken.lock().unwrap().clone();
        assert_eq!(taken.len(), 98, "none twice");
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 98);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_goes_in_parts_and_nothing_is_given_up() {
    let mut setup =
        setup(|lines| if lines.len() > 7 { Answer::Status(413, "too large") } else { Answer::Status(204, "") }).await;
    let delivered = setup.points.deliver(rows(100)).await.unwrap();
    assert_eq!((delivered.sent, delivered.dead_letters.len()), (100, 0));
    assert_eq!(setup.server.taken.lock().unwrap().len(), 100);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_or_fails_blames_no_line() {
    for status in [429, 500, 502, 503] {
        let mut setup = setup(move |_| Answer::Status(status, "later")).await;
        let setback = setup.points.deliver(rows(3)).await.unwrap_err();
        assert!(matches!(&setback, Setback::Unreachable(why) if why.contains("later")), "{setback:?}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer_and_the_second_sending_falls_on_the_first() {
    let asked = AtomicUsize::new(0);
    let mut setup = setup(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::TakenThenCut,
        _ => Answer::Status(204, ""),
    })
    .await;
    let setback = setup.points.deliver(rows(5)).await.unwrap_err();
    assert!(matches!(setback, Setback::Unreachable(_)), "{setback:?}");
    assert_eq!(setup.points.deliver(rows(5)).await.unwrap().sent, 5);
    let taken = setup.server.taken.lock().unwrap().clone();
    // Tags and time are equal, so the server keeps one point of each two.
    assert_eq!(taken[..5], taken[5..]);
}

#[tokio::test]
async fn a_refused_token_is_read_again_from_its_file() {
    let allowed = Arc::new(AtomicUsize::new(0));
    let temper = Arc::clone(&allowed);
    let mut setup = setup(move |_| match temper.load(Ordering::SeqCst) {
        0 => Answer::Status(401, "unauthorized"),
        _ => Answer::Status(204, ""),
    })
    .await;
    let setback = setup.points.deliver(rows(1)).await.unwrap_err();
    assert!(matches!(&setback, Setback::Refused(why) if why.contains("token")), "{setback:?}");
    std::fs::write(setup.folder.path().join("token"), "second").unwrap();
    allowed.store(1, Ordering::SeqCst);
    setup.points.deliver(rows(1)).await.unwrap();
    assert_eq!(*setup.server.tokens.lock().unwrap(), ["Token first", "Token second"]);
}

#[tokio::test]
async fn what_is_not_an_influxdb_is_told_apart_from_one_that_is_down() {
    for (status, expected) in
        [(404, "no bucket"), (403, "token"), (200, "check influxdb.url"), (302, "check influxdb.url")]
    {
        let mut setup = setup(move |_| Answer::Status(status, "page")).await;
        let setback = setup.points.deliver(rows(2)).await.unwrap_err();
        assert!(matches!(&setback, Setback::Refused(why) if why.contains(expected)), "{status}: {setback:?}");
    }
    let mut setup = setup(|_| Answer::Status(204, "")).await;
    std::fs::remove_file(setup.folder.path().join("token")).unwrap();
    let setback = setup.points.deliver(rows(2)).await.unwrap_err();
    assert!(matches!(&setback, Setback::Refused(why) if why.contains("token file")), "{setback:?}");
}

#[tokio::test]
async fn a_reading_whose_bytes_are_none_becomes_a_dead_letter() {
    let mut setup = setup(|_| Answer::Status(204, "")).await;
    let mut rows: Vec<Entry> = (1..=2).map(weather).collect();
    let truceline_core::log::Body::Reading(entry) = &mut rows[0].body else { unreachable!() };
    entry.bytes = b"not a reading".to_vec();
    let delivered = setup.points.deliver(Arc::new(rows)).await.unwrap();
    assert_eq!((delivered.sent, delivered.dead_letters[0].position), (1, 1));
}
