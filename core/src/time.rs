//! Time as the core knows it: UTC, integer nanoseconds.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant in UTC: nanoseconds since 1970-01-01T00:00:00Z, from 1677 to 2262.
///
/// Written and read as RFC 3339 with a `Z` wherever it leaves the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// A length of time in nanoseconds; may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

/// A text that is not an RFC 3339 time in UTC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time; write it as 2026-11-24T03:00:00Z, in UTC, with at most 9 decimals")]
pub struct TimeError(String);

impl Time {
    /// The instant `nanos` nanoseconds after 1970-01-01T00:00:00Z.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to `self`; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// `seconds` whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// `seconds` seconds, rounded to the nanosecond; not-a-number is zero.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * NANOS_PER_SECOND as f64).round() as i64)
    }

    /// The length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The length in seconds.
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl FromStr for Time {
    type Err = TimeError;

    /// Reads RFC 3339 in UTC, ending in `Z`, with at most 9 decimals.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let fault = || TimeError(text.chars().take(64).collect());
        let bytes = text.as_bytes();
        let plain = bytes.len() >= 20
            && bytes.len() <= 30
            && matches!(bytes[10], b'T' | b't')
            && matches!(bytes[bytes.len() - 1], b'Z' | b'z')
            && bytes[0].is_ascii_digit()
            // ISO 8601 has forms without separators and with a comma, RFC 3339 has not.
            && [bytes[4], bytes[7], bytes[13], bytes[16]] == *b"--::"
            && (bytes.len() == 20 || (bytes.len() > 21 && bytes[19] == b'.'));
        if !plain {
            return Err(fault());
        }
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| fault())?;
        i64::try_from(timestamp.as_nanosecond()).map(Self).map_err(|_| fault())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_written_to_the_nanosecond() {
        let time: Time = "2026-11-24T03:00:00.123456789Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-24T03:00:00.123456789Z");
        assert_eq!(time.nanos() % NANOS_PER_SECOND, 123_456_789);
    }

    #[test]
    fn a_time_that_is_not_utc_is_refused() {
        for text in [
            "2026-11-24T03:00:00+02:00",
            "2026-11-24 03:00:00Z",
            "2026-11-24",
            "",
            "2026-11-24T03:00:00.1234567891Z",
            "9999-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-11-24T03:00:00,5Z",
            "2026-11-24T03:00:00.Z",
            "2026-11-24T030000.000Z",
            "20261124 T03:00:00.0Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T03:60:00Z",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends_instead_of_wrapping() {
        let end = Time::from_nanos(i64::MAX);
        assert_eq!(end + Span::from_secs(1), end);
        assert_eq!(end.since(Time::from_nanos(i64::MIN)).nanos(), i64::MAX);
    }
}
