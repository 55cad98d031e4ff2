//! `days = "control/%Y-%m-%d.geojson"`: a file a day, each a version of the line from that day on.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{Bundle, Validity};
use crate::id::Id;
use crate::keys::shown;
use crate::time::{Span, Time};

/// Days that a version stays in force without a newer one, unless the agreement says otherwise.
pub(super) const MAX_AGE_DAYS: u32 = 7;

const DAY: Span = Span::from_secs(86_400);

/// Names of files that differ in their date only, in the agreement's folder or in one folder of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// So many digits.
    Year,
    Month,
    Day,
}

impl Part {
    const fn digits(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Year => 4,
            Self::Month | Self::Day => 2,
        }
    }
}

/// What a pattern makes of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayName {
    /// The file of the day that begins then.
    On(Time),
    /// Digits in place of a date that are none, such as 2022-02-30 or 2022-2-3.
    NoDate,
    /// Another file.
    Other,
}

/// Why a text is no pattern of days.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no pattern of days; write %Y, %m and %d once each in a file name that ends in .geojson, beside \
     agreement.toml or in one folder there, such as \"control/%Y-%m-%d.geojson\""
)]
pub struct DayPatternError(String);

impl FromStr for DayPattern {
    type Err = DayPatternError;

    fn from_str(text: &str) -> Result<Self, DayPatternError> {
        let fault = || DayPatternError(shown(text));
        let (folder, mut rest) = match text.split_once('/') {
            Some((folder, file)) => (Some(folder), file),
            None => (None, text),
        };
        let mut parts = Vec::new();
        let mut example = String::new();
        if let Some(folder) = folder {
            // A folder's name is held to what a file's is.
            if !Bundle::is_file_name(&format!("{folder}.json")) {
                return Err(fault());
            }
            parts.push(Part::Text(format!("{folder}/")));
        }
        while let Some((before, after)) = rest.split_once('%') {
            let (field, digits) = match after.chars().next() {
                Some('Y') => (Part::Year, "2000"),
                Some('m') => (Part::Month, "01"),
                Some('d') => (Part::Day, "01"),
                _ => return Err(fault()),
            };
            if parts.contains(&field) {
                return Err(fault());
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(field);
            example.push_str(before);
            example.push_str(digits);
            rest = after.get(1..).unwrap_or_default();
        }
        parts.push(Part::Text(rest.to_owned()));
        example.push_str(rest);
        let whole = [Part::Year, Part::Month, Part::Day].iter().all(|field| parts.contains(field));
        if !whole || !Bundle::is_file_name(&example) {
            return Err(fault());
        }
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl DayPattern {
    /// Longest name that is looked at, in bytes.
    const LONGEST: usize = 256;

    /// The folder in the agreement's folder that holds the files; `None`: they are beside the terms.
    pub fn folder(&self) -> Option<&str> {
        self.text.split_once('/').map(|(folder, _)| folder)
    }

    /// What a file of this name is, folder included.
    pub fn named(&self, name: &str) -> DayName {
        if name.len() > Self::LONGEST {
            return DayName::Other;
        }
        match self.date(name) {
            Some(date) => date.parse().map_or(DayName::NoDate, DayName::On),
            None if self.is_like(name) => DayName::NoDate,
            None => DayName::Other,
        }
    }

    /// The beginning of the day that the name tells, as a text.
    fn date(&self, name: &str) -> Option<String> {
        let (mut year, mut month, mut day) = ("", "", "");
        let mut rest = name;
        for part in &self.parts {
            if let Part::Text(text) = part {
                rest = rest.strip_prefix(text.as_str())?;
                continue;
            }
            let digits = rest.get(..part.digits())?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            rest = rest.get(part.digits()..)?;
            match part {
                Part::Year => year = digits,
                Part::Month => month = digits,
                _ => day = digits,
            }
        }
        rest.is_empty().then(|| format!("{year}-{month}-{day}T00:00:00Z"))
    }

    /// Whether there are digits, however many, where the date belongs.
    fn is_like(&self, name: &str) -> bool {
        let mut rest = name;
        let mut in_digits = false;
        for part in &self.parts {
            if let Part::Text(text) = part {
                let Some(after) = rest.strip_prefix(text.as_str()) else { return false };
                rest = after;
                in_digits = false;
            } else if !in_digits {
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                if after.len() == rest.len() {
                    return false;
                }
                rest = after;
                in_digits = true;
            }
        }
        rest.is_empty()
    }
}

/// A file and when it is in force.
pub(super) struct Day {
    pub file: String,
    pub validity: Validity,
}

/// What may not be meant about the days of a line.
#[derive(Debug)]
pub(super) struct Daily {
    pub id: Id,
    first: Time,
    last: Time,
    max_age_days: u32,
    /// Days between the first and the last without a file.
    missing: i64,
    /// The first day of the longest run of them, and how many it has.
    longest: (Time, i64),
    /// Those of them for which the version before is too old.
    without: i64,
    /// Files that are named like a day's and have no date.
    no_date: Vec<String>,
}

impl Daily {
    /// The versions that files of these names are, in order; `None` if there is none.
    pub(super) fn of<'n>(
        id: Id,
        pattern: &DayPattern,
        max_age_days: u32,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<(Self, Vec<Day>)> {
        let mut days: BTreeMap<Time, &str> = BTreeMap::new();
        let mut no_date = Vec::new();
        for name in names {
            match pattern.named(name) {
                DayName::On(day) => {
                    days.insert(day, name);
                }
                DayName::NoDate => no_date.push(name.to_owned()),
                DayName::Other => {}
            }
        }
        let (first, last) = (*days.keys().next()?, *days.keys().next_back()?);
        let mut daily = Self { id, first, last, max_age_days, missing: 0, longest: (first, 0), without: 0, no_date };
        let mut versions = Vec::new();
        let mut following = days.keys().skip(1);
        for (day, file) in &days {
            let next = following.next();
            let end = *day + Span::from_secs(i64::from(max_age_days) * 86_400);
            versions.push(Day {
                file: (*file).to_owned(),
                validity: Validity { from: Some(*day), to: Some(next.map_or(end, |next| end.min(*next))) },
            });
            if let Some(next) = next {
                daily.count(*day, *next);
            }
        }
        Some((daily, versions))
    }

    fn count(&mut self, day: Time, next: Time) {
        let apart = next.since(day).nanos() / DAY.nanos();
        self.missing += apart - 1;
        self.without += (apart - i64::from(self.max_age_days)).max(0);
        if apart - 1 > self.longest.1 {
            self.longest = (day + DAY, apart - 1);
        }
    }

    /// Whether a gap that begins then is between its days: [`Daily::warnings`] tells it.
    pub(super) fn tells(&self, gap: Option<Time>) -> bool {
        gap.is_some_and(|time| self.first < time && time < self.last)
    }

    /// What may not be meant.
    pub(super) fn warnings(&self) -> Vec<String> {
        const NAMED: usize = 3;
        let mut found = Vec::new();
        if self.missing > 0 {
            let (from, run) = self.longest;
            let follows = if self.without == 0 {
                "there the version before stays in force".to_owned()
            } else {
                format!(
                    "there the version before stays in force until it is {} old, and for {} of these days there is \
                     none, so that rules that refer to it hold nowhere",
                    counted(i64::from(self.max_age_days)),
                    self.without
                )
            };
            found.push(format!(
                "{} no file between {} and {}; the longest run is {} from {} on: {follows}",
                if self.missing == 1 { "1 day has".to_owned() } else { format!("{} days have", self.missing) },
                date(self.first),
                date(self.last),
                counted(run),
                date(from)
            ));
        }
        if !self.no_date.is_empty() {
            let named: Vec<String> = self.no_date.iter().take(NAMED).map(|name| format!("'{}'", shown(name))).collect();
            let others = if self.no_date.len() > NAMED { " and others" } else { "" };
            let files = if self.no_date.len() == 1 { "1 file has" } else { "some files have" };
            found.push(format!(
                "{files} digits that are no date where the date belongs ({}{others}): not read; correct the name",
                named.join(", ")
            ));
        }
        found
    }
}

fn counted(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// `2022-02-24`.
fn date(day: Time) -> String {
    day.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pattern: &str, name: &str) -> String {
        match pattern.parse::<DayPattern>().unwrap().named(name) {
            DayName::On(day) => day.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_name_tells_its_day_or_that_its_digits_are_no_date() {
        let dashed = "control/%Y-%m-%d.geojson";
        for (pattern, name, wanted) in [
            (dashed, "control/2022-02-24.geojson", "2022-02-24T00:00:00Z"),
            (dashed, "control/2024-02-29.geojson", "2024-02-29T00:00:00Z"),
            (dashed, "control/2023-02-29.geojson", "NoDate"),
            (dashed, "control/2022-13-01.geojson", "NoDate"),
            (dashed, "control/2022-2-24.geojson", "NoDate"),
            (dashed, "control/22022-02-24.geojson", "NoDate"),
            (dashed, "control/2022-02-24.json", "Other"),
            (dashed, "control/latest.geojson", "Other"),
            (dashed, "2022-02-24.geojson", "Other"),
            (dashed, "control/2022-02-24.geojson.bak", "Other"),
            ("%Y%m%d.geojson", "20220224.geojson", "2022-02-24T00:00:00Z"),
            ("%Y%m%d.geojson", "2022024.geojson", "NoDate"),
            ("a_%d.%m.%Y.json", "a_24.02.2022.json", "2022-02-24T00:00:00Z"),
        ] {
            assert_eq!(named(pattern, name), wanted, "{pattern} {name}");
        }
        assert_eq!(dashed.parse::<DayPattern>().unwrap().folder(), Some("control"));
        assert_eq!("%Y%m%d.geojson".parse::<DayPattern>().unwrap().folder(), None);
    }

    #[test]
    fn a_pattern_that_lacks_a_part_or_leads_elsewhere_is_refused() {
        for bad in [
            "",
            "control.geojson",
            "%Y-%m.geojson",
            "%Y-%m-%d",
            "%Y-%m-%d.toml",
            "%Y-%m-%d-%d.geojson",
            "%Y-%m-%d%H.geojson",
            "%Y-%m-%d%.geojson",
            "../%Y-%m-%d.geojson",
            "/%Y-%m-%d.geojson",
            "a/b/%Y-%m-%d.geojson",
            "a\\%Y-%m-%d.geojson",
            ".hidden/%Y-%m-%d.geojson",
            "./%Y-%m-%d.geojson",
            "%Y/%m-%d.geojson",
            "c:/%Y-%m-%d.geojson",
        ] {
            assert!(bad.parse::<DayPattern>().is_err(), "{bad}");
        }
    }
}
