//! The service with a real InfluxDB 2: everything stored arrives there, whatever the server does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::time::{Duration, SystemTime};

use harness::influxd::{BUCKET, Influxd, ORG, TOKEN};
use harness::mosquitto::Mosquitto;
use harness::publisher::Publisher;
use harness::service::Service;
use harness::wait_for;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

/// Rows of a measurement, told apart by what names them.
fn count(influxd: &Influxd, measurement: &str, field: &str) -> usize {
    let flux = format!(
        r#"from(bucket: "{BUCKET}") |> range(start: 0) |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}") |> group() |> count()"#
    );
    let csv = influxd.query(&flux);
    let mut lines = csv.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let column = lines.next().and_then(|header| header.split(',').position(|name| name == "_value"));
    let value = lines.next().and_then(|line| line.split(',').nth(column?).and_then(|value| value.parse().ok()));
    value.unwrap_or(0)
}

#[allow(clippy::disallowed_methods)] // devices have clocks of their own
fn reading(seq: u64) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let time = truceline_core::time::Time::from_nanos(i64::try_from(since.as_nanos()).expect("before 2262"));
    let data = json!({"class": "explosion", "confidence": 0.9, "bearing_deg": 110.0, "bearing_sd_deg": 4.0});
    json!({"v": 1, "device": "st02-ac01", "boot": 1, "seq": seq, "time": time.to_string(),
        "clock": {"source": "gnss"}, "kind": "acoustic_detection", "data": data})
    .to_string()
}

/// Status and body of /readyz once all sinks to InfluxDB say what is wanted.
fn wait_for_sinks(service: &Service, what: &str, word: &str) {
    wait_for(what, LIMIT, || {
        service.get("/readyz").is_some_and(|(status, body)| {
            status == 503
                && body.contains("influxdb_readings")
                && body.contains("influxdb_alerts")
                && body.contains("influxdb_events")
                && body.contains(word)
        })
    });
}

#[test]
fn without_a_reading_an_influxdb_that_is_absent_or_refuses_is_told_until_it_takes_writes() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut influxd = Influxd::start(&dir.path().join("influxd"));
    influxd.stop();
    let token = dir.path().join("token");
    std::fs::write(&token, "wrong\n").expect("written");
    let url = influxd.url();
    let keys = [
        ("INFLUXDB__URL", url.as_str()),
        ("INFLUXDB__ORG", ORG),
        ("INFLUXDB__BUCKET", BUCKET),
        ("INFLUXDB__TOKEN_FILE", token.to_str().expect("UTF-8")),
    ];
    let mut service = Service::new(dir.path(), &broker.url(), &keys);
    service.spawn();
    wait_for_sinks(&service, "the absence to be told", "does not answer");
    influxd.start_again();
    wait_for_sinks(&service, "the token to be told", "refuses the token");
    std::fs::write(&token, format!("{TOKEN}\n")).expect("written");
    service.wait_ready();
    let log = service.log();
    let told = |why: &str| log.lines().filter(|line| line.contains("influxdb_readings") && line.contains(why)).count();
    assert_eq!((told("does not answer"), told("refuses the token")), (1, 1), "each once in the log:\n{log}");
    assert_eq!(count(&influxd, "reading", "seq"), 0, "to ask changes nothing");
    assert_eq!(service.stop(), Some(0), "{}", service.log());

    let elsewhere = [&keys[..2], &[("INFLUXDB__BUCKET", "nowhere")], &keys[3..]].concat();
    let mut service = Service::new(&dir.path().join("second"), &broker.url(), &elsewhere);
    service.spawn();
    wait_for_sinks(&service, "the missing bucket to be told", "no bucket 'nowhere'");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_arrives_in_influxdb_once_also_when_it_was_down() {
    let dir = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let mut influxd = Influxd::start(&dir.path().join("influxd"));
    let token = dir.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).expect("written");
    let url = influxd.url();
    let keys = [
        ("INFLUXDB__URL", url.as_str()),
        ("INFLUXDB__ORG", ORG),
        ("INFLUXDB__BUCKET", BUCKET),
        ("INFLUXDB__TOKEN_FILE", token.to_str().expect("UTF-8")),
    ];
    let mut service = Service::new(dir.path(), &broker.url(), &keys);
    service.start();
    let device = Publisher::connect(broker.port, "device");
    let topic = "truceline/v1/readings/st02/st02-ac01";
    for seq in 0..300 {
        device.publish(seq, topic, reading(seq)).await;
    }
    wait_for("300 readings in InfluxDB", LIMIT, || count(&influxd, "reading", "seq") == 300);

    influxd.stop();
    for seq in 300..500 {
        device.publish(seq, topic, reading(seq)).await;
    }
    wait_for("ingest to go on without InfluxDB", LIMIT, || service.api("/api/v1/stats")["readings"]["stored"] == 500);
    wait_for("the reason on /readyz", LIMIT, || {
        service.get("/readyz").is_some_and(|(status, body)| status == 503 && body.contains("influxdb_readings"))
    });
    wait_for("all of it told as not delivered", LIMIT, || {
        service.api("/api/v1/stats")["lag"]["influxdb"].as_u64().expect("a number") >= 200
    });
    service.kill();
    service.spawn();
    influxd.start_again();
    wait_for("the rest in InfluxDB", LIMIT, || count(&influxd, "reading", "seq") == 500);
    wait_for("nothing behind", LIMIT, || service.api("/api/v1/stats")["lag"]["influxdb"] == 0);
    assert_eq!(count(&influxd, "reading", "seq"), 500, "nothing twice");
    assert_eq!(service.stop(), Some(0), "{}", service.log());
    let revisions = service.alert_log().lines().count();
    assert!(revisions >= 1);
    assert_eq!(count(&influxd, "alert", "revision"), revisions);
}
