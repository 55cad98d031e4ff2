//! InfluxDB's line protocol: one line, its tags sorted, everything escaped.

use std::fmt::Write;

/// Most characters of a text field; the server refuses more than 64 KiB.
const MAX_TEXT: usize = 8_192;

/// A line being written.
#[derive(Debug)]
pub(super) struct Line {
    measurement: &'static str,
    tags: Vec<(&'static str, String)>,
    fields: String,
}

impl Line {
    pub(super) fn new(measurement: &'static str) -> Self {
        Self { measurement, tags: Vec::with_capacity(3), fields: String::with_capacity(192) }
    }

    /// A tag; an empty value, which the protocol cannot carry, is left out.
    pub(super) fn tag(mut self, key: &'static str, value: &str) -> Self {
        let value = escape_tag(value);
        if !value.is_empty() {
            self.tags.push((key, value));
        }
        self
    }

    /// A floating-point field; what is no finite number is left out.
    pub(super) fn float(&mut self, key: &str, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            let _ = write!(self.field(key), "{value:?}");
        }
    }

    /// An integer field.
    pub(super) fn int(&mut self, key: &str, value: impl Into<Option<i64>>) {
        if let Some(value) = value.into() {
            let _ = write!(self.field(key), "{value}i");
        }
    }

    /// A text field.
    pub(super) fn text<'a>(&mut self, key: &str, value: impl Into<Option<&'a str>>) {
        let Some(value) = value.into() else { return };
        let field = self.field(key);
        field.push('"');
        for character in value.chars().take(MAX_TEXT) {
            if matches!(character, '"' | '\\') {
                field.push('\\');
            }
            field.push(character);
        }
        field.push('"');
    }

    /// The line at `nanos` after 1970, without its end; `None` without a field.
    pub(super) fn at(mut self, nanos: i64) -> Option<String> {
        if self.fields.is_empty() {
            return None;
        }
        self.tags.sort_by_key(|(key, _)| *key);
        let mut line = String::with_capacity(self.fields.len() + 96);
        line.push_str(self.measurement);
        for (key, value) in &self.tags {
            let _ = write!(line, ",{key}={value}");
        }
        let _ = write!(line, " {} {nanos}", self.fields);
        Some(line)
    }

    fn field(&mut self, key: &str) -> &mut String {
        if !self.fields.is_empty() {
            self.fields.push(',');
        }
        self.fields.push_str(key);
        self.fields.push('=');
        &mut self.fields
    }
}

/// A tag's value. A line's end becomes a space; a backslash at the value's end, which would
/// escape what follows and cannot be written, is left out.
fn escape_tag(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.trim_end_matches('\\').chars() {
        match character {
            '\n' | '\r' => escaped.push_str("\\ "),
            ',' | '=' | ' ' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Pairs = Vec<(String, String)>;

    /// What a server reads from a line: tags, fields and time, written from the protocol's description.
    fn read(line: &str) -> (String, Pairs, Pairs, i64) {
        let mut parts = vec![String::new()];
        let mut separators = Vec::new();
        let (mut quoted, mut characters) = (false, line.chars().peekable());
        let mut section = 0;
        while let Some(character) = characters.next() {
            let last = parts.last_mut().unwrap();
            match (character, quoted) {
                ('\\', true) if matches!(characters.peek(), Some('"' | '\\')) => last.push(characters.next().unwrap()),
                ('\\', false) if matches!(characters.peek(), Some(',' | '=' | ' ')) => {
                    last.push(characters.next().unwrap());
                }
                ('"', _) if section == 1 => {
                    quoted = !quoted;
                    last.push('\u{1}');
                }
                (' ' | ',' | '=', false) => {
                    section += usize::from(character == ' ');
                    separators.push(character);
                    parts.push(String::new());
                }
                _ => last.push(character),
            }
        }
        let mut parts = parts.into_iter();
        let measurement = parts.next().unwrap();
        let (mut tags, mut fields) = (Vec::new(), Vec::new());
        let spaces: Vec<usize> = (0..separators.len()).filter(|at| separators[*at] == ' ').collect();
        assert_eq!(spaces.len(), 2, "{line}");
        let pairs = |count: usize, parts: &mut dyn Iterator<Item = String>| {
            (0..count).map(|_| (parts.next().unwrap(), parts.next().unwrap())).collect::<Vec<_>>()
        };
        tags.extend(pairs(spaces[0] / 2, &mut parts));
        fields.extend(pairs((spaces[1] - spaces[0]) / 2, &mut parts));
        (measurement, tags, fields, parts.next().unwrap().parse().unwrap())
    }

    proptest! {
        #[test]
        fn a_line_reads_back_as_it_was_meant(
            tag in "[^\\\\\n\r]{1,12}|.{0,6}[a, =]", text in any::<String>(),
            float in any::<f64>(), int in any::<i64>(), at in any::<i64>(),
        ) {
            prop_assume!(!tag.contains(['\n', '\r']));
            let mut line = Line::new("reading").tag("station", "s").tag("device", &tag);
            line.text("text", text.as_str());
            line.float("float", float);
            line.int("int", int);
            let line = line.at(at).unwrap();
            let (measurement, tags, fields, time) = read(&line);
            prop_assert_eq!(measurement, "reading");
            prop_assert_eq!(&tags, &[("device".to_owned(), tag), ("station".to_owned(), "s".to_owned())]);
            prop_assert_eq!(time, at);
            let mut fields = fields.into_iter();
            prop_assert_eq!(fields.next(), Some(("text".to_owned(), format!("\u{1}{text}\u{1}"))));
            if float.is_finite() {
                let (key, value) = fields.next().unwrap();
                prop_assert_eq!((key.as_str(), value.parse::<f64>().unwrap()), ("float", float));
            }
            prop_assert_eq!(fields.next(), Some(("int".to_owned(), format!("{int}i"))));
            prop_assert_eq!(fields.next(), None);
        }
    }

    #[test]
    fn what_is_no_number_is_left_out_and_a_line_without_fields_is_none() {
        let mut line = Line::new("reading").tag("kind", "");
        line.float("a", f64::NAN);
        line.float("b", f64::INFINITY);
        line.float("c", None);
        assert_eq!(line.at(1), None);
    }

    #[test]
    fn a_backslash_at_the_end_escapes_nothing_that_follows() {
        let mut line = Line::new("reading").tag("device", "a\\");
        line.text("note", "ends in \\");
        line.int("n", 1);
        assert_eq!(line.at(5).unwrap(), r#"reading,device=a note="ends in \\",n=1i 5"#);
    }
}
