//! What becomes of messages, whatever is in them.

use proptest::prelude::*;
use truceline_core::time::Time;

use super::*;

fn judge() -> Judge {
    Judge::new(Topics::new("truceline/v1"), Span::from_secs(86_400), None)
}

fn now() -> Now {
    let now: Time = "2026-11-24T03:00:00Z".parse().unwrap();
    Now { journal: now, wall: now }
}

fn reading(device: &str, seq: u64) -> String {
    format!(
        r#"{{"v":1,"device":"{device}","boot":1,"seq":{seq},"time":"2026-11-24T03:00:00Z","clock":{{"source":"gnss"}},"position":{{"lat":48.1,"lon":37.9,"fix":"3d"}},"kind":"weather","data":{{"temperature_c":4.5}}}}"#
    )
}

fn judged(topic: &str, payload: &[u8]) -> Vec<Body> {
    judge().judge(Message { topic, content_type: None, payload }, &Registry::default(), now())
}

#[test]
fn a_reading_keeps_the_bytes_that_the_device_sent() {
    let payload = reading("a", 7);
    let bodies = judged("truceline/v1/readings/st01/a", payload.as_bytes());
    let [Body::Reading(entry)] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert_eq!((entry.boot, entry.seq, entry.incarnation), (1, 7, 0));
    assert_eq!(entry.bytes, payload.as_bytes());
}

#[test]
fn a_reject_keeps_at_most_64_kib_and_says_how_much_there_was() {
    let payload = vec![b'x'; 100_000];
    let bodies = judged("truceline/v1/readings/st01/a", &payload);
    let [Body::Reject(entry)] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert_eq!((entry.bytes.len(), entry.size), (65_536, 100_000));
}

#[test]
fn a_retained_state_that_is_cleared_says_nothing() {
    assert!(judged("truceline/v1/state/st01/a", b"").is_empty());
}

#[test]
fn a_state_is_told_apart_by_device_and_by_content() {
    let mut judge = judge();
    let mut told = |device: &str, payload: &str| {
        let topic = format!("truceline/v1/state/st01/{device}");
        let message = Message { topic: &topic, content_type: None, payload: payload.as_bytes() };
        !judge.judge(message, &Registry::default(), now()).is_empty()
    };
    let (on, off) = (r#"{"v":1,"online":true}"#, r#"{"v":1,"online":false}"#);
    assert_eq!([told("a", on), told("a", on), told("b", on)], [true, false, true]);
    assert_eq!([told("a", off), told("a", off), told("a", on)], [true, false, true]);
}

#[test]
fn states_count_as_readings_do_against_a_device_s_rate() {
    let topics = Topics::new("truceline/v1");
    let mut judge = Judge::new(topics, Span::from_secs(86_400), Some(RateLimit::new(1, 3)));
    let mut told = |boot: u32| {
        let payload = format!(r#"{{"v":1,"online":true,"boot":{boot}}}"#);
        let message = Message { topic: "truceline/v1/state/st01/a", content_type: None, payload: payload.as_bytes() };
        judge.judge(message, &Registry::default(), now())
    };
    let kept = (0..3).filter(|boot| matches!(told(*boot)[..], [Body::State(_)])).count();
    assert_eq!(kept, 3);
    let bodies = told(3);
    let [Body::Reject(reject)] = bodies.as_slice() else { panic!("{bodies:?}") };
    assert_eq!(reject.reason, RejectReason::RateLimited);
    assert!(told(2).is_empty(), "one that is known says nothing, and takes nothing of the rate");
}

#[test]
fn a_long_topic_or_content_type_is_kept_in_part_however_many_rejects_there_are() {
    let content_type = format!("application/json;{}", "x".repeat(60_000));
    let payload = format!("[{}]", vec!["0"; 500].join(","));
    for topic in ["truceline/v1/readings/st01/a".to_owned(), format!("truceline/v1/readings/{}/a", "S".repeat(60_000))]
    {
        let message = Message { topic: &topic, content_type: Some(&content_type), payload: payload.as_bytes() };
        for body in judge().judge(message, &Registry::default(), now()) {
            let Body::Reject(reject) = body else { panic!("{body:?}") };
            assert!(reject.topic.len() <= 512 && reject.content_type.is_some_and(|told| told.len() <= 128));
            assert!(topic.starts_with(&reject.topic));
        }
    }
}

#[test]
fn a_flood_of_invented_ids_ends_at_the_budget_of_new_ones_and_registered_devices_go_on() {
    let mut judge = judge();
    let mut registry = Registry::default();
    let listed: Id = "listed".parse().unwrap();
    registry.devices.insert(
        listed,
        Device {
            station: "st01".parse().unwrap(),
            incarnation: 1,
            mobility: truceline_core::registry::Mobility::Mobile,
            position: None,
            hacc_m: 10.0,
            kinds: std::collections::BTreeSet::new(),
            range_m: std::collections::BTreeMap::new(),
            interval_s: None,
            maintenance: Vec::new(),
            watched: false,
            max_speed_mps: None,
            gateway: None,
        },
    );
    let mut state = |device: &str| {
        let topic = format!("truceline/v1/state/st01/{device}");
        let message = Message { topic: &topic, content_type: None, payload: br#"{"v":1,"online":true}"# };
        match judge.judge(message, &registry, now()).remove(0) {
            Body::State(_) => None,
            Body::Reject(reject) => Some(reject.reason),
            other => panic!("{other:?}"),
        }
    };
    let refused: Vec<_> = (0..100_010).filter_map(|number| state(&format!("d{number}"))).collect();
    assert_eq!(refused, [RejectReason::RateLimited; 10]);
    assert_eq!(state("listed"), None);
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("truceline/v1/readings/st01/a".to_owned()),
        Just("truceline/v1/readings/ST/a".to_owned()),
        "truceline/v1/(readings|state)/[a-zA-Z0-9-]{0,40}/[a-z0-9]{0,40}",
        ".{0,80}",
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let cut = |text: String, at: usize| text.into_bytes().into_iter().take(at).collect::<Vec<u8>>();
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (0_u64..100, 0_usize..300).prop_map(move |(seq, at)| cut(reading("a", seq), at)),
        prop::collection::vec(0_u64..100, 0..10).prop_map(|seqs| {
            let all: Vec<String> = seqs.into_iter().map(|seq| reading("a", seq)).collect();
            format!("[{}]", all.join(",")).into_bytes()
        }),
        r#"[\[{]{1,3}"[a-z]{0,8}":.{0,60}[}\]]{0,3}"#.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_message_panics_and_each_that_is_not_a_state_leaves_something_durable(
        topic in topic(), content_type in prop::option::of("application/(json|cbor|cose|xml)"), payload in payload(),
    ) {
        let message = Message { topic: &topic, content_type: content_type.as_deref(), payload: &payload };
        let bodies = judge().judge(message, &Registry::default(), now());
        let may_be_silent = topic.starts_with("truceline/v1/state/") && payload.is_empty();
        prop_assert!(may_be_silent || !bodies.is_empty());
        for body in bodies {
            match body {
                Body::Reading(entry) => prop_assert!(entry.bytes.len() <= payload.len()),
                Body::Reject(entry) => prop_assert!(entry.bytes.len() <= MAX_REJECT_BYTES && entry.topic == topic),
                Body::State(_) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
