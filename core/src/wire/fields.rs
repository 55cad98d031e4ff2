//! Reads a value's fields with the contract's types and ranges; a fault carries the field's path.

use super::value::Value;
use super::{Fault, RejectReason};
use crate::time::Time;

/// A map being read, with its path from the reading's root.
#[derive(Clone, Copy)]
pub(super) struct Fields<'v, 'a> {
    value: &'v Value<'a>,
    path: &'static str,
}

type Read<T> = Result<T, Fault>;

fn fault(reason: RejectReason, path: String, detail: &str) -> Fault {
    let detail = format!("{path} {detail}");
    Fault { reason, path: Some(path), identity: None, detail }
}

impl<'v, 'a> Fields<'v, 'a> {
    pub(super) fn root(value: &'v Value<'a>) -> Self {
        Self { value, path: "" }
    }

    /// The fields of a map, such as one element of a list, under this path.
    pub(super) fn at(value: &'v Value<'a>, path: &'static str) -> Read<Self> {
        let fields = Self { value, path };
        match value {
            Value::Map(_) => Ok(fields),
            _ => Err(fault(RejectReason::OutOfRange, path.to_owned(), "must be a map")),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn out_of_range(&self, key: &str, detail: &str) -> Fault {
        fault(RejectReason::OutOfRange, self.path_of(key), detail)
    }

    pub(super) fn missing(&self, key: &str) -> Fault {
        fault(RejectReason::MissingField, self.path_of(key), "is missing")
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    pub(super) fn raw(&self, key: &str) -> Option<&'v Value<'a>> {
        self.value.get(key)
    }

    /// A required value of what an optional reader read.
    pub(super) fn need<T>(&self, key: &str, read: Read<Option<T>>) -> Read<T> {
        read?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn map(&self, key: &str, path: &'static str) -> Read<Option<Fields<'v, 'a>>> {
        self.raw(key).map(|value| Fields::at(value, path)).transpose()
    }

    pub(super) fn list(&self, key: &str, most: usize) -> Read<&'v [Value<'a>]> {
        match self.raw(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) if items.len() <= most => Ok(items),
            Some(Value::Array(_)) => Err(self.out_of_range(key, &format!("has more than {most} elements"))),
            Some(_) => Err(self.out_of_range(key, "must be a list")),
        }
    }

    /// What `read` makes of each map of a list; a fault's path tells the element.
    pub(super) fn each<T>(
        &self,
        key: &str,
        path: &'static str,
        most: usize,
        read: impl Fn(Fields<'v, 'a>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let element = |(index, item): (usize, &'v Value<'a>)| {
            Fields::at(item, path).and_then(&read).map_err(|fault| {
                let own = format!("{path}[{index}]");
                Fault {
                    path: fault.path.map(|field| field.replacen(path, &own, 1)),
                    detail: fault.detail.replacen(path, &own, 1),
                    ..fault
                }
            })
        };
        self.list(key, most)?.iter().enumerate().map(element).collect()
    }

    /// A finite number in `least..=greatest`.
    pub(super) fn number(&self, key: &str, least: f64, greatest: f64) -> Read<Option<f64>> {
        let number = match self.raw(key) {
            None => return Ok(None),
            Some(Value::Integer(integer)) => *integer as f64,
            Some(Value::Float(float)) => *float,
            Some(_) => return Err(self.out_of_range(key, "must be a number")),
        };
        if number.is_finite() && (least..=greatest).contains(&number) {
            Ok(Some(number))
        } else {
            Err(self.out_of_range(key, &format!("is {number}; it must be {}", range(least, greatest))))
        }
    }

    /// A finite number over 0.
    pub(super) fn positive(&self, key: &str) -> Read<Option<f64>> {
        match self.number(key, 0.0, f64::MAX)? {
            Some(0.0) => Err(self.out_of_range(key, "must be over 0")),
            other => Ok(other),
        }
    }

    /// A whole number in `least..=greatest`; a float without a fraction counts as one.
    pub(super) fn integer(&self, key: &str, least: u64, greatest: u64) -> Read<Option<u64>> {
        let integer = match self.raw(key) {
            None => return Ok(None),
            Some(Value::Integer(integer)) => *integer,
            Some(Value::Float(float)) if float.fract() == 0.0 && float.abs() < 9.1e15 => *float as i128,
            Some(_) => return Err(self.out_of_range(key, "must be a whole number")),
        };
        match u64::try_from(integer) {
            Ok(number) if (least..=greatest).contains(&number) => Ok(Some(number)),
            _ => Err(self.out_of_range(key, &format!("is {integer}; it must be {least} to {greatest}"))),
        }
    }

    pub(super) fn u32(&self, key: &str, least: u32) -> Read<Option<u32>> {
        // In range by the line above it.
        Ok(self.integer(key, least.into(), u32::MAX.into())?.map(|number| number as u32))
    }

    pub(super) fn boolean(&self, key: &str) -> Read<Option<bool>> {
        match self.raw(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.out_of_range(key, "must be true or false")),
        }
    }

    /// A text of `least..=most` characters.
    pub(super) fn text(&self, key: &str, least: usize, most: usize) -> Read<Option<&'v str>> {
        match self.raw(key) {
            None => Ok(None),
            Some(Value::Text(text)) if (least..=most).contains(&text.chars().count()) => Ok(Some(text)),
            Some(Value::Text(_)) => Err(self.out_of_range(key, &format!("must have {least} to {most} characters"))),
            Some(_) => Err(self.out_of_range(key, "must be a text")),
        }
    }

    pub(super) fn note(&self, key: &str, most: usize) -> Read<Option<String>> {
        Ok(self.text(key, 0, most)?.map(str::to_owned))
    }

    /// A word of a closed set.
    pub(super) fn word<T>(&self, key: &str, from_word: fn(&str) -> Option<T>) -> Read<Option<T>> {
        let Some(word) = self.text(key, 0, 64)? else { return Ok(None) };
        from_word(word).map(Some).ok_or_else(|| self.out_of_range(key, "is not a word of the contract"))
    }

    /// A class, where an unknown word counts as `unknown`.
    pub(super) fn class<T>(&self, key: &str, from_word: fn(&str) -> Option<T>, unknown: T) -> Read<Option<T>> {
        let Some(word) = self.text(key, 0, 256)? else { return Ok(None) };
        Ok(Some(from_word(word).unwrap_or(unknown)))
    }

    pub(super) fn time(&self, key: &str) -> Read<Option<Time>> {
        let Some(text) = self.text(key, 0, 64)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.out_of_range(key, "must be a UTC time such as 2026-11-24T03:00:00Z"))
    }

    /// Two fields that come both or not at all.
    pub(super) fn pair(&self, first: &str, second: &str) -> Read<()> {
        match (self.has(first), self.has(second)) {
            (true, false) => Err(self.missing(second)),
            (false, true) => Err(self.missing(first)),
            _ => Ok(()),
        }
    }
}

fn range(least: f64, greatest: f64) -> String {
    match (least == -f64::MAX, greatest == f64::MAX) {
        (true, true) => "finite".to_owned(),
        (true, false) => format!("at most {greatest}"),
        (false, true) => format!("at least {least}"),
        (false, false) => format!("{least} to {greatest}"),
    }
}
