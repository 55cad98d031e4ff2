//! InfluxDB 2: readings, alerts and events as points, for analysis and dashboards.

mod alert;
mod client;
mod event;
mod line;
mod reading;
mod revision;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use truceline_core::alert::Alert;
use truceline_core::event::Event;
use truceline_core::log::{Body, Entry};
use truceline_core::time::Span;
use url::Url;

use client::{Refusal, Target, Writer};

use super::cursors::{DeadLetter, Place};
use super::worker::{self, Delivered, Delivery, Pace, Setback, Worker};
use super::{AlertRow, Cursors, Delays, EventRow, Form, Generation, Now, Revision, RunningSink, Source};

/// Lines of one request.
const MAX_LINES: usize = 5_000;

/// Where to write and how.
#[derive(Clone, Debug)]
pub struct InfluxConfig {
    /// `http://` or `https://`, without a path: the client library drops one.
    pub url: Url,
    /// The organization's name.
    pub org: String,
    /// The bucket's name.
    pub bucket: String,
    /// A file that holds nothing but a token; read at the start and again whenever the server refuses it.
    pub token_file: PathBuf,
    /// In which form rows leave.
    pub form: Form,
    /// Rows in the viewer's form leave no earlier than this after they were written.
    pub viewer_delay: Duration,
    /// Time for one request.
    pub timeout: Duration,
    /// Rows further behind than this are skipped, recorded and told; `None`: as far as the logs reach.
    pub max_lag: Option<u64>,
    /// Waits between attempts.
    pub delays: Delays,
    /// The journal's life.
    pub generation: Generation,
}

/// The logs that go there.
pub struct Logs {
    /// Readings.
    pub readings: Arc<dyn Source<Entry>>,
    /// Alerts.
    pub alerts: Arc<dyn Source<AlertRow>>,
    /// Events.
    pub events: Arc<dyn Source<EventRow>>,
}

/// Starts the three loops, for readings, alerts and events, each with a cursor of its own.
///
/// Must be called within a Tokio runtime. A server that is absent is no error: it is
/// tried again until it is there.
pub fn start_influx(
    config: &InfluxConfig,
    logs: Logs,
    cursors: &Cursors,
    now: &Now,
    stop: &CancellationToken,
) -> [RunningSink; 3] {
    let hold = match config.form {
        Form::Viewer => Span::from_nanos(i64::try_from(config.viewer_delay.as_nanos()).unwrap_or(i64::MAX)),
        Form::Internal => Span::default(),
    };
    let pace = Pace {
        batch: MAX_LINES,
        hold,
        linger: Duration::from_millis(250),
        max_lag: config.max_lag,
        probe_every: worker::PROBE_EVERY,
        delays: config.delays,
    };
    let target = Target {
        url: config.url.clone(),
        org: config.org.clone(),
        bucket: config.bucket.clone(),
        token_file: config.token_file.clone(),
        timeout: config.timeout,
    };
    let place = |sink| Place {
        sink,
        destination: format!("{} {} {}", config.url, config.org, config.bucket),
        generation: config.generation,
    };
    let form = config.form;
    let points = || Points { writer: Writer::new(target.clone()), form, doubt: None };
    [
        worker::start(Worker {
            place: place("influxdb_readings"),
            pace: pace.clone(),
            log: logs.readings,
            delivery: points(),
            cursors: cursors.clone(),
            now: Arc::clone(now),
            stop: stop.clone(),
        }),
        worker::start(Worker {
            place: place("influxdb_alerts"),
            pace: pace.clone(),
            log: logs.alerts,
            delivery: points(),
            cursors: cursors.clone(),
            now: Arc::clone(now),
            stop: stop.clone(),
        }),
        worker::start(Worker {
            place: place("influxdb_events"),
            pace,
            log: logs.events,
            delivery: points(),
            cursors: cursors.clone(),
            now: Arc::clone(now),
            stop: stop.clone(),
        }),
    ]
}

/// Writes rows as points.
struct Points {
    writer: Writer,
    form: Form,
    /// Every line of a delivery was refused: which of them is tried alone next, before all are again.
    doubt: Option<usize>,
}

/// A line and the row that it comes from.
struct Point {
    position: u64,
    line: String,
}

impl Delivery<Entry> for Points {
    async fn deliver(&mut self, rows: Arc<Vec<Entry>>) -> Result<Delivered, Setback> {
        let form = self.form;
        let encoded = tokio::task::spawn_blocking(move || {
            let (mut points, mut dead) = (Vec::with_capacity(rows.len()), Vec::new());
            for row in rows.iter() {
                let Body::Reading(entry) = &row.body else { continue };
                match reading::line_of(entry, row.arrived, form) {
                    Ok(Some(line)) => points.push(Point { position: row.offset, line }),
                    Ok(None) => {}
                    Err(fault) => dead.push(DeadLetter {
                        position: row.offset,
                        line: String::from_utf8_lossy(&entry.bytes).into_owned(),
                        error: fault.to_string(),
                    }),
                }
            }
            (points, dead)
        });
        let (points, dead) = encoded.await.map_err(|fault| Setback::Unreachable(fault.to_string()))?;
        self.send(points, dead).await
    }

    async fn probe(&mut self) -> Result<(), Setback> {
        self.writer.probe().await
    }
}

/// What a row of its log says as a point.
trait Pointed: Send + Sync + Sized + 'static {
    fn line_of(row: &Revision<Self>, form: Form) -> Option<String>;
}

impl Pointed for Alert {
    fn line_of(row: &AlertRow, form: Form) -> Option<String> {
        alert::line_of(row, form)
    }
}

impl Pointed for Event {
    fn line_of(row: &EventRow, form: Form) -> Option<String> {
        event::line_of(row, form)
    }
}

impl<T: Pointed> Delivery<Revision<T>> for Points {
    async fn deliver(&mut self, rows: Arc<Vec<Revision<T>>>) -> Result<Delivered, Setback> {
        let point = |row| T::line_of(row, self.form).map(|line| Point { position: row.seq, line });
        let points = rows.iter().filter_map(point).collect();
        self.send(points, Vec::new()).await
    }

    async fn probe(&mut self) -> Result<(), Setback> {
        self.writer.probe().await
    }
}

impl Points {
    /// Writes all points; halves what is refused down to the line at fault, which is given up.
    ///
    /// A line is given up only on proof: InfluxDB has taken another one, or speaks of points that it left out. Without it,
    /// it may not be the lines that are at fault: nothing is given up then, and one line after another asks until one is
    /// taken. A lone line waits for the next one.
    async fn send(&mut self, points: Vec<Point>, dead_letters: Vec<DeadLetter>) -> Result<Delivered, Setback> {
        let mut delivered = Delivered { sent: 0, dead_letters };
        if let Some(turn) = self.doubt.take()
            && let Some(point) = points.get(asks(turn, points.len()))
            && let Err(refusal) = self.writer.write(&[&point.line]).await
        {
            match refusal {
                Refusal::Lines { said, names_points: false } => {
                    self.doubt = Some(turn.wrapping_add(1));
                    return Err(refused_all(points.len(), &said));
                }
                Refusal::Lines { .. } => {}
                Refusal::Setback(setback) => {
                    self.doubt = Some(turn);
                    return Err(setback);
                }
            }
        }
        // Whether InfluxDB has taken a line, or named one that it cannot take.
        let mut judged = false;
        let mut last_said = String::new();
        // Parts yet to be written, the first on top.
        let mut parts: Vec<&[Point]> = vec![&points];
        while let Some(part) = parts.pop() {
            let lines: Vec<&str> = part.iter().map(|point| point.line.as_str()).collect();
            if lines.is_empty() {
                continue;
            }
            match self.writer.write(&lines).await {
                Ok(()) => delivered.sent += part.len() as u64,
                Err(Refusal::Setback(setback)) => return Err(setback),
                Err(Refusal::Lines { said, names_points }) => {
                    judged |= names_points;
                    if let [point] = part {
                        let (position, line) = (point.position, point.line.clone());
                        last_said.clone_from(&said);
                        delivered.dead_letters.push(DeadLetter { position, line, error: said });
                    } else {
                        let (front, back) = part.split_at(part.len() / 2);
                        parts.push(back);
                        parts.push(front);
                    }
                }
            }
        }
        if !judged && delivered.sent == 0 && !points.is_empty() {
            self.doubt = Some(0);
            return Err(refused_all(points.len(), &last_said));
        }
        Ok(delivered)
    }
}

/// The line that asks next: in turn the newest, which may not have been there before, and one of all.
const fn asks(turn: usize, lines: usize) -> usize {
    let last = lines.saturating_sub(1);
    if turn.is_multiple_of(2) || lines == 0 { last } else { (turn / 2) % lines }
}

fn refused_all(lines: usize, said: &str) -> Setback {
    Setback::Refused(format!(
        "every one of {lines} lines is refused ({said}), so that it may not be the lines: nothing is given up; look at what \
         stands between here and InfluxDB, and at the bucket"
    ))
}
