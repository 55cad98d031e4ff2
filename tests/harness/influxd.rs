//! A real InfluxDB 2.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{free_port, wait_for};

pub const ORG: &str = "truceline";
pub const BUCKET: &str = "truceline";
/// Chosen by the test; no secret.
pub const TOKEN: &str = "test-token-of-the-harness";

/// A running InfluxDB 2 on a port of its own, set up with [`ORG`], [`BUCKET`] and [`TOKEN`].
pub struct Influxd {
    child: Option<Child>,
    program: PathBuf,
    dir: PathBuf,
    pub port: u16,
}

impl Influxd {
    /// Starts one that keeps its files in `dir`.
    pub fn start(dir: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/influxd.sh");
        let output = Command::new(&script).stderr(Stdio::inherit()).output().expect("scripts/influxd.sh");
        assert!(output.status.success(), "scripts/influxd.sh could not find or build influxd");
        let program = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let mut server = Self { child: None, program, dir: dir.to_path_buf(), port: free_port() };
        server.start_again();
        let setup = format!(
            r#"{{"username":"test","password":"test-password","org":"{ORG}","bucket":"{BUCKET}","token":"{TOKEN}"}}"#
        );
        let status = Command::new("curl")
            .args(["-sf", "-o", "/dev/null", "-X", "POST", "-d", &setup])
            .arg(format!("{}/api/v2/setup", server.url()))
            .status()
            .expect("curl");
        assert!(status.success(), "InfluxDB's set-up was refused");
        server
    }

    /// Starts it again on the same port with the same files.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "InfluxDB runs already");
        std::fs::create_dir_all(&self.dir).expect("the server's folder");
        let child = Command::new(&self.program)
            .arg("--bolt-path")
            .arg(self.dir.join("influxd.bolt"))
            .arg("--engine-path")
            .arg(self.dir.join("engine"))
            .arg("--sqlite-path")
            .arg(self.dir.join("influxd.sqlite"))
            .arg("--http-bind-address")
            .arg(format!("127.0.0.1:{}", self.port))
            .args(["--reporting-disabled", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("influxd");
        self.child = Some(child);
        let port = self.port;
        wait_for("InfluxDB to listen", Duration::from_secs(60), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let health = format!("{}/health", self.url());
        wait_for("InfluxDB to be healthy", Duration::from_secs(60), || {
            Command::new("curl").args(["-sf", "-o", "/dev/null", &health]).status().is_ok_and(|status| status.success())
        });
    }

    /// Its address as the configuration writes it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a Flux query; the annotated CSV.
    pub fn query(&self, flux: &str) -> String {
        let output = Command::new("curl")
            .args(["-s", "-X", "POST", "-H", "Content-Type: application/vnd.flux", "-H"])
            .arg(format!("Authorization: Token {TOKEN}"))
            .args(["--data-binary", flux])
            .arg(format!("{}/api/v2/query?org={ORG}", self.url()))
            .output()
            .expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// SIGINT (it does not handle SIGTERM), and waits.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Influxd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
