//! The service itself, as a process, as its user runs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{free_port, wait_for};

/// A running truceline with its own data folder and port.
pub struct Service {
    child: Option<Child>,
    pub data_dir: PathBuf,
    pub port: u16,
    environment: Vec<(String, String)>,
    /// Largest file that it may write, KiB: a disk that takes no more.
    pub file_limit_kib: Option<u32>,
}

/// The program.
pub fn truceline() -> Command {
    truceline_in(env!("CARGO_BIN_EXE_truceline"))
}

fn truceline_in(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRUCELINE__")) {
        command.env_remove(name);
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs a command of the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    truceline().args(arguments).stdin(Stdio::null()).output().expect("truceline runs")
}

impl Service {
    /// Prepares one with the example agreement and registry; `keys` are like `("MQTT__URL", "...")`.
    pub fn new(dir: &Path, broker: &str, keys: &[(&str, &str)]) -> Self {
        let port = free_port();
        let data_dir = dir.join("data");
        let mut environment = vec![
            ("TRUCELINE__DATA_DIR".to_owned(), data_dir.display().to_string()),
            ("TRUCELINE__MQTT__URL".to_owned(), broker.to_owned()),
            ("TRUCELINE__MQTT__STORED_INTERVAL_S".to_owned(), "1".to_owned()),
            ("TRUCELINE__HTTP__LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("TRUCELINE__AGREEMENT__DIR".to_owned(), "config/agreements/example".to_owned()),
            ("TRUCELINE__DEVICES__FILE".to_owned(), "config/devices/example.toml".to_owned()),
            ("TRUCELINE__VIEWER__DELAY_S".to_owned(), "0".to_owned()),
        ];
        environment.extend(keys.iter().map(|(key, value)| (format!("TRUCELINE__{key}"), (*value).to_owned())));
        Self { child: None, data_dir, port, environment, file_limit_kib: None }
    }

    /// Adds a variable to those that the process gets.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the process; its log goes to `service.log` beside the data.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        std::fs::create_dir_all(&self.data_dir).expect("its folder");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("its log");
        let mut command = match self.file_limit_kib {
            None => truceline(),
            Some(limit) => {
                let mut shell = truceline_in("sh");
                // Units of 512 bytes; the signal is ignored, so that the write fails as on a full disk.
                let program = env!("CARGO_BIN_EXE_truceline");
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec {program} \"$@\"", 2 * limit), "sh"]);
                shell
            }
        };
        command
            .arg("run")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().expect("truceline starts"));
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    pub fn wait_ready(&mut self) {
        let port = self.port;
        wait_for("truceline to be ready", Duration::from_secs(60), || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                panic!("truceline ended with {status}; its log:\n{}", self.log());
            }
            get(port, "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    pub fn log_path(&self) -> PathBuf {
        self.data_dir.join("service.log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The JSON of a route that must answer 200.
    pub fn api(&self, path: &str) -> Value {
        let (status, body) = get(self.port, path).unwrap_or_else(|| panic!("{path}: no answer; log:\n{}", self.log()));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// Status and body of a route, whatever they are.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.port, path)
    }

    /// All items of a list, page by page.
    pub fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.api(&format!("{path}{joint}limit=1000{cursor}"));
            items.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends a signal, and does not wait for what it does.
    pub fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
        assert!(status.expect("kill").success());
    }

    /// SIGTERM, and does not wait.
    pub fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// The most memory that the process has held, MiB.
    pub fn peak_mib(&self) -> u64 {
        let id = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
    }

    /// The sum of all series of a counter.
    pub fn counted(&self, name: &str) -> u64 {
        let text = self.get("/metrics").expect("metrics").1;
        let series = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{')));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// SIGHUP.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it has ended by itself; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        let mut code = None;
        let log = self.log_path();
        wait_for(&format!("truceline to end; its log is {}", log.display()), Duration::from_secs(60), || {
            match child.try_wait() {
                Ok(Some(status)) => {
                    code = status.code();
                    true
                }
                _ => false,
            }
        });
        code
    }

    /// The alert log as `truceline export` prints it.
    pub fn alert_log(&self) -> String {
        let output = run(&["export", "alerts", "--log", "--data-dir", &self.data_dir.display().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Both logs, alerts and events, in the order in which they were said.
    pub fn said_log(&self) -> String {
        let dir = self.data_dir.display().to_string();
        let output = run(&["export", "events", "--log", "--data-dir", &dir]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let both = self.alert_log() + &String::from_utf8(output.stdout).expect("UTF-8");
        let place = |line: &&str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            (line["offset"].as_u64(), line["n"].as_u64())
        };
        let mut lines: Vec<&str> = both.lines().collect();
        lines.sort_by_key(place);
        lines.iter().flat_map(|line| [*line, "\n"]).collect()
    }

    /// What `truceline replay` makes of its journal.
    pub fn replayed(&self) -> String {
        let journal = self.data_dir.join("journal.db");
        let output = run(&["replay", "--from-journal", &journal.display().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let output = Command::new("curl")
        .args(["-s", "--max-time", "20", "-w", "\n%{http_code}"])
        .arg(format!("http://127.0.0.1:{port}{path}"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (body, status) = text.rsplit_once('\n')?;
    let status = status.parse().ok().filter(|status| *status > 0)?;
    Some((status, body.to_owned()))
}
