//! How near one word is to another, for "did you mean".

/// More edits than this are no slip.
const MOST_EDITS: usize = 2;
/// Words longer than this are near to nothing.
const LONGEST: usize = 40;

/// The known word that `word` is most likely meant for: at most two letters are missing, too many or others, and
/// fewer than it has. Of equally near ones the first in the alphabet.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|other| (edits(word, other), other))
        .filter(|(edits, other)| *edits <= MOST_EDITS && *edits < other.chars().count())
        .min()
        .map(|(_, other)| other)
}

/// Letters that must be added, taken away or replaced to make one word of the other (Levenshtein 1966); for a word
/// of more than 40 letters more than any number that counts.
pub fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(LONGEST + 1).collect();
    if b.len() > LONGEST || a.chars().nth(LONGEST).is_some() {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = substituted.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_words_counts_edits() {
        for (a, b, wanted) in
            [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("treshold", "threshold", 1)]
        {
            assert_eq!(edits(a, b), wanted, "{a} {b}");
        }
        assert_eq!(edits(&"x".repeat(41), "x"), usize::MAX);
    }

    #[test]
    fn the_nearest_word_is_one_that_a_slip_could_have_meant() {
        assert_eq!(nearest("treshold", ["dwell_s", "threshold"]), Some("threshold"));
        assert_eq!(nearest("color", ["threshold"]), None);
        assert_eq!(nearest("xy", ["ab"]), None, "every letter of it is another");
    }
}
