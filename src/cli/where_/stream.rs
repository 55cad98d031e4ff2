//! Chunks of lines to answers in the same order, over all processors and in constant memory.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::mpsc::sync_channel;

use truceline_core::geometry::LonLat;

use super::against::Against;
use super::answer::Writer;
use super::chunks::{Chunk, Chunks, MAX_LINE};
use super::points::{Form, form, point};
use super::{FAR_M, Format};

/// Chunks that wait before each worker, and answers of chunks behind it.
const WAITING: usize = 2;
/// More bad lines than this are counted, not named.
pub(super) const MOST_NAMED: u64 = 20;

/// What is to be said of the points beside their answers.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Points that were answered.
    pub(super) points: u64,
    /// Lines that are no points.
    pub(super) bad: u64,
    /// Points at whose time no version of the line is in force.
    pub(super) nowhere: u64,
    /// Points without a time.
    pub(super) timeless: u64,
    /// Points that say themselves that their accuracy is 0.
    pub(super) zero_accuracy: u64,
    /// The first point that is further from the line than is likely, and how far.
    pub(super) far: Option<(LonLat, f64)>,
    /// Names of columns or keys that nothing is made of.
    pub(super) unused: BTreeSet<String>,
}

/// More unused names than these are not kept: keys may be made up anew for each point.
pub(super) const MAX_UNUSED: usize = 20;

impl Notes {
    fn add(&mut self, other: Self) {
        self.points += other.points;
        self.bad += other.bad;
        self.nowhere += other.nowhere;
        self.timeless += other.timeless;
        self.zero_accuracy += other.zero_accuracy;
        self.far = self.far.or(other.far);
        let room = MAX_UNUSED.saturating_sub(self.unused.len());
        self.unused.extend(other.unused.into_iter().take(room));
    }
}

/// Why not all lines were read.
#[derive(Debug)]
pub(super) enum Stop {
    /// The input cannot be read, or nobody knows how.
    Input(String),
    /// The answers cannot be written.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The answers of a chunk.
struct Answered {
    text: Vec<u8>,
    notes: Notes,
    /// The first bad lines.
    faults: Vec<String>,
    /// Nothing follows.
    stop: Option<String>,
}

/// Answers every line; `tell` hears of bad ones, and `count` of how many points are done.
pub(super) fn answer_all(
    against: &Against,
    input: impl Read + Send + 'static,
    mut out: impl Write,
    format: Format,
    workers: usize,
    tell: &dyn Fn(&str),
    count: &dyn Fn(u64),
) -> (Notes, Result<(), Stop>) {
    let mut notes = Notes::default();
    let mut chunks = Chunks::new(input);
    if let Err(error) = Writer::new(&mut out, format).header() {
        return (notes, Err(error.into()));
    }
    let (form, first) = match begin(&mut chunks, &mut notes.unused) {
        Ok(Some(begun)) => begun,
        Ok(None) => return (notes, out.flush().map_err(Stop::from)),
        Err(message) => return (notes, Err(Stop::Input(message))),
    };
    let form = &form;
    let done = std::thread::scope(|scope| {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for _ in 0..workers.max(1) {
            let (give, take) = sync_channel::<Result<Chunk, String>>(WAITING);
            let (answer, answers) = sync_channel(WAITING);
            inputs.push(give);
            outputs.push(answers);
            scope.spawn(move || {
                for chunk in take {
                    if answer.send(answer_chunk(against, form, chunk, format)).is_err() {
                        break;
                    }
                }
            });
        }
        // Not waited for at the end: it may hang in a pipe that has no more to say, after nobody reads the answers.
        std::thread::spawn(move || {
            let turns = std::iter::once(Ok(first)).chain(chunks).enumerate();
            for (turn, chunk) in turns {
                let is_last = chunk.is_err();
                let worker = inputs.get(turn % inputs.len());
                if worker.is_none_or(|worker| worker.send(chunk).is_err()) || is_last {
                    break;
                }
            }
        });
        // Every worker has its turn, so that answers come in the order of the chunks.
        for answers in outputs.iter().cycle() {
            let Ok(Answered { text, notes: more, faults, stop }) = answers.recv() else { break };
            out.write_all(&text)?;
            for (fault, number) in faults.iter().zip(notes.bad..MOST_NAMED) {
                tell(fault);
                if number + 1 == MOST_NAMED {
                    tell("further bad lines are counted and not named");
                }
            }
            count(more.points);
            notes.add(more);
            if let Some(message) = stop {
                return Err(Stop::Input(message));
            }
        }
        Ok(())
    });
    let done = done.and_then(|()| out.flush().map_err(Stop::from));
    (notes, done)
}

/// How the lines are written, and the first chunk without its header; `None` if there is nothing but empty lines.
fn begin<R: Read>(chunks: &mut Chunks<R>, unused: &mut BTreeSet<String>) -> Result<Option<(Form, Chunk)>, String> {
    for chunk in chunks {
        let mut chunk = chunk?;
        if chunk.first_line == 1 && chunk.bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
            chunk.bytes.drain(..3);
        }
        if let Some(what) = foreign(&chunk.bytes) {
            return Err(format!("the input {what}"));
        }
        let mut start = 0;
        for (line, number) in chunk.bytes.split_inclusive(|byte| *byte == b'\n').zip(chunk.first_line..) {
            let fault = |message: String| format!("line {number}: {message}");
            let text = text(line).map_err(fault)?;
            if text.is_empty() {
                start += line.len();
                continue;
            }
            let (form, is_header) = form(text, unused).map_err(fault)?;
            if is_header {
                start += line.len();
            }
            chunk.first_line = number + u64::from(is_header);
            chunk.bytes.drain(..start);
            return Ok(Some((form, chunk)));
        }
    }
    Ok(None)
}

/// What the input's first bytes say of it, if it is no text of lines.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, ..] => Some("is packed by gzip; unpack it first, as gunzip -c FILE does"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Some("is UTF-16; save the file as UTF-8"),
        _ if bytes.contains(&b'\r') && !bytes.contains(&b'\n') && bytes.trim_ascii_end().contains(&b'\r') => {
            Some("has carriage returns for line ends; convert them, as tr '\\r' '\\n' does")
        }
        _ => None,
    }
}

/// A line without its end and the blanks around it.
fn text(line: &[u8]) -> Result<&str, String> {
    if line.len() > MAX_LINE {
        return Err(format!("longer than {MAX_LINE} bytes; write one point a line"));
    }
    let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8; save the file as UTF-8".to_owned())?.trim();
    if text.as_bytes().contains(&0) {
        return Err("holds a NUL byte; write text".to_owned());
    }
    Ok(text)
}

fn answer_chunk(against: &Against, form: &Form, chunk: Result<Chunk, String>, format: Format) -> Answered {
    let mut answered = Answered { text: Vec::new(), notes: Notes::default(), faults: Vec::new(), stop: None };
    let Answered { text: out, notes, faults, stop } = &mut answered;
    let chunk = match chunk {
        Ok(chunk) => chunk,
        Err(message) => {
            *stop = Some(message);
            return answered;
        }
    };
    out.reserve(chunk.bytes.len() * 4);
    let mut writer = Writer::new(&mut *out, format);
    for (line, number) in chunk.bytes.split(|byte| *byte == b'\n').zip(chunk.first_line..) {
        let read = text(line).and_then(|text| match text {
            "" => Ok(None),
            text => point(text, form, &mut notes.unused).map(Some),
        });
        let point = match read {
            Ok(Some(point)) => point,
            Ok(None) => continue,
            Err(message) => {
                notes.bad += 1;
                if notes.bad <= MOST_NAMED {
                    faults.push(format!("line {number}: {message}"));
                }
                continue;
            }
        };
        let answer = against.locate(&point);
        notes.points += 1;
        notes.timeless += u64::from(point.time.is_none());
        notes.zero_accuracy += u64::from(point.hacc_m == Some(0.0));
        match answer.distance_m {
            None => notes.nowhere += 1,
            Some(distance_m) if distance_m > FAR_M && notes.far.is_none() => {
                notes.far = Some((point.position, distance_m));
            }
            Some(_) => {}
        }
        if let Err(error) = writer.write(&answer) {
            *stop = Some(format!("line {number}: its answer cannot be told: {error}"));
            break;
        }
    }
    answered
}
