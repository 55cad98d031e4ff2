//! Input cut into chunks of whole lines, in constant memory.

use std::io::{ErrorKind, Read};

/// Longest line in bytes.
pub(super) const MAX_LINE: usize = 64 << 10;
/// Bytes asked for at once.
const READ_BYTES: usize = 64 << 10;

/// Some lines of the input, each whole but one that is longer than [`MAX_LINE`], which ends one byte after that.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunk {
    /// The number of its first line, from 1.
    pub(super) first_line: u64,
    pub(super) bytes: Vec<u8>,
}

/// Chunks as they come: what a pipe has is handed on at once.
pub(super) struct Chunks<R> {
    input: R,
    /// The start of a line whose end is not read yet.
    tail: Vec<u8>,
    /// The number of the next line.
    line: u64,
    /// The rest of a line that is too long is passed over.
    skips: bool,
}

impl<R: Read> Chunks<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, tail: Vec::new(), line: 1, skips: false }
    }

    fn chunk(&mut self, bytes: Vec<u8>, lines: u64) -> Chunk {
        let first_line = self.line;
        self.line += lines;
        Chunk { first_line, bytes }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("line {}: cannot be read: {error}", self.line)),
                Ok(length) => return Ok(length),
            }
        }
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Chunk, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut bytes = std::mem::take(&mut self.tail);
            let known = bytes.len();
            bytes.resize(known + READ_BYTES, 0);
            let more = match self.read(bytes.get_mut(known..).unwrap_or_default()) {
                Ok(more) => more,
                Err(message) => return Some(Err(message)),
            };
            bytes.truncate(known + more);
            if more == 0 {
                return (!bytes.is_empty()).then(|| Ok(self.chunk(bytes, 1)));
            }
            if self.skips {
                let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { continue };
                self.skips = false;
                self.line += 1;
                bytes.drain(..=end);
            }
            match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    self.tail = bytes.split_off(end + 1);
                    let lines = bytes.split(|byte| *byte == b'\n').skip(1).count() as u64;
                    return Some(Ok(self.chunk(bytes, lines)));
                }
                None if bytes.len() > MAX_LINE => {
                    self.skips = true;
                    bytes.truncate(MAX_LINE + 1);
                    return Some(Ok(self.chunk(bytes, 0)));
                }
                None => self.tail = bytes,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out so many bytes at once.
    struct Drops<'t>(&'t [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn lines(input: &[u8], at_once: usize) -> Vec<(u64, usize)> {
        let mut lines = Vec::new();
        for chunk in Chunks::new(Drops(input, at_once)) {
            let Chunk { first_line, bytes } = chunk.unwrap();
            let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            lines
                .extend(text.split(|byte| *byte == b'\n').zip(first_line..).map(|(line, number)| (number, line.len())));
        }
        lines
    }

    #[test]
    fn every_line_comes_whole_and_with_its_number_however_it_is_read() {
        let input = b"a\nbb\n\ncccc\nddddd";
        for at_once in [1, 2, 3, 7, 100] {
            assert_eq!(lines(input, at_once), [(1, 1), (2, 2), (3, 0), (4, 4), (5, 5)], "{at_once}");
        }
        assert!(lines(b"", 10).is_empty());
    }

    #[test]
    fn of_a_line_that_is_too_long_the_start_comes_and_the_next_line_after_it() {
        let long = vec![b'x'; 10 * MAX_LINE];
        let input = [b"a\n".as_slice(), &long, b"\nbb\n"].concat();
        for at_once in [1_000, 1 << 20] {
            let lines = lines(&input, at_once);
            assert_eq!(lines.first(), Some(&(1, 1)));
            assert_eq!(lines.get(1), Some(&(2, MAX_LINE + 1)), "{at_once}");
            assert_eq!(lines.last(), Some(&(3, 2)), "{at_once}");
        }
    }
}
