//! Cursors: where a page ended, as a text that clients hand back unread.

use std::fmt::Write;

/// The lists that have cursors; a cursor of one is no cursor of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Readings,
    Rejects,
    Devices,
    Alerts,
    Events,
    Audit,
}

impl List {
    const fn tag(self) -> &'static str {
        match self {
            Self::Readings => "r1",
            Self::Rejects => "x1",
            Self::Devices => "d1",
            Self::Alerts => "a1",
            Self::Events => "e1",
            Self::Audit => "u1",
        }
    }
}

/// Longest cursor that is looked at.
const MAX_LEN: usize = 128;

/// The cursor that stands for a place in a list.
pub(super) fn encode(list: List, place: &str) -> String {
    let mut text = String::with_capacity(2 + 2 * place.len());
    text.push_str(list.tag());
    for byte in place.bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The place that a cursor stands for; `None` if it is none of this list.
pub(super) fn decode(list: List, cursor: &str) -> Option<String> {
    let digits = cursor.strip_prefix(list.tag()).filter(|digits| digits.len() <= MAX_LEN && !digits.is_empty())?;
    let nibble = |byte: u8| (byte as char).to_digit(16);
    let bytes = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? * 16 + nibble(*low)?) as u8),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_place_it_stood_for(place in "[a-z0-9-]{1,32}") {
            prop_assert_eq!(decode(List::Devices, &encode(List::Devices, &place)), Some(place));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = decode(List::Readings, &text);
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_none_of_this() {
        assert_eq!(decode(List::Readings, &encode(List::Rejects, "17")), None);
    }
}
