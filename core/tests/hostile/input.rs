//! Input that is nearly right: examples, changed at random by a seed.

/// A generator whose numbers follow from its seed (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is over 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What breaks parsers.
const TOKENS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\0",
    b"\n",
    b"null",
    b"true",
    b"1e999",
    b"-1e999",
    b"-0.0",
    b"1e-400",
    b"18446744073709551616",
    b"9007199254740992",
    b"-1",
    b"4294967296",
    b"NaN",
    b"inf",
    b"0x7fffffffffffffff",
    b"9999-12-31T23:59:59.999999999Z",
    b"0000-01-01T00:00:00Z",
    b"[[device]]\n",
    b"[station.st01]\n",
    b"[[rule]]\n",
    b"\xff",
    b"\xed\xa0\x80",
    b"\x9f",
    b"\xbf",
    b"\xff\xff",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xd9\xd9\xf7",
];

/// One of the seeds with a few changes, at most `most` bytes.
pub fn changed(random: &mut Random, seeds: &[Vec<u8>], most: usize) -> Vec<u8> {
    let mut bytes = random.one(seeds).clone();
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below(bytes.len() - at + 1).min(64);
        match random.below(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => drop(bytes.drain(at..end)),
            4 => {
                let again = bytes[at..end].to_vec();
                let times = 1 + random.below(4);
                bytes.splice(at..at, again.repeat(times));
            }
            5 => {
                let other = random.one(seeds);
                let from = random.below(other.len() + 1);
                let to = from + random.below(other.len() - from + 1).min(200);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            6 => number(random, &mut bytes, at),
            _ => drop(bytes.splice(at..at, random.one(&TOKENS).iter().copied())),
        }
    }
    bytes.truncate(most);
    bytes
}

/// Puts another number in place of the next one.
fn number(random: &mut Random, bytes: &mut Vec<u8>, from: usize) {
    let Some(start) = bytes.iter().skip(from).position(u8::is_ascii_digit).map(|at| at + from) else { return };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let other = *random.one(&["0", "-0", "1", "0.5", "180", "-90.0000001", "1e300", "4294967295", "9007199254740991"]);
    bytes.splice(start..start + digits, other.bytes());
}
