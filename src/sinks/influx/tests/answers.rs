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

/// As InfluxDB words that it cannot read a request.
const INVALID: &str = r#"{"code":"invalid","message":"unable to parse"}"#;
/// As InfluxDB words that it left points out.
const LEFT_OUT: &str = r#"{"code":"unprocessable entity","message":"partial write: field type conflict dropped=1"}"#;

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
    Setup { folder, server, points: Points { writer, form: Form::Internal, doubt: None } }
}

fn rows(count: u64) -> Arc<Vec<Entry>> {
    Arc::new((1..=count).map(weather).collect())
}

fn is_about(line: &str, seq: u64) -> bool {
    line.contains(&format!(",seq={seq}i,"))
}

#[tokio::test]
async fn a_refused_batch_is_halved_down_to_the_lines_at_fault() {
    for (status, said) in [(400, INVALID), (413, "page"), (422, LEFT_OUT)] {
        let bad = |lines: &[String]| lines.iter().any(|line| is_about(line, 3) || is_about(line, 77));
        let mut setup =
            setup(move |lines| if bad(lines) { Answer::Status(status, said) } else { Answer::Status(204, "") }).await;
        let delivered = setup.points.deliver(rows(100)).await.unwrap();
        assert_eq!(delivered.sent, 98);
        let dead: Vec<u64> = delivered.dead_letters.iter().map(|letter| letter.position).collect();
        assert_eq!(dead, [3, 77]);
        assert!(delivered.dead_letters[0].error.contains(said), "{:?}", delivered.dead_letters[0]);
        let taken = setup.server.taken.lock().unwrap().clone();
        assert_eq!(taken.len(), 98, "none twice");
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 98);
    }
}

#[tokio::test]
async fn where_every_line_is_refused_nothing_is_given_up_and_one_line_asks_again() {
    for (status, said) in [(400, INVALID), (413, "page")] {
        let sound = Arc::new(AtomicUsize::new(0));
        let (asked, sizes) = (Arc::clone(&sound), Arc::new(std::sync::Mutex::new(Vec::new())));
        let seen = Arc::clone(&sizes);
        let mut setup = setup(move |lines| {
            seen.lock().unwrap().push(lines.len());
            // Sound again, one of the lines is at fault all the same.
            match asked.load(Ordering::SeqCst) {
                1 if !lines.iter().any(|line| is_about(line, 3)) => Answer::Status(204, ""),
                _ => Answer::Status(status, said),
            }
        })
        .await;
        let refused = |setback: &Setback| matches!(setback, Setback::Refused(why) if why.contains("every one of 10"));
        let setback = setup.points.deliver(rows(10)).await.unwrap_err();
        assert!(refused(&setback), "{setback:?}");
        for _ in 0..20 {
            sizes.lock().unwrap().clear();
            let setback = setup.points.deliver(rows(10)).await.unwrap_err();
            assert!(refused(&setback), "{setback:?}");
            assert_eq!(*sizes.lock().unwrap(), [1], "not all of them each time");
        }
        assert_eq!(*setup.server.taken.lock().unwrap(), [""; 0]);
        sound.store(1, Ordering::SeqCst);
        let mut tries = 0;
        let delivered = loop {
            match setup.points.deliver(rows(10)).await {
                Ok(delivered) => break delivered,
                // The line at fault was the one that asked.
                Err(setback) => assert!(refused(&setback) && tries < 2, "{setback:?}"),
            }
            tries += 1;
        };
        let dead: Vec<u64> = delivered.dead_letters.iter().map(|letter| letter.position).collect();
        assert_eq!((delivered.sent, dead.as_slice()), (9, &[3][..]));
    }
}

#[tokio::test]
async fn a_lone_line_that_is_refused_is_given_up_once_another_one_is_taken() {
    let bad = |lines: &[String]| lines.iter().any(|line| is_about(line, 1));
    let mut setup =
        setup(move |lines| if bad(lines) { Answer::Status(400, INVALID) } else { Answer::Status(204, "") }).await;
    for _ in 0..3 {
        let setback = setup.points.deliver(rows(1)).await.unwrap_err();
        assert!(matches!(&setback, Setback::Refused(why) if why.contains("every one of 1 ")), "{setback:?}");
    }
    let mut tries = 0;
    let delivered = loop {
        match setup.points.deliver(rows(2)).await {
            Ok(delivered) => break delivered,
            Err(setback) => assert!(tries < 2, "{setback:?}"),
        }
        tries += 1;
    };
    assert_eq!((delivered.sent, delivered.dead_letters[0].position), (1, 1));
}

#[tokio::test]
async fn lines_that_influxdb_itself_leaves_out_stall_nothing_even_if_they_are_all() {
    let mut setup = setup(|_| Answer::Status(422, LEFT_OUT)).await;
    let delivered = setup.points.deliver(rows(10)).await.unwrap();
    assert_eq!((delivered.sent, delivered.dead_letters.len()), (0, 10));
}

#[tokio::test]
async fn a_400_in_other_words_than_influxdbs_blames_no_line_and_no_probe_takes_it_for_an_entrance() {
    for said in ["<html>Bad Request</html>", "", r#"{"error":"no"}"#] {
        let mut setup = setup(move |_| Answer::Status(400, said)).await;
        for rows in [rows(1), rows(3)] {
            let setback = setup.points.deliver(rows).await.unwrap_err();
            assert!(matches!(&setback, Setback::Refused(why) if why.contains("check influxdb.url")), "{setback:?}");
        }
        let probed = Delivery::<Entry>::probe(&mut setup.points).await;
        assert!(matches!(probed, Err(Setback::Refused(_))), "{said}: {probed:?}");
    }
    let mut setup = setup(|_| Answer::Status(400, INVALID)).await;
    assert_eq!(Delivery::<Entry>::probe(&mut setup.points).await, Ok(()));
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
