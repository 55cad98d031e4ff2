//! Reads a TOML table key by key and collects every fault, so that a file's author hears of all of them at once.

use std::str::FromStr;

use toml::{Table, Value};

use crate::id::Id;
use crate::spelling::nearest;
use crate::time::Time;

/// Longest text of one value in characters.
pub(crate) const MAX_TEXT: usize = 4_000;

/// What is wrong, and at which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFault {
    /// The key's path, such as `rule 'no-fire': threshold`.
    pub place: String,
    /// The value, what is wrong with it, and what to do.
    pub message: String,
}

/// The numbers that a key may have, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub min: f64,
    pub max: f64,
    /// What it counts, for people.
    pub unit: &'static str,
}

impl Limits {
    pub(crate) const fn new(min: f64, max: f64, unit: &'static str) -> Self {
        Self { min, max, unit }
    }
}

/// One table, the keys that were asked for, and the faults so far.
pub(crate) struct Keys<'t> {
    place: String,
    table: &'t Table,
    known: Vec<&'static str>,
    refused: Vec<&'static str>,
    faults: Vec<KeyFault>,
}

impl<'t> Keys<'t> {
    /// The keys of `table`, which faults call `place`; empty for the top of a file.
    pub(crate) fn new(place: impl Into<String>, table: &'t Table) -> Self {
        Self { place: place.into(), table, known: Vec::new(), refused: Vec::new(), faults: Vec::new() }
    }

    /// Whether the key is there.
    pub(crate) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Ends the reading: keys that nobody asked for are faults too.
    pub(crate) fn finish(mut self) -> Vec<KeyFault> {
        let asked = |key: &str| self.known.contains(&key) || self.refused.contains(&key);
        let unknown: Vec<&'t String> = self.table.keys().filter(|key| !asked(key)).collect();
        for key in unknown {
            let remedy = did_you_mean(key, &self.known);
            self.fault(&shown(key), format!("there is no such key; {remedy}"));
        }
        self.faults
    }

    /// Adds a fault of `key`.
    pub(crate) fn fault(&mut self, key: &str, message: impl Into<String>) {
        let place = match (self.place.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.place.clone(),
            (false, false) => format!("{}: {key}", self.place),
        };
        self.faults.push(KeyFault { place, message: message.into() });
    }

    /// Takes over the faults of a table within this one.
    pub(crate) fn absorb(&mut self, faults: Vec<KeyFault>) {
        self.faults.extend(faults);
    }

    /// Refuses a key for a reason of its own, where it is there; it is never proposed.
    pub(crate) fn refuse(&mut self, key: &'static str, message: &str) {
        self.refused.push(key);
        if self.table.contains_key(key) {
            self.fault(key, message);
        }
    }

    /// Adds a fault if the key is not there.
    pub(crate) fn require(&mut self, key: &'static str, example: &str) {
        if self.value(key).is_none() {
            self.fault(key, format!("is missing; write {example}"));
        }
    }

    /// The key's value, as it stands.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'t Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        match value {
            Value::String(text) if text.trim().is_empty() => {
                self.fault(key, "is empty; write a text, or leave the key out");
                None
            }
            Value::String(text) if text.chars().count() > MAX_TEXT => {
                self.fault(key, format!("is longer than {MAX_TEXT} characters; shorten it"));
                None
            }
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong_type(key, other, "a text in quotes");
                None
            }
        }
    }

    /// An id.
    pub(crate) fn id(&mut self, key: &'static str) -> Option<Id> {
        let text = self.text(key)?;
        self.parsed(key, &text)
    }

    /// A list of ids, without duplicates.
    pub(crate) fn ids(&mut self, key: &'static str) -> Vec<Id> {
        let mut ids: Vec<Id> = Vec::new();
        for text in self.texts(key, "a list of ids such as [\"id-1\", \"id-2\"]") {
            if let Some(id) = self.parsed::<Id>(key, &text) {
                if ids.contains(&id) {
                    self.fault(key, format!("'{id}' is listed twice; remove one"));
                } else {
                    ids.push(id);
                }
            }
        }
        ids
    }

    /// One of a closed set of words.
    pub(crate) fn word(&mut self, key: &'static str, allowed: &[&'static str]) -> Option<&'static str> {
        let text = self.text(key)?;
        self.one_of(key, &text, allowed)
    }

    /// A list of words of a closed set, without duplicates.
    pub(crate) fn words(&mut self, key: &'static str, allowed: &[&'static str]) -> Vec<&'static str> {
        let mut words = Vec::new();
        for text in self.texts(key, "a list of words in quotes, in [ ]") {
            if let Some(word) = self.one_of(key, &text, allowed) {
                if words.contains(&word) {
                    self.fault(key, format!("'{word}' is listed twice; remove one"));
                } else {
                    words.push(word);
                }
            }
        }
        words
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, key: &'static str, wanted: &str) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.wrong_type(key, value, wanted);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item {
                Value::String(text) => texts.push(text.clone()),
                other => self.wrong_type(key, other, wanted),
            }
        }
        texts
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(flag) => Some(*flag),
            other => {
                self.wrong_type(key, other, "true or false");
                None
            }
        }
    }

    /// A number within limits.
    pub(crate) fn number(&mut self, key: &'static str, limits: Limits) -> Option<f64> {
        let value = self.value(key)?;
        self.as_number(key, value, limits)
    }

    /// `value` as a number within limits; faults name `key`.
    pub(crate) fn as_number(&mut self, key: &str, value: &Value, limits: Limits) -> Option<f64> {
        let number = match value {
            Value::Integer(whole) => *whole as f64,
            Value::Float(number) => *number,
            other => {
                self.wrong_type(key, other, &format!("a number, {}", limits.unit));
                return None;
            }
        };
        if (limits.min..=limits.max).contains(&number) {
            return Some(number);
        }
        let message =
            format!("{} is out of range; write {} to {}, {}", shown(value), limits.min, limits.max, limits.unit);
        self.fault(key, message);
        None
    }

    /// A whole number within limits.
    pub(crate) fn whole(&mut self, key: &'static str, limits: Limits) -> Option<u32> {
        let value = self.value(key)?;
        if !matches!(value, Value::Integer(_)) {
            self.wrong_type(key, value, "a whole number");
            return None;
        }
        self.as_number(key, value, limits).map(|number| number as u32)
    }

    /// A time: RFC 3339 in UTC, in quotes or as TOML's own.
    pub(crate) fn time(&mut self, key: &'static str) -> Option<Time> {
        match self.value(key)? {
            Value::String(text) => self.parsed(key, text),
            Value::Datetime(time) => self.parsed(key, &time.to_string()),
            other => {
                self.wrong_type(key, other, "a time such as 2026-11-24T03:00:00Z");
                None
            }
        }
    }

    /// A table of keys.
    pub(crate) fn table(&mut self, key: &'static str, example: &str) -> Option<Keys<'t>> {
        match self.value(key)? {
            Value::Table(table) => Some(Keys::new(self.below(key), table)),
            other => {
                self.wrong_type(key, other, example);
                None
            }
        }
    }

    /// A list of tables, at most `most`.
    pub(crate) fn tables(&mut self, key: &'static str, most: usize, example: &str) -> Vec<&'t Table> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.wrong_type(key, value, example);
            return Vec::new();
        };
        if items.len() > most {
            self.fault(key, format!("there are {}; at most {most} are read", items.len()));
            return Vec::new();
        }
        let mut tables = Vec::new();
        for item in items {
            match item {
                Value::Table(table) => tables.push(table),
                other => self.wrong_type(key, other, example),
            }
        }
        tables
    }

    /// The place of what is below `key`.
    pub(crate) fn below(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}: {key}", self.place) }
    }

    /// A fault that names the value, its type and the one that is wanted.
    pub(crate) fn wrong_type(&mut self, key: &str, value: &Value, wanted: &str) {
        self.fault(key, format!("{} is {}; write {wanted}", shown(value), a_type(value)));
    }

    fn one_of(&mut self, key: &str, text: &str, allowed: &[&'static str]) -> Option<&'static str> {
        let found = allowed.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let remedy = did_you_mean(text, allowed);
            self.fault(key, format!("'{}' is not known here; {remedy}", shown(text)));
        }
        found
    }

    fn parsed<T>(&mut self, key: &str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, error.to_string());
                None
            }
        }
    }
}

/// `rule 'no-fire'`, or `rule number 3` where the id cannot be read.
pub(crate) fn called(sort: &str, number: usize, table: &Table) -> String {
    match table.get("id") {
        Some(Value::String(id)) if Id::is_valid(id) => format!("{sort} '{id}'"),
        _ => format!("{sort} number {}", number + 1),
    }
}

/// A value as a fault shows it: on one line and not too long.
pub(crate) fn shown(value: &(impl ToString + ?Sized)) -> String {
    let text = value.to_string();
    let mut short: String = text.chars().take(64).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(64).is_some() {
        short.push('…');
    }
    short
}

fn a_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with decimals",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list in [ ]",
        Value::Table(_) => "a table of keys",
    }
}

fn did_you_mean(word: &str, known: &[&'static str]) -> String {
    // `from` for `valid_from`, or the other way round.
    let ends_as = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('_'));
    let akin = || known.iter().copied().find(|other| ends_as(other, word) || ends_as(word, other));
    match nearest(word, known.iter().copied()).or_else(akin) {
        Some(other) => format!("did you mean '{other}'?"),
        None => format!("use one of: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_asked_for_is_a_fault_with_a_proposal() {
        let table: Table = "treshold = 1\nzzz = 2".parse().unwrap();
        let mut keys = Keys::new("rule 'x'", &table);
        keys.number("threshold", Limits::new(0.0, 1.0, "a probability"));
        let faults = keys.finish();
        assert_eq!(faults[0].place, "rule 'x': treshold");
        assert_eq!(faults[0].message, "there is no such key; did you mean 'threshold'?");
        assert_eq!(faults[1].message, "there is no such key; use one of: threshold");
    }

    #[test]
    fn a_key_with_or_without_what_stands_before_it_is_proposed() {
        for (word, known, wanted) in [
            ("from", "valid_from", "did you mean 'valid_from'?"),
            ("valid_to", "to", "did you mean 'to'?"),
            ("rom", "valid_from", "use one of: valid_from"),
        ] {
            assert_eq!(did_you_mean(word, &[known]), wanted);
        }
    }

    #[test]
    fn a_number_that_is_not_one_is_out_of_range() {
        let table: Table = "a = nan\nb = inf".parse().unwrap();
        let mut keys = Keys::new("", &table);
        for key in ["a", "b"] {
            assert_eq!(keys.number(key, Limits::new(0.0, 1.0, "a probability")), None);
        }
        assert_eq!(keys.finish().len(), 2);
    }

    #[test]
    fn a_time_may_be_written_in_quotes_or_as_tomls_own() {
        let table: Table = "a = 2015-02-15T00:00:00Z\nb = \"2015-02-15T00:00:00Z\"\nc = 2015-02-15".parse().unwrap();
        let mut keys = Keys::new("", &table);
        assert_eq!(keys.time("a"), keys.time("b"));
        assert_eq!(keys.time("c"), None);
    }
}
