//! Alerts over MQTT: each change at least once, whatever the broker goes through.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Packet};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use truceline::sinks::{AlertRow, Cursors, MqttConfig, RunningSink, SinkState, start_mqtt};
use truceline_core::alert::ViewerAlert;

use crate::harness::mosquitto::Mosquitto;
use crate::logs::{Log, alert, deny_commits, late, quick, reach};

struct Received {
    topic: String,
    retained: bool,
    qos: QoS,
    text: String,
}

/// A subscriber with a persistent session, which comes back whenever the broker does.
fn subscribe(port: u16) -> (mpsc::Receiver<Received>, watch::Receiver<bool>) {
    let mut options = MqttOptions::new("subscriber", "127.0.0.1", port);
    options.set_clean_start(false);
    options.set_connect_properties(ConnectProperties {
        session_expiry_interval: Some(3_600),
        max_packet_size: Some(1 << 20),
        ..ConnectProperties::new()
    });
    let (client, mut events) = AsyncClient::new(options, 10);
    let (tell, received) = mpsc::channel(10_000);
    let (subscribed, told) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(ack))) if !ack.session_present => {
                    client.try_subscribe("truceline/v1/alerts/#", QoS::AtLeastOnce).expect("room");
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send(true)),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let received = Received {
                        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                        retained: publish.retain,
                        qos: publish.qos,
                        text: String::from_utf8_lossy(&publish.payload).into_owned(),
                    };
                    if tell.send(received).await.is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                // The pause between two attempts to connect.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    (received, told)
}

fn start(folder: &Path, port: u16, rows: &Arc<Log<AlertRow>>) -> (RunningSink, CancellationToken) {
    let config = MqttConfig {
        host: "127.0.0.1".to_owned(),
        port,
        transport: rumqttc::Transport::Tcp,
        client_id: "truceline-alerts".to_owned(),
        login: None,
        topic_prefix: "truceline/v1".to_owned(),
        keep_alive: Duration::from_secs(30),
        viewer_delay: Duration::from_secs(15),
        delays: quick(),
    };
    let cursors = Cursors::open(&folder.join("sinks.db")).expect("the sinks' file");
    let stop = CancellationToken::new();
    (start_mqtt(&config, truceline::sinks::Generation::default(), rows.clone(), &cursors, &late(), &stop), stop)
}

/// Receives until every one of these revisions of the ten alerts has come; how many came in all.
async fn receive(received: &mut mpsc::Receiver<Received>, seqs: std::ops::RangeInclusive<u64>) -> usize {
    let mut missing: BTreeSet<(String, u32)> = seqs
        .map(|seq| {
            let alert = alert(seq).said;
            (alert.id.to_string(), alert.revision)
        })
        .collect();
    let mut count = 0;
    while !missing.is_empty() {
        let next = tokio::time::timeout(Duration::from_secs(60), received.recv()).await;
        let Ok(Some(message)) = next else { panic!("{} are missing: {missing:?}", missing.len()) };
        assert_eq!((message.retained, message.qos), (false, QoS::AtLeastOnce));
        let alert: ViewerAlert = serde_json::from_str(&message.text).expect("an alert");
        assert_eq!(message.topic, format!("truceline/v1/alerts/no-fire/{}", alert.id));
        assert!(!["evidence", "48.123", "dev-1"].iter().any(|word| message.text.contains(word)), "{}", message.text);
        missing.remove(&(alert.id.to_string(), alert.revision));
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_arrives_though_broker_and_service_stop_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Mosquitto::start(&folder.path().join("mosquitto"));
    let (mut received, mut subscribed) = subscribe(broker.port);
    subscribed.wait_for(|yes| *yes).await.expect("a subscription");
    let rows = Log::new();
    let (sink, stop) = start(folder.path(), broker.port, &rows);
    rows.append(500, alert);
    assert_eq!(receive(&mut received, 1..=500).await, 500, "without trouble none comes twice");
    reach(&sink, "the acknowledgements", |status| status.position == 500).await;

    broker.stop();
    rows.append(300, alert);
    reach(&sink, "the trouble to be told", |status| matches!(status.state, SinkState::Unreachable(_))).await;
    broker.start_again();
    receive(&mut received, 501..=800).await;
    reach(&sink, "the acknowledgements", |status| status.position == 800).await;

    stop.cancel();
    sink.task.await.expect("the task");
    rows.append(10, alert);
    let (sink, _stop) = start(folder.path(), broker.port, &rows);
    assert_eq!(receive(&mut received, 801..=810).await, 10, "only what is new");
    reach(&sink, "the acknowledgements", |status| status.position == 810).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_alert_to_send_an_absent_broker_is_told_and_then_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Mosquitto::start(&folder.path().join("mosquitto"));
    broker.stop();
    let (sink, _stop) = start(folder.path(), broker.port, &Log::new());
    reach(&sink, "the trouble to be told", |status| matches!(status.state, SinkState::Unreachable(_))).await;
    broker.start_again();
    reach(&sink, "the connection", |status| status.state == SinkState::CaughtUp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_absent_at_the_start_is_awaited() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Mosquitto::start(&folder.path().join("mosquitto"));
    broker.stop();
    let rows = Log::new();
    rows.append(100, alert);
    let (sink, _stop) = start(folder.path(), broker.port, &rows);
    reach(&sink, "the trouble to be told", |status| matches!(status.state, SinkState::Unreachable(_))).await;
    broker.start_again();
    reach(&sink, "the acknowledgements", |status| status.position == 100 && status.state == SinkState::CaughtUp).await;
}

/// The text of each dead letter with its position.
fn letters(folder: &Path) -> Vec<(u64, String)> {
    let cursors = Cursors::open(&folder.join("sinks.db")).expect("the sinks' file");
    let letters = cursors.dead_letters("mqtt_alerts", 1_000).expect("the dead letters");
    letters.into_iter().map(|letter| (letter.position, letter.error)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_larger_than_the_broker_takes_becomes_a_dead_letter_and_the_others_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start_with(&folder.path().join("mosquitto"), "max_packet_size 1500");
    let (mut received, mut subscribed) = subscribe(broker.port);
    subscribed.wait_for(|yes| *yes).await.expect("a subscription");
    let rows = Log::new();
    let (sink, _stop) = start(folder.path(), broker.port, &rows);
    rows.append(100, |seq| {
        let mut row = alert(seq);
        if seq % 10 == 7 {
            row.said.labels = vec!["x".repeat(2_000)];
        }
        row
    });
    let status = reach(&sink, "all to be settled", |status| status.position == 100).await;
    assert_eq!(status.dead_letters, 10);
    let letters = letters(folder.path());
    assert_eq!(
        letters.iter().map(|(position, _)| *position).collect::<Vec<_>>(),
        [7, 17, 27, 37, 47, 57, 67, 77, 87, 97]
    );
    assert!(letters.iter().all(|(_, error)| error.contains("packets up to 1500 bytes")), "{letters:?}");
    for seq in (1..=100).filter(|seq| seq % 10 != 7) {
        assert_eq!(receive(&mut received, seq..=seq).await, 1, "in order, and none twice");
    }
}

/// A broker that answers each message as it is told, which a real one seldom does.
async fn broker_that_answers(reason: impl Fn(&str) -> u8 + Send + Sync + 'static) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Some((kind, body)) = packet(&mut stream).await {
                let answer = match kind >> 4 {
                    // CONNECT: accepted, no properties.
                    1 => vec![0x20, 3, 0, 0, 0],
                    3 => {
                        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                        let number = [body[2 + topic], body[3 + topic]];
                        let topic = String::from_utf8_lossy(&body[2..2 + topic]).into_owned();
                        vec![0x40, 4, number[0], number[1], reason(&topic), 0]
                    }
                    12 => vec![0xd0, 0],
                    _ => break,
                };
                if stream.write_all(&answer).await.is_err() {
                    break;
                }
            }
        }
    });
    port
}

/// The first byte of an MQTT packet, and what follows its length.
async fn packet(stream: &mut tokio::net::TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let mut length = 0;
    for place in 0..4 {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_the_broker_refuses_for_itself_becomes_a_dead_letter_and_stops_no_other() {
    for reason in [0x90, 0x99] {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = alert(3).said.id.to_string();
        let port = broker_that_answers(move |topic| if topic.ends_with(&refused) { reason } else { 0 }).await;
        let rows = Log::new();
        let (sink, _stop) = start(folder.path(), port, &rows);
        rows.append(200, alert);
        let status = reach(&sink, "all to be settled", |status| status.position == 200).await;
        assert_eq!(status.dead_letters, 20);
        let positions: Vec<u64> = letters(folder.path()).into_iter().map(|(position, _)| position).collect();
        assert_eq!(positions, (1..=200).filter(|seq| seq % 10 == 3).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lets_no_alert_in_is_told_and_nothing_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = broker_that_answers(|_| 0x87).await;
    let rows = Log::new();
    let (sink, _stop) = start(folder.path(), port, &rows);
    rows.append(5, alert);
    let status = reach(&sink, "the refusal", |status| matches!(status.state, SinkState::Refused(_))).await;
    assert_eq!((status.position, status.dead_letters), (0, 0));
    assert_eq!(letters(folder.path()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_committed_after_the_publishing_sends_it_again_and_leaves_nothing_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&folder.path().join("mosquitto"));
    let (mut received, mut subscribed) = subscribe(broker.port);
    subscribed.wait_for(|yes| *yes).await.expect("a subscription");
    let rows = Log::new();
    let (sink, stop) = start(folder.path(), broker.port, &rows);
    rows.append(10, alert);
    reach(&sink, "the first alerts", |status| status.position == 10).await;
    assert_eq!(receive(&mut received, 1..=10).await, 10);
    deny_commits(folder.path(), true);
    rows.append(10, alert);
    receive(&mut received, 11..=20).await;
    let told = reach(
        &sink,
        "the commit's failure to be told",
        |status| matches!(&status.state, SinkState::Unreachable(why) if why.contains("no room")),
    )
    .await;
    assert_eq!(told.position, 10, "what is not committed is not done");
    stop.cancel();
    sink.task.await.expect("the task");
    deny_commits(folder.path(), false);
    let (sink, _stop) = start(folder.path(), broker.port, &rows);
    rows.append(10, alert);
    receive(&mut received, 21..=30).await;
    reach(&sink, "all", |status| status.position == 30).await;
}
