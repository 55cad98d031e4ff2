//! The Grafana dashboard: its queries are run by a real InfluxDB 2.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::file;
use crate::harness::influxd::{BUCKET, Influxd, ORG, TOKEN};

fn dashboard() -> Value {
    serde_json::from_str(&file("grafana/dashboards/truceline.json")).expect("JSON")
}

fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels
        .iter()
        .map(|panel| {
            let query = panel["targets"][0]["query"].as_str().expect("a query");
            (panel["title"].as_str().expect("a title").to_owned(), query.to_owned())
        })
        .collect()
}

#[test]
fn the_dashboard_asks_for_nothing_that_the_sink_does_not_write() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sinks/influx");
    let sink: String =
        ["reading.rs", "alert.rs"].into_iter().map(|name| fs::read_to_string(folder.join(name)).expect(name)).collect();
    for (title, query) in queries(&dashboard()) {
        let fields = query.split("r._field == \"").skip(1).filter_map(|rest| rest.split('"').next());
        let sets = query.split("set: [").skip(1).filter_map(|rest| rest.split(']').next());
        for field in fields.chain(sets.flat_map(|set| set.split(", ").map(|name| name.trim_matches('"')))) {
            assert!(sink.contains(&format!("\"{field}\"")), "{title}: nobody writes '{field}'");
        }
    }
}

#[test]
fn the_dashboard_and_its_data_source_know_each_other() {
    let dashboard = dashboard();
    let source = file("grafana/provisioning/datasources/influxdb.yaml");
    let mut ids = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let uid = panel["datasource"]["uid"].as_str().expect("a data source");
        assert!(source.contains(&format!("uid: {uid}\n")));
        ids.push(panel["id"].as_u64().expect("an id"));
        let title = panel["title"].as_str().expect("a title").to_lowercase();
        assert!(!title.contains("violation") || title.contains("suspected"), "{title}");
    }
    ids.dedup();
    assert_eq!(ids.len(), dashboard["panels"].as_array().expect("panels").len());
}

// The server's list of tag values looks back from now, by its own clock.
#[allow(clippy::disallowed_methods)]
#[test]
fn every_panel_shows_something_once_readings_and_alerts_are_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Influxd::start(dir.path());
    let now = jiff::Timestamp::now().as_second();
    let nanos = |seconds_ago: i64| (now - seconds_ago) * 1_000_000_000;
    let lines = [
        format!(
            "reading,device=st07-ac03,kind=acoustic_detection,station=st07 boot=1i,seq=1i,class=\"explosion\" {}",
            nanos(60)
        ),
        format!("reading,device=st07-ac03,kind=health,station=st07 boot=1i,seq=2i,battery_pct=81.0 {}", nanos(50)),
        format!(
            "reading,device=st07-ac04,kind=health,station=st07 boot=1i,seq=1i,time_basis=\"estimated\" {}",
            nanos(40)
        ),
        format!("alert,category=no_fire,rule=no-fire {} {}", alert_fields("a", 1, 1, "open"), nanos(45)),
        format!("alert,category=no_fire,rule=no-fire {} {}", alert_fields("a", 2, 3, "open"), nanos(30)),
        format!("alert,category=tamper,rule=tamper {} {}", alert_fields("b", 1, 2, "open"), nanos(44)),
        format!("alert,category=tamper,rule=tamper {} {}", alert_fields("b", 2, 4, "ended"), nanos(20)),
    ];
    let written = Command::new("curl")
        .args(["-sf", "-X", "POST", "-H"])
        .arg(format!("Authorization: Token {TOKEN}"))
        .arg("--data-binary")
        .arg(lines.join("\n"))
        .arg(format!("{}/api/v2/write?org={ORG}&bucket={BUCKET}&precision=ns", server.url()))
        .status()
        .expect("curl");
    assert!(written.success());

    let dashboard = dashboard();
    // What Grafana sets before it sends a query.
    let option = format!(
        "option v = {{timeRangeStart: -1h, timeRangeStop: now(), windowPeriod: 10s, defaultBucket: \"{BUCKET}\"}}\n"
    );
    let run = |query: &str| server.query(&format!("{option}{}", query.replace("${station:regex}", ".*")));
    for (title, query) in queries(&dashboard) {
        let answer = run(&query);
        let rows = answer.lines().filter(|line| line.starts_with(",_result") || line.starts_with(",,")).count();
        assert!(rows > 0 && !answer.contains("error"), "{title}: {answer}");
        if title == "Open suspected violations" {
            assert!(!answer.contains("tamper"), "an ended alert is shown as open: {answer}");
        }
    }
    let variable = dashboard["templating"]["list"][0]["query"].as_str().expect("a query");
    // An import stands before the option.
    let (import, rest) = variable.split_once('\n').expect("an import");
    let answer = server.query(&format!("{import}\n{option}{rest}"));
    assert!(answer.contains("st07"), "{answer}");
}

fn alert_fields(id: &str, revision: u32, seq: u32, state: &str) -> String {
    format!(
        "id=\"{id}\",revision={revision}i,seq={seq}i,state=\"{state}\",severity=\"severe\",certainty=\"likely\",\
         probability=0.8,detections=3i,summary=\"Suspected\",labels=\"\",status=\"actual\""
    )
}
