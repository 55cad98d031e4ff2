//! A real Mosquitto.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{free_port, wait_for};

/// A running Mosquitto with raised limits and persistence, on a port of its own.
pub struct Mosquitto {
    child: Option<Child>,
    dir: PathBuf,
    extra: String,
    pub port: u16,
}

impl Mosquitto {
    /// Starts one that keeps its files in `dir`.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, "")
    }

    /// Starts one with further lines of configuration, for its one listener or for all of it.
    pub fn start_with(dir: &Path, extra: &str) -> Self {
        let mut broker = Self { child: None, dir: dir.to_path_buf(), extra: extra.to_owned(), port: free_port() };
        broker.start_again();
        broker
    }

    /// Starts it again on the same port with the same files.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "Mosquitto runs already");
        fs::create_dir_all(&self.dir).expect("the broker's folder");
        let config = self.dir.join("mosquitto.conf");
        let dir = self.dir.display();
        fs::write(
            &config,
            format!(
                "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {dir}/\n\
                 max_inflight_messages 20000\nmax_queued_messages 0\nmax_packet_size 2097152\nuser root\n\
                 set_tcp_nodelay true\nlog_dest file {dir}/mosquitto.log\n{}\n",
                self.port, self.extra
            ),
        )
        .expect("the broker's configuration");
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .unwrap_or("mosquitto");
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto; `make setup` installs it");
        self.child = Some(child);
        let port = self.port;
        wait_for("Mosquitto to listen", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Its address as the configuration writes it.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and waits until it has written its files.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}
