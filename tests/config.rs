//! The configuration: defaults, file, environment, and faults that say what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreadable_literal)]

use std::fs;

use truceline::config::{ConfigFault, DEFAULT, load};

fn with_file(text: &str) -> Result<truceline::config::Config, Vec<ConfigFault>> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("truceline.toml");
    fs::write(&file, text).expect("written");
    load(Some(&file), [])
}

fn messages(faults: &[ConfigFault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect()
}

#[test]
fn the_defaults_are_valid_and_reach_nothing_outside() {
    let config = load(None, []).expect("defaults");
    assert!(config.http.listen.ip().is_loopback());
    assert!(config.broker.listen.ip().is_loopback() && !config.broker.enabled);
    assert!(config.influxdb.is_none() && config.mqtt.login.is_none());
    assert_eq!(config.mqtt.url.as_str(), "mqtt://127.0.0.1:1883");
}

#[test]
fn a_file_lies_over_the_defaults_and_the_environment_over_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("truceline.toml");
    fs::write(&file, "[mqtt]\nurl = 'mqtt://10.0.0.1:1884'\nreceive_maximum = 100\n").expect("written");
    let environment = [
        ("TRUCELINE__MQTT__URL".to_owned(), "mqtt://localhost:1999".to_owned()),
        ("TRUCELINE__HTTP__HOST_NAMES".to_owned(), "watch.example, map.example".to_owned()),
        ("TRUCELINE__BROKER__ENABLED".to_owned(), "true".to_owned()),
        ("HOME".to_owned(), "/".to_owned()),
    ];
    let config = load(Some(&file), environment).expect("valid");
    assert_eq!(config.mqtt.url.port(), Some(1999));
    assert_eq!(config.mqtt.receive_maximum, 100);
    assert_eq!(config.http.host_names, ["watch.example", "map.example"]);
    assert!(config.broker.enabled);
}

#[test]
fn every_fault_is_told_at_once_with_key_value_and_remedy() {
    let faults = with_file(
        "data_dirr = 'x'\n[mqtt]\nurl = 'amqp://host'\nreceive_maximum = 3\nkeep_alive_s = 'soon'\n\
         [http]\nlisten = '0.0.0.0:80'\n[journal]\nretention_days = 0\n[log]\nformat = 'xml'\n",
    )
    .expect_err("faulty");
    let messages = messages(&faults);
    for wanted in [
        "data_dirr: there is no such key; did you mean 'data_dir'?",
        "mqtt.url: 'amqp://host' is no address; write it as mqtt://HOST:PORT",
        "mqtt.receive_maximum: 3 is out of range; use 10 to 65535",
        "mqtt.keep_alive_s: \"soon\" is a text in quotes; write a whole number",
        "journal.retention_days: 0 is out of range; use 1 to 36500",
        "log.format: 'xml' is no format; use text or json",
    ] {
        assert!(messages.iter().any(|message| message == wanted), "{wanted} is not among {messages:#?}");
    }
    assert!(messages.iter().any(|message| message.starts_with("http.listen: '0.0.0.0:80' can be reached")));
    assert_eq!(faults.len(), 7, "{messages:#?}");
    assert!(faults.iter().all(|fault| fault.source_name.ends_with("truceline.toml")));
}

#[test]
fn a_variable_that_is_no_key_is_refused_by_its_name() {
    let faults = load(None, [("TRUCELINE__MQTT__URLL".to_owned(), "x".to_owned())]).expect_err("faulty");
    assert_eq!(faults[0].to_string(), "TRUCELINE__MQTT__URLL: mqtt.urll: there is no such key; did you mean 'url'?");
    let faults = load(None, [("TRUCELINE__BROKER__ENABLED".to_owned(), "yes".to_owned())]).expect_err("faulty");
    assert_eq!(faults[0].message, "'yes' is not true or false");
}

#[test]
fn secrets_do_not_come_in_addresses() {
    let faults = with_file("[mqtt]\nurl = 'mqtt://me:secret@host'\n").expect_err("faulty");
    assert!(faults[0].message.contains("secrets come from files") && !faults[0].message.contains("secret@"));
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_a_fault_of_the_file() {
    let faults = load(Some(std::path::Path::new("/nowhere/truceline.toml")), []).expect_err("absent");
    assert_eq!(faults[0].message, "there is no such file; name a configuration file");
    assert!(with_file("data_dir = [").expect_err("broken")[0].message.starts_with("is not TOML"));
}

#[test]
fn every_key_of_the_default_file_has_a_comment_above_it() {
    let mut commented = false;
    for line in DEFAULT.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            commented = true;
        } else if line.is_empty() || line.starts_with('[') {
            commented = false;
        } else if !["password_file", "org", "bucket", "behind_proxy"].iter().any(|key| line.starts_with(key)) {
            assert!(commented, "'{line}' has no comment of its own");
            commented = line.starts_with("username");
        }
    }
}

#[test]
fn a_level_that_is_a_typing_error_does_not_silence_the_log() {
    assert!(with_file("[log]\nlevel = 'loud'\n").is_err());
    assert!(with_file("[log]\nlevel = 'info,truceline::intake=debug'\n").is_ok());
}

#[test]
fn an_address_with_a_path_and_a_folder_for_a_file_are_refused() {
    let faults =
        with_file("[mqtt]\nurl = 'mqtt://host/path'\nusername = 'me'\npassword_file = '/tmp'\n").expect_err("faulty");
    let messages = messages(&faults);
    assert!(messages.iter().any(|message| message.contains("more than a host and a port")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("is a folder")), "{messages:?}");
}

#[test]
fn a_faulty_key_does_not_hide_faulty_terms_and_a_missing_key_is_missing_in_the_users_file() {
    let faults = with_file(
        "[agreement]\ndir = '/nowhere'\n[devices]\nfile = '/nowhere.toml'\n[influxdb]\nurl = 'http://host:8086'\n",
    )
    .expect_err("faulty");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|fault| fault.contains("there is no such file in '/nowhere'")), "{told:?}");
    assert!(told.iter().any(|fault| fault.contains("/nowhere.toml")), "{told:?}");
    let token = told.iter().find(|fault| fault.contains("influxdb.token_file")).expect("told");
    assert!(token.contains("truceline.toml"), "{token}");
}
