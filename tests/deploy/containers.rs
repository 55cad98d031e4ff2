//! Compose file and Dockerfile, by their text.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use crate::file;

/// The services of compose.yaml with their own lines.
fn services(compose: &str) -> Vec<(String, Vec<String>)> {
    let mut services: Vec<(String, Vec<String>)> = Vec::new();
    let section =
        compose.split_once("\nservices:\n").expect("services").1.split_once("\nsecrets:\n").expect("secrets").0;
    for line in section.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        match line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).and_then(|rest| rest.strip_suffix(':')) {
            Some(name) => services.push((name.to_owned(), Vec::new())),
            None => services.last_mut().expect("a service first").1.push(line.trim().to_owned()),
        }
    }
    services
}

#[test]
fn every_service_is_hardened_limited_and_published_to_loopback_only() {
    let compose = file("compose.yaml");
    let hardened =
        compose.split_once("x-hardened: &hardened\n").expect("hardened").1.split_once("\n\n").expect("end").0;
    for wanted in ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"] {
        assert!(hardened.contains(wanted), "{wanted}");
    }
    let services = services(&compose);
    let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mosquitto", "influxdb", "truceline", "grafana"]);
    for (name, lines) in &services {
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        assert!(has("<<: *hardened") && has("mem_limit:") && has("pids_limit:"), "{name}");
        let ports: Vec<&String> = lines.iter().filter(|line| line.starts_with("ports:")).collect();
        assert!(ports.len() == 1 && ports[0].starts_with("ports: [\"127.0.0.1:"), "{name}: {ports:?}");
        assert!(!has("privileged") && !has("network_mode") && !has("cap_add"), "{name}");
    }
    assert!(!compose.contains(":latest"));
}

#[test]
fn secrets_stand_in_no_file_of_deploy() {
    let compose = file("compose.yaml");
    for line in compose.lines().filter(|line| line.contains("PASSWORD") || line.contains("TOKEN")) {
        assert!(line.contains("_FILE: /run/secrets/"), "{line}");
    }
    assert!(file("grafana/provisioning/datasources/influxdb.yaml").contains("token: $__file{/run/secrets/"));
    let ignored = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.gitignore")).expect("readable");
    assert!(ignored.lines().any(|line| line == "/deploy/secrets/"));
}

#[test]
fn the_last_stage_has_no_toolchain_and_runs_as_nobody_special() {
    let dockerfile = file("Dockerfile");
    let last = dockerfile.rsplit_once("\nFROM ").expect("stages").1;
    assert!(last.starts_with("${RUNTIME_IMAGE}") && dockerfile.contains("RUNTIME_IMAGE=debian:"));
    assert!(!last.contains("cargo") && !last.contains("apt-get"));
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    assert_ne!(user, "0");
    let entry = last.find("ENTRYPOINT").expect("an entry point");
    assert!(last.find("USER ").expect("a user") < entry);
}

/// Answers one request with `status`; the port.
fn answer_once(status: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut head = Vec::new();
        let mut byte = [0_u8];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("its head") == 1 {
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"));
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    port
}

#[test]
fn the_health_check_tells_an_answer_from_none() {
    let dockerfile = file("Dockerfile");
    let command = dockerfile
        .split_once("HEALTHCHECK")
        .and_then(|(_, rest)| rest.split_once("CMD "))
        .and_then(|(_, rest)| rest.lines().next())
        .expect("a health check");
    let command: Vec<String> = serde_json::from_str(command).expect("a JSON array, as Docker wants it");
    let check = |port: u16| {
        let script = command[2].replace("127.0.0.1/8080", &format!("127.0.0.1/{port}"));
        assert_ne!(script, command[2]);
        Command::new(&command[0]).args([&command[1], &script]).output().expect("bash").status.success()
    };
    assert!(check(answer_once("200 OK")));
    assert!(!check(answer_once("503 Service Unavailable")));
    assert!(!check(crate::harness::free_port()));
}
