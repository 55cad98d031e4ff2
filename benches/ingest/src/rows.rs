//! The rows of the table: who takes the messages, and whether they waited.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::broker::{Broker, free_port};
use crate::messages::messages;
use crate::process::{Running, Usage, usage};
use crate::publisher::publish;

/// What is measured.
pub struct Plan {
    pub truceline: PathBuf,
    pub readings: usize,
    pub rounds: usize,
    pub batch: usize,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Seconds until the last message was taken.
    seconds: f64,
    /// Seconds until the last reading was judged; the same for one that does not judge.
    judged: f64,
    usage: Usage,
    broker_cpu_s: f64,
}

#[allow(clippy::print_stdout)]
#[expect(clippy::disallowed_methods, reason = "readings are dated about now, or the service would call them too old")]
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let messages = messages(plan.readings, plan.batch, now_s);
    let bytes = messages.iter().map(|(_, payload)| payload.len()).sum::<usize>() / messages.len().max(1);
    println!(
        "{} readings, {} in a message, {bytes} bytes a message, median of {} rounds\n",
        plan.readings, plan.batch, plan.rounds
    );
    println!("| who | how | messages/s | judged/s | CPU s a million | broker's | peak MB | of the limit |");
    println!("|---|---|---|---|---|---|---|---|");
    for backlog in [false, true] {
        let mut limit = None;
        for who in ["counting", "truceline"] {
            let mut rows = Vec::new();
            for _ in 0..plan.rounds {
                rows.push(if who == "counting" {
                    counting(&messages, backlog)?
                } else {
                    truceline(plan, &messages, backlog)?
                });
            }
            rows.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let Some(row) = rows.get(rows.len() / 2) else { continue };
            let count = messages.len() as f64;
            let rate = count / row.seconds;
            let share = rate / *limit.get_or_insert(rate);
            println!(
                "| {who} | {} | {rate:.0} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} % |",
                if backlog { "backlog" } else { "live" },
                count / row.judged,
                row.usage.cpu_s / count * 1e6,
                row.broker_cpu_s / count * 1e6,
                row.usage.peak_mb,
                share * 100.0
            );
            std::io::stdout().flush()?;
        }
    }
    Ok(())
}

fn counting(messages: &[(String, Vec<u8>)], backlog: bool) -> anyhow::Result<Row> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(dir.path())?;
    let start = |count: usize| -> anyhow::Result<_> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["count", &broker.port.to_string(), &count.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = child.stdout.take().context("its output")?;
        Ok((Running(child), BufReader::new(lines).lines()))
    };
    let wait = |lines: &mut dyn Iterator<Item = std::io::Result<String>>, word: &str| -> anyhow::Result<()> {
        for line in lines {
            if line? == word {
                return Ok(());
            }
        }
        bail!("the counting subscriber ended without '{word}'")
    };
    if backlog {
        let (mut first, mut lines) = start(0)?;
        wait(&mut lines, "subscribed")?;
        first.0.wait()?;
        publish(broker.port, messages)?;
    }
    let broker_before = usage(broker.pid()).cpu_s;
    let mut begun = Instant::now();
    let (child, mut lines) = start(messages.len())?;
    if !backlog {
        wait(&mut lines, "subscribed")?;
        begun = Instant::now();
        publish(broker.port, messages)?;
    }
    wait(&mut lines, "counted")?;
    let seconds = begun.elapsed().as_secs_f64();
    let broker_cpu_s = usage(broker.pid()).cpu_s - broker_before;
    Ok(Row { seconds, judged: seconds, usage: child.usage(), broker_cpu_s })
}

fn truceline(plan: &Plan, messages: &[(String, Vec<u8>)], backlog: bool) -> anyhow::Result<Row> {
    let dir = tempfile::tempdir()?;
    let broker = Broker::start(dir.path())?;
    let port = free_port()?;
    if backlog {
        let service = start_service(&plan.truceline, dir.path(), broker.port, port)?;
        until(port, Duration::from_secs(60), |page| metric(page, "truceline_intake_connected") >= 1.0)?;
        service.stop();
        publish(broker.port, messages)?;
    }
    let readings = (messages.len() * plan.batch) as f64;
    let broker_before = usage(broker.pid()).cpu_s;
    let mut begun = Instant::now();
    let service = start_service(&plan.truceline, dir.path(), broker.port, port)?;
    if !backlog {
        until(port, Duration::from_secs(60), |page| metric(page, "truceline_intake_connected") >= 1.0)?;
        begun = Instant::now();
        publish(broker.port, messages)?;
    }
    let limit = Duration::from_secs(600);
    until(port, limit, |page| metric(page, "truceline_intake_readings_total") >= readings)?;
    let seconds = begun.elapsed().as_secs_f64();
    until(port, limit, |page| {
        metric(page, "truceline_evaluator_entries_total") >= readings
            && metric(page, "truceline_evaluator_lag_entries") == 0.0
    })?;
    let judged = begun.elapsed().as_secs_f64();
    let broker_cpu_s = usage(broker.pid()).cpu_s - broker_before;
    let usage = service.usage();
    service.stop();
    Ok(Row { seconds, judged, usage, broker_cpu_s })
}

fn start_service(program: &Path, dir: &Path, broker: u16, port: u16) -> anyhow::Result<Running> {
    let child = Command::new(program)
        .arg("run")
        .env("TRUCELINE__DATA_DIR", dir.join("data"))
        .env("TRUCELINE__MQTT__URL", format!("mqtt://127.0.0.1:{broker}"))
        .env("TRUCELINE__HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("TRUCELINE__AGREEMENT__DIR", "config/agreements/example")
        .env("TRUCELINE__DEVICES__FILE", "config/devices/example.toml")
        .env("TRUCELINE__LOG__LEVEL", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot start {}; build it with `make build`", program.display()))?;
    Ok(Running(child))
}

/// Asks for the metrics until they are as wanted.
fn until(port: u16, limit: Duration, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        if metrics(port).is_ok_and(|page| wanted(&page)) {
            return Ok(());
        }
        if begun.elapsed() > limit {
            bail!("not so after {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metrics(port: u16) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    socket.read_to_string(&mut page)?;
    Ok(page)
}

/// The sum of a metric over its labels; 0 while it is absent.
fn metric(page: &str, name: &str) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    page.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
