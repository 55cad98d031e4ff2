//! Reloads by API and by signal, and the audit that tells of them: the real program on real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::service::{Service, run};
use harness::{free_port, wait_for};
use serde_json::Value;

const RELOAD: &str = "/api/v1/agreement/reload";

struct Site {
    service: Service,
    terms: PathBuf,
    good: String,
    _dir: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let agreement = dir.path().join("agreement");
        std::fs::create_dir(&agreement).unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/agreements/example");
        for file in std::fs::read_dir(example).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), agreement.join(file.file_name())).unwrap();
        }
        let listen = format!("127.0.0.1:{}", free_port());
        let keys = [
            ("AGREEMENT__DIR", agreement.to_str().unwrap()),
            ("BROKER__ENABLED", "true"),
            ("BROKER__LISTEN", listen.as_str()),
        ];
        let mut service = Service::new(dir.path(), "mqtt://127.0.0.1:1", &keys);
        service.start();
        let terms = agreement.join("agreement.toml");
        let good = std::fs::read_to_string(&terms).unwrap();
        Self { service, terms, good, _dir: dir }
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.service.data_dir.join("control.token")).unwrap()
    }

    fn curl(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "20", "-w", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("http://127.0.0.1:{}{path}", self.service.port))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token())
    }

    fn reload(&self) -> (u16, Value) {
        self.curl(RELOAD, &["-X", "POST", "-H", &self.bearer()])
    }

    fn actions(&self) -> Vec<(String, String)> {
        let (status, page) = self.curl("/api/v1/audit?limit=1000", &["-H", &self.bearer()]);
        assert_eq!(status, 200, "{page}");
        let word = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(|entry| (word(entry, "actor"), word(entry, "action"))).collect()
    }

    fn verify(&self) -> (Option<i32>, String) {
        let dir = self.service.data_dir.display().to_string();
        let output = run(&["export", "audit", "--verify", "--data-dir", &dir]);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

#[test]
fn only_whoever_holds_the_token_reloads_and_only_as_it_is_meant() {
    let site = Site::start();
    let right = site.bearer();
    let wrong = format!("Authorization: Bearer {}", "0".repeat(64));
    let huge = "x".repeat(20_000);
    let cases: [(u16, &[&str]); 11] = [
        (401, &["-X", "POST"]),
        (401, &["-X", "POST", "-H", &wrong]),
        (401, &["-X", "POST", "-H", &right, "-H", &right]),
        (401, &["-X", "POST", "-H", "Authorization: Bearer "]),
        (405, &["-H", &right]),
        (405, &["-X", "PUT", "-H", &right]),
        (403, &["-X", "POST", "-H", &right, "-H", "Origin: http://evil.example"]),
        (403, &["-X", "POST", "-H", &right, "-H", "Sec-Fetch-Site: cross-site"]),
        (415, &["-X", "POST", "-H", &right, "-H", "Content-Type: text/plain", "-d", "{}"]),
        (400, &["-X", "POST", "-H", &right, "-H", "Content-Type: application/json", "-d", "{\"dir\": \"/\"}"]),
        (413, &["-X", "POST", "-H", &right, "-H", "Content-Type: application/json", "-d", &huge]),
    ];
    for (expected, arguments) in cases {
        let (status, problem) = site.curl(RELOAD, arguments);
        assert_eq!(status, expected, "{arguments:?}: {problem}");
    }
    assert_eq!(site.curl("/api/v1/audit", &[]).0, 401);
    assert!(!site.actions().iter().any(|(actor, _)| actor == "api"), "none of these did anything");
    let (status, report) = site.reload();
    assert_eq!((status, &report["changed"]), (200, &Value::Bool(false)), "{report}");
    assert_eq!(site.reload().0, 200);
    assert!(!site.service.log().contains(&site.token()), "the token is not in the log");
    let statuses: Vec<u16> = (0..12).map(|_| site.reload().0).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_bad_reload_leaves_the_old_one_in_force_and_both_are_in_the_audit() {
    let mut site = Site::start();
    let before = site.service.api("/api/v1/agreement")["hash"].clone();
    std::fs::write(&site.terms, format!("{}\n[[rule]]\nid = \"UPPER\"\nkind = \"no_such\"\n", site.good)).unwrap();
    let (status, problem) = site.reload();
    assert_eq!(status, 422, "{problem}");
    let fault = &problem["faults"][0];
    assert!(fault["file"].as_str().unwrap().ends_with("agreement.toml"), "{problem}");
    assert!(!fault["place"].as_str().unwrap().is_empty() && !fault["message"].as_str().unwrap().is_empty());
    assert_eq!(site.service.api("/api/v1/agreement")["hash"], before);
    // A comment is another text, and so another hash.
    std::fs::write(&site.terms, format!("{}\n# agreed anew\n", site.good)).unwrap();
    let (status, report) = site.reload();
    assert_eq!((status, &report["changed"]), (200, &Value::Bool(true)), "{report}");
    assert_eq!(report["agreement"]["before"], before);
    assert_eq!(report["agreement"]["after"], site.service.api("/api/v1/agreement")["hash"]);
    // The signal takes the same path.
    std::fs::write(&site.terms, &site.good).unwrap();
    site.service.reload();
    wait_for("the signal's reload", Duration::from_secs(20), || {
        site.service.api("/api/v1/agreement")["hash"] == before
    });
    let told = |actor: &str, action: &str| (actor.to_owned(), action.to_owned());
    let actions = site.actions();
    let expected = [
        told("signal", "agreement_in_force"),
        told("api", "agreement_in_force"),
        told("api", "agreement_refused"),
        told("start", "registry_in_force"),
        told("start", "agreement_in_force"),
        told("service", "service_started"),
    ];
    assert_eq!(actions, expected);
    // Killed, it comes back with the same chain; what was told is not told again.
    site.service.kill();
    site.service.start();
    assert_eq!(site.actions().len(), expected.len() + 1);
    site.service.stop();
    let (code, text) = site.verify();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("8 entries hold"), "{text}");
}

#[test]
fn a_reload_that_a_crash_kept_from_the_audit_is_told_by_the_next_start() {
    let mut site = Site::start();
    site.service.stop();
    let desk = site.service.data_dir.join("desk.db");
    // As after a crash between the journal's commit and the audit's: the journal knows, the audit does not.
    let connection = rusqlite::Connection::open(&desk).unwrap();
    connection.execute_batch("DROP TRIGGER audit_is_not_removed; DELETE FROM audit WHERE seq >= 2;").unwrap();
    drop(connection);
    site.service.start();
    let actions = site.actions();
    let healed = ("start".to_owned(), "agreement_in_force".to_owned());
    assert!(actions.contains(&healed), "{actions:?}");
    site.service.stop();
    assert_eq!(site.verify().0, Some(0));
}

#[test]
fn a_row_that_was_altered_by_hand_is_named() {
    let mut site = Site::start();
    site.service.stop();
    assert_eq!(site.verify().0, Some(0));
    let connection = rusqlite::Connection::open(site.service.data_dir.join("desk.db")).unwrap();
    for refused in ["UPDATE audit SET actor = 'nobody' WHERE seq = 2", "DELETE FROM audit WHERE seq = 2"] {
        let error = connection.execute(refused, []).unwrap_err();
        assert!(error.to_string().contains("entries of the audit are not"), "{error}");
    }
    connection
        .execute_batch("DROP TRIGGER audit_is_not_altered; UPDATE audit SET actor = 'nobody' WHERE seq = 2")
        .unwrap();
    drop(connection);
    let (code, text) = site.verify();
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("entry 2"), "{text}");
}
