//! Reloads by API and by signal, and the audit that tells of them: the real program on real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
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
    broker: String,
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
        Self { service, terms, good, broker: listen, _dir: dir }
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
        let word = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
        self.audit().iter().map(|entry| (word(entry, "actor"), word(entry, "action"))).collect()
    }

    /// The audit, the newest entry first.
    fn audit(&self) -> Vec<Value> {
        let (status, page) = self.curl("/api/v1/audit?limit=1000", &["-H", &self.bearer()]);
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().clone()
    }

    /// The hashes of the agreements that the journal has, in order.
    fn in_journal(&self) -> Vec<Value> {
        let journal = rusqlite::Connection::open(self.service.data_dir.join("journal.db")).unwrap();
        let mut select = journal.prepare("SELECT meta FROM entry WHERE kind = 4 ORDER BY offset").unwrap();
        let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|hash| hash.unwrap().into()).collect()
    }

    fn verify(&self) -> (Option<i32>, String) {
        verify(&self.service.data_dir, &[])
    }
}

/// Exit code and words of `export audit --verify`.
fn verify(data_dir: &Path, marks: &[&str]) -> (Option<i32>, String) {
    let dir = data_dir.display().to_string();
    let output = run(&[&["export", "audit", "--verify", "--data-dir", &dir], marks].concat());
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// What an entry's detail says.
fn detail(entry: &Value) -> Value {
    serde_json::from_str(entry["detail"].as_str().unwrap()).unwrap()
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
    let anchor = site.service.data_dir.join("audit.anchor");
    let marks = std::fs::read_to_string(&anchor).unwrap();
    std::fs::write(&anchor, format!("{}\n", marks.lines().next().unwrap())).unwrap();
    site.service.start();
    let audit = site.audit();
    for action in ["agreement_in_force", "registry_in_force"] {
        let healed = audit.iter().find(|entry| entry["action"] == action).unwrap();
        assert_eq!((&healed["actor"], &detail(healed)["recovered"]), (&"start".into(), &Value::Bool(true)), "{healed}");
        assert_eq!(healed["subject"], if action == "agreement_in_force" { "example" } else { "devices" });
    }
    site.service.stop();
    let (code, text) = site.verify();
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn an_end_that_was_cut_off_is_seen_also_once_the_service_has_gone_on() {
    let mut site = Site::start();
    site.service.stop();
    let (code, text) = site.verify();
    assert_eq!(code, Some(0), "{text}");
    let noted = text.trim().rsplit(' ').next().unwrap().to_owned();
    let desk = site.service.data_dir.join("desk.db");
    // What newer entries are in is the log beside the file.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(&site.service.data_dir).unwrap().map(Result::unwrap) {
        let name = file.file_name();
        if name.to_str().unwrap().starts_with("desk.db") || name == "audit.anchor" {
            std::fs::copy(file.path(), copy.path().join(name)).unwrap();
        }
    }
    let cut = |desk: &Path| {
        let connection = rusqlite::Connection::open(desk).unwrap();
        connection
            .execute_batch(
                "DROP TRIGGER audit_is_not_removed; DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
            )
            .unwrap();
    };
    cut(&desk);
    let (code, text) = site.verify();
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("entry 4: the end is cut off: entry 4 was noted elsewhere"), "{text}");
    site.service.start();
    let audit = site.audit();
    assert!(detail(&audit[0])["audit"]["broken"].as_str().unwrap().contains("cut off"), "{}", audit[0]);
    assert!(site.service.log().contains("the end is cut off"));
    site.service.stop();
    let (code, text) = site.verify();
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("entry 4: it is not the one that was noted elsewhere"), "{text}");
    // Whoever cuts the anchor as well is only found out by what was noted elsewhere.
    let anchor = copy.path().join("audit.anchor");
    let marks = std::fs::read_to_string(&anchor).unwrap();
    let kept: Vec<&str> = marks.lines().collect();
    std::fs::write(&anchor, kept[..kept.len() - 1].join("\n") + "\n").unwrap();
    cut(&copy.path().join("desk.db"));
    assert_eq!(verify(copy.path(), &[]).0, Some(0));
    let (code, text) = verify(copy.path(), &["--mark", &noted]);
    assert!(code == Some(65) && text.contains("the end is cut off"), "{code:?} {text}");
    std::fs::remove_file(&anchor).unwrap();
    let (code, text) = verify(copy.path(), &[]);
    assert!(code == Some(65) && text.contains("audit.anchor is not beside desk.db"), "{code:?} {text}");
    assert_eq!(verify(copy.path(), &["--mark", kept[2]]).0, Some(0), "a mark stands in for it");
}

#[test]
fn rows_are_added_at_the_end_alone_and_one_before_the_first_is_seen() {
    let mut site = Site::start();
    site.service.stop();
    let connection = rusqlite::Connection::open(site.service.data_dir.join("desk.db")).unwrap();
    let insert = |verb: &str, seq: &str, previous: &str| {
        let sql =
            format!("{verb} INTO audit SELECT {seq}, at, actor, action, subject, detail, {previous}, hash FROM audit");
        connection.execute(&format!("{sql} WHERE seq = 1"), []).map_err(|error| error.to_string())
    };
    let newest = "(SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)";
    for seq in ["0", "-7", "2", "6", "NULL"] {
        for verb in ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"] {
            let refused = insert(verb, seq, newest).unwrap_err();
            assert!(refused.contains("added at its end"), "{verb} {seq}: {refused}");
        }
    }
    assert!(insert("INSERT", "5", "previous").is_err(), "it must follow the newest");
    assert_eq!(site.verify().0, Some(0));
    connection.execute_batch("DROP TRIGGER audit_is_added_to_at_its_end").unwrap();
    for seq in ["0", "-7"] {
        insert("INSERT", seq, "previous").unwrap();
        let (code, text) = site.verify();
        assert!(code == Some(65) && text.contains(&format!("entry 1: an entry with number {seq}")), "{code:?} {text}");
    }
}

#[test]
fn to_verify_takes_no_more_than_to_be_allowed_to_read() {
    let mut site = Site::start();
    // While the service runs, and after it was killed, the newest entries are only in the log beside the file.
    let (code, text) = site.verify();
    assert!(code == Some(0) && text.starts_with("3 entries hold"), "{code:?} {text}");
    site.service.kill();
    assert_eq!(site.verify().0, Some(0));
    site.service.start();
    site.service.stop();
    let dir = site.service.data_dir.clone();
    let before = std::fs::read(dir.join("desk.db")).unwrap();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for name in ["desk.db", "audit.anchor"] {
        mode(&dir.join(name), 0o444);
    }
    mode(dir.parent().unwrap(), 0o755);
    mode(&dir, 0o555);
    let mut command = harness::service::truceline();
    command.args(["export", "audit", "--verify", "--data-dir"]).arg(&dir);
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        // Root may write everywhere.
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    mode(&dir, 0o755);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(dir.join("desk.db")).unwrap(), before);
}

/// Vertices, days: enough that reading them again takes a while.
fn many_days(site: &Site, days: u32) -> String {
    let folder = site.terms.parent().unwrap().join("control");
    std::fs::create_dir_all(&folder).unwrap();
    for day in 0..days {
        let vertices: Vec<String> = (0..=3_000)
            .map(|vertex| {
                let turn = -f64::from(vertex % 3_000) / 3_000.0 * std::f64::consts::TAU;
                let radius = 0.5 + 0.001 * f64::from(day);
                format!("[{:.7},{:.7}]", 37.0 + radius * turn.cos(), 48.0 + radius * turn.sin())
            })
            .collect();
        let area = format!("{{\"type\":\"Polygon\",\"coordinates\":[[{}]]}}", vertices.join(","));
        std::fs::write(folder.join(format!("2026-{:02}-{:02}.geojson", 1 + day / 28, 1 + day % 28)), area).unwrap();
    }
    format!("{}\n[[line]]\nid = \"control\"\ndays = \"control/%Y-%m-%d.geojson\"\n", site.good)
}

#[test]
fn while_a_reload_runs_the_service_answers_and_another_reload_is_told_so() {
    let site = Site::start();
    let slow = many_days(&site, 60);
    std::fs::write(&site.terms, &slow).unwrap();
    let before = site.service.api("/api/v1/agreement")["hash"].clone();
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| site.reload()));
        let mut answered = 0;
        wait_for("the end of the reload", Duration::from_secs(120), || {
            site.service.api("/api/v1/stats");
            answered += 1;
            both.iter().all(std::thread::ScopedJoinHandle::is_finished)
        });
        let mut answers = both.map(|one| one.join().unwrap());
        answers.sort_by_key(|(status, _)| *status);
        let [(done, report), (refused, problem)] = answers;
        assert_eq!((done, &report["changed"]), (200, &Value::Bool(true)), "{report}");
        assert_eq!(refused, 409, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("under way"), "{problem}");
        assert!(answered > 3, "{answered} answers while it ran");
    });
    assert_ne!(site.service.api("/api/v1/agreement")["hash"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_lose_no_reading_and_are_judged_as_a_replay_judges_them() {
    let mut site = Site::start();
    let broker: u16 = site.broker.rsplit(':').next().unwrap().parse().unwrap();
    let device = harness::publisher::Publisher::connect(broker, "device");
    let now = site.service.api("/api/v1/agreement")["as_of"].as_str().unwrap().to_owned();
    let mut hashes = std::collections::BTreeSet::new();
    for seq in 0..400_u64 {
        let reading = serde_json::json!({"v": 1, "device": "st02-ac01", "boot": 1, "seq": seq, "time": now,
            "clock": {"source": "gnss"}, "kind": "acoustic_detection",
            "data": {"class": "explosion", "confidence": 0.9, "bearing_deg": 110.0, "bearing_sd_deg": 4.0}});
        device.publish(seq, "truceline/v1/readings/st02/st02-ac01", reading.to_string()).await;
        if seq % 50 == 25 {
            std::fs::write(&site.terms, format!("{}\n# version {seq}\n", site.good)).unwrap();
            let (status, report) = site.reload();
            assert_eq!(status, 200, "{report}");
            assert!(hashes.insert(report["agreement"]["after"].to_string()));
        }
    }
    wait_for("all readings to be stored", Duration::from_secs(60), || {
        site.service.api("/api/v1/stats")["readings"]["stored"] == 400
    });
    assert_eq!(hashes.len(), 8);
    assert_eq!(site.service.stop(), Some(0), "{}", site.service.log());
    let said = site.service.said_log();
    assert!(said.lines().count() > 0);
    assert_eq!(said, site.service.replayed());
    assert_eq!(site.verify().0, Some(0));
}

#[test]
fn a_kill_in_mid_reload_leaves_the_old_one_or_the_new_one_in_force_and_the_audit_says_which() {
    let mut site = Site::start();
    let slow = many_days(&site, 12);
    let mut took = Duration::from_millis(1_500);
    let mut came_into_force = 0;
    let rounds = harness::rounds(6, 60);
    for round in 0..rounds {
        std::fs::write(&site.terms, format!("{slow}\n# version {round}\n")).unwrap();
        let delay = took.mul_f64(round as f64 / rounds as f64 * 1.2);
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| site.reload());
            wait_for("the moment to kill", Duration::from_secs(60), || begun.elapsed() >= delay || asked.is_finished());
            site.service.signal("KILL");
            if asked.join().unwrap().0 == 200 {
                took = begun.elapsed();
            }
        });
        site.service.kill();
        let ours = site.in_journal();
        std::fs::write(&site.terms, &site.good).unwrap();
        site.service.start();
        // With the old file back, one that had come into force is replaced, and both are told.
        let in_journal = site.in_journal();
        assert!(in_journal.starts_with(&ours));
        came_into_force += usize::from(in_journal.len() > ours.len());
        let told: Vec<Value> = site
            .audit()
            .iter()
            .rev()
            .filter(|entry| entry["action"] == "agreement_in_force")
            .map(|entry| detail(entry)["after"].clone())
            .collect();
        assert_eq!(told, in_journal, "round {round}: the audit tells what the journal has");
        assert_eq!(site.service.api("/api/v1/agreement")["hash"], *in_journal.last().unwrap());
    }
    eprintln!("{came_into_force} of {rounds} had come into force");
    site.service.stop();
    let (code, text) = site.verify();
    assert_eq!(code, Some(0), "{text}");
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
