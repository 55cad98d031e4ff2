//! A real Mosquitto with the deployed configuration and ACL.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::file;
use crate::harness::{free_port, wait_for};

const USERS: [&str; 4] = ["truceline", "viewer", "st07-ac03", "st07-ac04"];

/// A Mosquitto that runs deploy/mosquitto, with other paths and another port.
struct Broker {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "mosquitto.conf has no '{from}'");
    text.replace(from, to)
}

impl Broker {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, port) = (dir.path(), free_port());
        for user in USERS {
            let mut command = Command::new("mosquitto_passwd");
            if user == USERS[0] {
                command.arg("-c");
            }
            command.arg("-b").arg(path.join("passwords")).args([user, user]);
            let status = command.status().expect("mosquitto_passwd; `make setup` installs it");
            assert!(status.success());
        }
        fs::write(path.join("acl"), file("mosquitto/acl")).expect("written");
        fs::create_dir(path.join("data")).expect("made");
        let here = |name: &str| path.join(name).display().to_string();
        let config = file("mosquitto/mosquitto.conf");
        let config = replace(&config, "listener 1883", &format!("listener {port} 127.0.0.1"));
        let config = replace(&config, "/mosquitto/secrets/mqtt_passwords", &here("passwords"));
        let config = replace(&config, "/mosquitto/config/acl", &here("acl"));
        let config = replace(&config, "/mosquitto/data/", &format!("{}/", here("data")));
        // Started as root, Mosquitto would become a user that cannot read this folder.
        fs::write(path.join("mosquitto.conf"), format!("user root\n{config}")).expect("written");
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("mosquitto; `make setup` installs it");
        let child = Command::new(program)
            .arg("-c")
            .arg(path.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(path.join("log")).expect("a log"))
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        wait_for("Mosquitto to listen", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port, dir }
    }

    fn client(&self, program: &str, user: Option<&str>) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-q", "1", "-V", "mqttv5", "-p"]).arg(self.port.to_string());
        if let Some(user) = user {
            command.args(["-u", user, "-P", user]);
        }
        command
    }

    fn publish(&self, user: &str, topic: &str) -> Output {
        self.client("mosquitto_pub", Some(user)).args(["-t", topic, "-m", topic]).output().expect("mosquitto_pub")
    }

    /// Leaves a session behind that keeps what comes for it.
    fn subscribe(&self, user: &str, filter: &str) {
        let session = ["-i", user, "-c", "-x", "3600", "-E", "-t", filter];
        let output = self.client("mosquitto_sub", Some(user)).args(session).output().expect("mosquitto_sub");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The first `count` messages that the session kept, as topics.
    fn kept(&self, user: &str, filter: &str, count: usize) -> Vec<String> {
        let count = count.to_string();
        let session = ["-i", user, "-c", "-x", "3600", "-t", filter, "-F", "%t", "-W", "20", "-C", &count];
        let output = self.client("mosquitto_sub", Some(user)).args(session).output().expect("mosquitto_sub");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
        }
    }
}

#[test]
fn a_device_writes_its_own_topics_and_nobody_elses() {
    let broker = Broker::start();
    broker.subscribe("truceline", "truceline/v1/readings/+/+");
    for topic in [
        "truceline/v1/readings/st07/st07-ac04",
        "truceline/v1/readings/st07/st07-ac03/x",
        "truceline/v1/stored/st07/st07-ac03",
        "truceline/v1/alerts/no-fire/x",
    ] {
        broker.publish("st07-ac03", topic);
    }
    let own = ["truceline/v1/readings/st07/st07-ac03", "truceline/v1/readings/st08/st07-ac03"];
    for topic in own {
        assert!(broker.publish("st07-ac03", topic).status.success(), "{topic}");
    }
    assert_eq!(broker.kept("truceline", "truceline/v1/readings/+/+", 2), own);
}

#[test]
fn a_device_reads_what_is_stored_of_its_own_and_a_viewer_only_alerts() {
    let broker = Broker::start();
    broker.subscribe("st07-ac03", "truceline/v1/#");
    broker.subscribe("viewer", "truceline/v1/#");
    for topic in ["stored/st07/st07-ac04", "stored/st07/st07-ac03", "alerts/no-fire/x", "stored/st07/st07-ac03"] {
        assert!(broker.publish("truceline", &format!("truceline/v1/{topic}")).status.success(), "{topic}");
    }
    broker.publish("st07-ac04", "truceline/v1/readings/st07/st07-ac04");
    let own = "truceline/v1/stored/st07/st07-ac03";
    assert_eq!(broker.kept("st07-ac03", "truceline/v1/#", 2), [own, own]);
    assert_eq!(broker.kept("viewer", "truceline/v1/#", 1), ["truceline/v1/alerts/no-fire/x"]);
}

#[test]
fn nobody_connects_without_a_password() {
    let broker = Broker::start();
    let connect = |user: Option<&str>, password: &str| {
        let mut command = broker.client("mosquitto_pub", None);
        if let Some(user) = user {
            command.args(["-u", user, "-P", password]);
        }
        command.args(["-t", "truceline/v1/readings/st07/st07-ac03", "-m", "x"]).output().expect("mosquitto_pub")
    };
    assert!(!connect(None, "").status.success());
    assert!(!connect(Some("st07-ac03"), "wrong").status.success());
    assert!(connect(Some("st07-ac03"), "st07-ac03").status.success());
}

#[test]
fn what_comes_while_the_service_is_away_waits_for_it_beyond_the_brokers_own_defaults() {
    const MESSAGES: usize = 5_000;
    let broker = Broker::start();
    broker.subscribe("truceline", "truceline/v1/readings/+/+");
    let mut publisher = broker
        .client("mosquitto_pub", Some("st07-ac03"))
        .args(["-t", "truceline/v1/readings/st07/st07-ac03", "-l"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("mosquitto_pub");
    let mut input = publisher.stdin.take().expect("an input");
    for number in 0..MESSAGES {
        writeln!(input, "{number}").expect("written");
    }
    drop(input);
    assert!(publisher.wait().expect("an end").success());
    assert_eq!(broker.kept("truceline", "truceline/v1/readings/+/+", MESSAGES).len(), MESSAGES);
}

#[test]
fn make_secrets_makes_each_once_and_closes_their_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("secrets");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/make-secrets.sh");
    let make = || {
        assert!(Command::new(&script).arg(&folder).stderr(Stdio::null()).status().expect("the script").success());
        ["mqtt_password", "influxdb_password", "influxdb_token", "grafana_password", "mqtt_passwords"]
            .map(|name| fs::read_to_string(folder.join(name)).expect(name))
    };
    let secrets = make();
    assert!(secrets[..4].iter().all(|secret| secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit())));
    assert!(secrets[4].starts_with("truceline:$"));
    assert_eq!(secrets, make(), "a second run changes nothing");
    assert_eq!(fs::metadata(&folder).expect("there").permissions().mode() & 0o777, 0o700);
}
