//! `truceline replay`: readings in, alerts and events out, by the same engine and the same loop as live.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde::Deserialize;
use serde_json::value::RawValue;
use truceline_core::agreement::compile;
use truceline_core::engine::{Output, Said};
use truceline_core::id::Id;
use truceline_core::log::{Body, Decoded, Document, Entry, ReadingEntry, RejectEntry};
use truceline_core::registry::Registry;
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, RejectReason, decode_one, time_of};

use super::failure::{json_fault, say};
use super::input::{self, Input};
use super::{Failure, progress};
use crate::config::{read_bundle, read_registry};
use crate::evaluator;
use crate::journal::{JournalError, Reader};

/// Entries read from a journal at once.
const READ_ENTRIES: usize = 4_000;
const READ_BYTES: usize = 32 << 20;
/// Longest line of input: a reading is at most 1 MiB.
const MAX_LINE: usize = 2 << 20;

/// Older readings are left out, as the service's default does.
const HORIZON: Span = Span::from_secs(30 * 86_400);

/// How long the engine holds an alert's revision back at most: so long after the last reading it is told.
const HELD_BACK: Span = Span::from_secs(10);

/// Arguments of `replay`.
#[derive(Args)]
#[command(group = ArgGroup::new("judged").required(true).multiple(true).args(["agreement", "from_journal"]))]
#[command(after_help = "\
Input: JSON Lines of {\"received_at\": TIME, \"station\": ID, \"reading\": {...}}, or of bare \
readings; a bare one counts as received at its own time, or when the one before was, if that is later.
Output: JSON Lines of {\"type\": \"alert\", ...} and, of what rules permit, {\"type\": \"event\", ...}: every \
revision of each in the order in which they were said; the same lines as `truceline export alerts --log` and \
`truceline export events --log` print of a live run.

  truceline replay --agreement config/agreements/example --devices config/devices/example.toml readings.jsonl
  truceline replay --from-journal data/journal.db
  truceline replay --from-journal data/journal.db --agreement what-if/")]
pub(super) struct ReplayArgs {
    /// Folder of the agreement to judge by; with --from-journal: in place of the journal's own
    #[arg(long, value_name = "DIR")]
    agreement: Option<PathBuf>,
    /// Device registry; with --from-journal: in place of the journal's own
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Replay a service's journal, which may be running
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    from_journal: Option<PathBuf>,
    /// JSON Lines of readings; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    input: String,
}

/// Replays and prints.
pub(super) fn run(arguments: &ReplayArgs) -> Result<(), Failure> {
    let agreement = match &arguments.agreement {
        Some(dir) => {
            let bundle = read_bundle(dir).map_err(Failure::config)?;
            compile(&bundle).map_err(Failure::config)?;
            Some(bundle.document())
        }
        None => None,
    };
    let registry = match &arguments.devices {
        Some(file) => Some(read_registry(file).map_err(Failure::config)?),
        None => None,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut print = |output: &Output| print_said(&mut out, output);
    if let Some(file) = &arguments.from_journal {
        let entries = journal(file, agreement, registry.map(|(text, _)| Document::new(text)))?;
        evaluator::replay(entries, &mut print)?;
    } else {
        let Input { progress, reader } = input::open(&arguments.input, "readings")?;
        let entries = Lines::new(reader, agreement, registry).inspect(|_| progress.count(1));
        evaluator::replay(entries, &mut print)?;
        progress.finish();
    }
    out.flush().map_err(|error| Failure::output(&error))
}

/// One line of a log; `truceline export alerts --log` and `truceline export events --log` print the same.
pub(super) fn print_said(out: &mut dyn Write, output: &Output) -> Result<(), Failure> {
    #[derive(serde::Serialize)]
    struct Line<'a, T> {
        #[serde(rename = "type")]
        sort: &'static str,
        offset: u64,
        n: u32,
        #[serde(flatten)]
        said: &'a T,
    }
    let (offset, n) = (output.offset, output.n);
    let written = match &output.said {
        Said::Alert(alert) => serde_json::to_writer(&mut *out, &Line { sort: "alert", offset, n, said: &**alert }),
        Said::Event(event) => serde_json::to_writer(&mut *out, &Line { sort: "event", offset, n, said: &**event }),
    };
    written.map_err(|error| Failure::output(&error.into()))?;
    out.write_all(b"\n").map_err(|error| Failure::output(&error))
}

fn not_a_journal(file: &Path) -> Failure {
    Failure::data(format!("{} is no Truceline journal; name a service's journal.db", file.display()))
}

/// Whether the file begins as SQLite's files do; what cannot be read is left to the reader's own message.
fn is_database(file: &Path) -> bool {
    let mut start = [0; 16];
    match File::open(file).and_then(|mut file| file.read(&mut start)) {
        Ok(length) => length == 0 || start == *b"SQLite format 3\0",
        Err(_) => true,
    }
}

/// A journal's entries, its terms replaced where others are given.
fn journal(
    file: &Path,
    agreement: Option<Document>,
    registry: Option<Document>,
) -> Result<impl Iterator<Item = Result<Entry, Failure>>, Failure> {
    let storage = |error: JournalError| Failure::storage(&error.into());
    if file.is_dir() {
        let within = file.join("journal.db");
        let hint = if within.is_file() {
            format!("did you mean {}?", within.display())
        } else {
            "name a service's journal.db".to_owned()
        };
        return Err(Failure::data(format!("{} is a folder; {hint}", file.display())));
    }
    if !file.is_file() {
        return Err(Failure::data(format!("{}: there is no such file; name a service's journal.db", file.display())));
    }
    if !is_database(file) {
        return Err(not_a_journal(file));
    }
    let reader = Reader::open(file).map_err(|error| match &error {
        JournalError::Damaged { detail, .. } if detail.contains("has no table") => not_a_journal(file),
        _ => storage(error),
    })?;
    let newest = reader.head().map_err(storage)?;
    let bar = progress::bar(newest, "entries");
    let (other_agreement, other_registry) = (agreement.is_some(), registry.is_some());
    let first = reader.entries(0, 1, 1).map_err(storage)?.first().map_or(Time::default(), |entry| entry.arrived);
    let given = [agreement.map(Body::Agreement), registry.map(Body::Registry)];
    let given: Vec<_> = given.into_iter().flatten().map(|body| Ok(Entry { offset: 0, arrived: first, body })).collect();
    let mut batch = Vec::new().into_iter();
    let mut after = 0;
    let kept = std::iter::from_fn(move || {
        loop {
            if let Some(entry) = batch.next() {
                let entry: Entry = entry;
                after = entry.offset;
                if after > newest {
                    bar.finish_and_clear();
                    return None;
                }
                bar.set_position(after);
                return Some(Ok(entry));
            }
            match reader.entries(after, READ_ENTRIES, READ_BYTES) {
                Ok(entries) if entries.is_empty() => {
                    bar.finish_and_clear();
                    return None;
                }
                Ok(entries) => batch = entries.into_iter(),
                Err(error) => return Some(Err(storage(error))),
            }
        }
    });
    let kept = kept.filter(move |entry: &Result<Entry, Failure>| match entry {
        Ok(entry) => match entry.body {
            Body::Agreement(_) => !other_agreement,
            Body::Registry(_) => !other_registry,
            _ => true,
        },
        Err(_) => true,
    });
    Ok(given.into_iter().chain(kept))
}

/// Entries from JSON Lines, the terms first.
struct Lines<R> {
    input: BufReader<R>,
    terms: Vec<Body>,
    registry: Registry,
    offset: u64,
    line: u64,
    received_at: Option<Time>,
    /// The bytes' hash of every identity that came.
    seen: HashMap<(Id, u32, u64), u64>,
    waiting: VecDeque<Entry>,
    known: usize,
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What the journal makes of a stored identity with other bytes.
fn conflict(station: Id, device: Id, identity: (u32, u64), text: &str) -> Body {
    Body::Reject(RejectEntry {
        topic: format!("truceline/v1/readings/{station}/{device}"),
        content_type: None,
        station: Some(station),
        device: Some(device),
        identity: Some(identity),
        reason: RejectReason::ConflictingDuplicate,
        path: None,
        detail: "the same device, boot and seq came before with other bytes".to_owned(),
        bytes: text.as_bytes().to_vec(),
        size: text.len() as u64,
    })
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wrapped<'a> {
    received_at: Option<Time>,
    station: Option<Id>,
    #[serde(borrow)]
    reading: Option<&'a RawValue>,
}

impl<R: Read> Lines<R> {
    fn new(input: R, agreement: Option<Document>, registry: Option<(String, Registry)>) -> Self {
        let (text, registry) = registry.unwrap_or_default();
        let terms = [agreement.map(Body::Agreement), (!text.is_empty()).then(|| Body::Registry(Document::new(text)))];
        Self {
            input: BufReader::new(input),
            terms: terms.into_iter().flatten().collect(),
            registry,
            offset: 0,
            line: 0,
            received_at: None,
            seen: HashMap::new(),
            waiting: VecDeque::new(),
            known: 0,
        }
    }

    /// Puts the entry of a line into the queue; none for a reading that came before.
    fn take(&mut self, line: &str) -> Result<(), Failure> {
        let number = self.line;
        let fault = |what: &dyn std::fmt::Display| Failure::data(format!("line {number}: {what}"));
        let wrapped: Wrapped<'_> = serde_json::from_str(line).map_err(|error| fault(&json_fault(&error)))?;
        let text = wrapped.reading.map_or(line, RawValue::get);
        let reading = decode_one(Encoding::Json, text.as_bytes()).map_err(|error| fault(&error))?;
        // A clock that nothing disciplines moves no time but its own.
        let own = reading.clock.source.is_disciplined().then_some(reading.time);
        let arrived = wrapped.received_at.or(own).or(self.received_at).unwrap_or(reading.time);
        let arrived = self.received_at.map_or(arrived, |before| before.max(arrived));
        let (time, time_basis) = match time_of(&reading, arrived, HORIZON) {
            Ok(judged) => judged,
            Err(refused) => {
                say(format_args!("line {number}: {refused}; left out, as the service rejects it"));
                return Ok(());
            }
        };
        let registered = self.registry.devices.get(&reading.device);
        let incarnation = registered.map_or(0, |device| device.incarnation);
        let station = wrapped.station.or_else(|| registered.map(|device| device.station.clone()));
        let Some(station) = station else {
            let what =
                format!("device '{}' has no station; write \"station\", or register it with --devices", reading.device);
            return Err(fault(&what));
        };
        let identity = (reading.boot, reading.seq);
        let hash = hash_of(text);
        let first = *self.seen.entry((reading.device.clone(), identity.0, identity.1)).or_insert(hash);
        let is_first = self.seen.len() > self.known;
        self.known = self.seen.len();
        if !is_first && first == hash {
            return Ok(());
        }
        self.received_at = Some(arrived);
        // The terms come into force as the first reading arrives.
        for body in std::mem::take(&mut self.terms) {
            let entry = self.next_entry(arrived, body);
            self.waiting.push_back(entry);
        }
        let body = if is_first {
            Body::Reading(ReadingEntry {
                station,
                incarnation,
                device: reading.device.clone(),
                boot: reading.boot,
                seq: reading.seq,
                time,
                time_basis,
                encoding: Encoding::Json,
                bytes: text.as_bytes().to_vec(),
                decoded: Decoded::of(reading),
            })
        } else {
            conflict(station, reading.device, identity, text)
        };
        let entry = self.next_entry(arrived, body);
        self.waiting.push_back(entry);
        Ok(())
    }

    fn next_entry(&mut self, arrived: Time, body: Body) -> Entry {
        self.offset += 1;
        Entry { offset: self.offset, arrived, body }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Entry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = String::new();
        while self.waiting.is_empty() {
            self.line += 1;
            line.clear();
            let fault = |what: String| Some(Err(Failure::data(format!("line {}: {what}", self.line))));
            match (&mut self.input).take(MAX_LINE as u64).read_line(&mut line) {
                // Time passes once more after the last reading, for what is held back for the next revision.
                Ok(0) => {
                    let last = self.received_at.take()?;
                    return Some(Ok(self.next_entry(last + HELD_BACK, Body::Tick)));
                }
                Ok(MAX_LINE) => return fault(format!("longer than {MAX_LINE} bytes")),
                Ok(_) => {}
                Err(error) => return fault(error.to_string()),
            }
            if !line.trim().is_empty()
                && let Err(failure) = self.take(line.trim())
            {
                return Some(Err(failure));
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}
