//! The session with TLS, and with a user and a password.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;
use truceline::intake::Login;

use crate::harness::mosquitto::Mosquitto;
use crate::rig::{Service, config};

fn run(program: &str, dir: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(dir).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority and a server certificate for 127.0.0.1, as listener options.
fn certificates(dir: &Path) -> (PathBuf, String) {
    let name = "subjectAltName=IP:127.0.0.1";
    let subject = "/CN=truceline test";
    run(
        "openssl",
        dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=truceline test authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ],
    );
    run(
        "openssl",
        dir,
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            subject,
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ],
    );
    std::fs::write(dir.join("san"), name).unwrap();
    run(
        "openssl",
        dir,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "san",
            "-out",
            "server.pem",
        ],
    );
    let file = |name: &str| dir.join(name).display().to_string();
    (dir.join("ca.pem"), format!("certfile {}\nkeyfile {}", file("server.pem"), file("server.key")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_authority_is_named_is_trusted_and_another_is_not() {
    let dir = tempdir().unwrap();
    let (authority, options) = certificates(dir.path());
    let broker = Mosquitto::start_with(&dir.path().join("broker"), &options);
    let mut trusting = config(&broker.url().replace("mqtt://", "mqtts://"));
    trusting.ca_file = Some(authority);
    let service = Service::connected(trusting.clone()).await;
    assert!(service.stop().await.is_clean());

    let elsewhere = tempdir().unwrap();
    let mut distrusting = trusting;
    distrusting.ca_file = Some(certificates(elsewhere.path()).0);
    let mut service = Service::start(distrusting);
    service.wait("the refusal", |status| status.last_error.is_some()).await;
    let text = service.status.borrow().last_error.clone().unwrap();
    assert!(text.contains("mqtt.ca_file"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_sent_and_a_refused_one_names_what_to_check() {
    let dir = tempdir().unwrap();
    run("mosquitto_passwd", dir.path(), &["-b", "-c", "users", "intake", "correct"]);
    let options = format!("allow_anonymous false\npassword_file {}", dir.path().join("users").display());
    let broker = Mosquitto::start_with(&dir.path().join("broker"), &options);
    let password = |name: &str, word: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("{word}\n")).unwrap();
        Some(Login { username: "intake".to_owned(), password_file: file })
    };
    let mut config = config(&broker.url());
    config.login = password("good", "correct");
    let service = Service::connected(config.clone()).await;
    assert!(service.stop().await.is_clean());

    config.login = password("bad", "wrong");
    let mut service = Service::start(config);
    service.wait("the refusal", |status| status.last_error.is_some()).await;
    let text = service.status.borrow().last_error.clone().unwrap();
    assert!(text.contains("mqtt.password_file"), "{text}");
}
