//! Query parameters: each known, each once, each in its range; all faults told at once.

use std::collections::BTreeMap;

use axum::http::Uri;
use truceline_core::id::Id;
use truceline_core::time::Time;

use super::cursor::{self, List};
use super::problem::{ParameterFault, Problem};

/// Most items of a page.
pub(super) const MAX_LIMIT: usize = 1_000;
const DEFAULT_LIMIT: usize = 100;
/// Most parameters looked at, and most characters of a value repeated in a fault.
const MAX_PARAMETERS: usize = 32;
const MAX_SHOWN: usize = 64;

/// The parameters of one request.
pub(super) struct Params {
    values: BTreeMap<String, String>,
    faults: Vec<ParameterFault>,
}

impl Params {
    /// Reads a request's parameters; `known` are those that the route takes.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Self {
        let mut params = Self { values: BTreeMap::new(), faults: Vec::new() };
        let query = uri.query().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).take(MAX_PARAMETERS) {
            if !known.contains(&&*name) {
                let remedy = if known.is_empty() {
                    "this resource takes none".to_owned()
                } else {
                    format!("use {}", known.join(", "))
                };
                params.fault(&name, &value, &format!("there is no parameter '{}'; {remedy}", shown(&name)));
            } else if params.values.contains_key(&*name) {
                params.fault(&name, &value, &format!("'{name}' is given more than once; give it once"));
            } else {
                params.values.insert(name.into_owned(), value.into_owned());
            }
        }
        params
    }

    /// Ends the reading: a problem that names every fault, if there was one.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::parameters(self.faults)) }
    }

    pub(super) fn id(&mut self, name: &str) -> Option<Id> {
        self.parsed(name, "1 to 32 of a-z, 0-9 and '-', not starting with '-'", |text| text.parse().ok())
    }

    /// Any text of at most 256 bytes.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.parsed(name, "1 to 256 bytes", |text| (1..=256).contains(&text.len()).then(|| text.to_owned()))
    }

    pub(super) fn time(&mut self, name: &str) -> Option<Time> {
        self.parsed(name, "a time in UTC such as 2026-11-24T03:00:00Z", |text| text.parse().ok())
    }

    /// From (inclusive) and to (exclusive).
    pub(super) fn interval(&mut self) -> (Option<Time>, Option<Time>) {
        let (from, to) = (self.time("from"), self.time("to"));
        if let (Some(start), Some(end)) = (from, to)
            && start >= end
        {
            self.fault("to", &end.to_string(), &format!("to '{end}' is not after from '{start}'; give a later time"));
        }
        (from, to)
    }

    /// One of a closed set of words.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let remedy = format!("one of {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "));
        self.parsed(name, &remedy, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
    }

    pub(super) fn limit(&mut self, most: usize) -> usize {
        let remedy = format!("a whole number from 1 to {most}");
        self.parsed("limit", &remedy, |text| text.parse().ok().filter(|limit| (1..=most).contains(limit)))
            .unwrap_or(DEFAULT_LIMIT.min(most))
    }

    /// The place at which the page before ended.
    pub(super) fn cursor<T: std::str::FromStr>(&mut self, list: List) -> Option<T> {
        self.parsed("cursor", "the 'next' of a page of this list, unchanged", |text| {
            cursor::decode(list, text)?.parse().ok()
        })
    }

    /// The place at which the page before ended, in a list whose places are numbers of a store.
    pub(super) fn place(&mut self, list: List) -> Option<u64> {
        self.parsed("cursor", "the 'next' of a page of this list, unchanged", |text| {
            cursor::decode(list, text)?.parse().ok().filter(|place| i64::try_from(*place).is_ok())
        })
    }

    fn parsed<T>(&mut self, name: &str, remedy: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.values.get(name)?.clone();
        let parsed = parse(&text);
        if parsed.is_none() {
            self.fault(name, &text, &format!("{name} '{}' cannot be used; give {remedy}", shown(&text)));
        }
        parsed
    }

    fn fault(&mut self, parameter: &str, value: &str, detail: &str) {
        self.faults.push(ParameterFault {
            parameter: shown(parameter),
            value: shown(value),
            detail: detail.to_owned(),
        });
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}
