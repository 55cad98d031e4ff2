//! The audit's chain shows what was done to it.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use truceline_core::audit::{AuditEntry, Broken, Deed, Verifier};
use truceline_core::time::Time;

fn chain(length: u64) -> Vec<AuditEntry> {
    let mut entries: Vec<AuditEntry> = Vec::new();
    for number in 0..length {
        let deed = Deed {
            actor: "api".to_owned(),
            action: "agreement_in_force".to_owned(),
            subject: format!("agreement-{number}"),
            detail: serde_json::json!({ "after": number }),
        };
        entries.push(AuditEntry::after(entries.last(), Time::from_nanos(number as i64), deed));
    }
    entries
}

fn verify(entries: &[AuditEntry]) -> Result<u64, Broken> {
    let mut verifier = Verifier::default();
    entries.iter().try_for_each(|entry| verifier.take(entry))?;
    Ok(verifier.held().0)
}

#[test]
fn a_word_moved_from_one_field_to_the_next_is_another_entry() {
    let one = chain(1).remove(0);
    let other = AuditEntry { actor: "apia".to_owned(), action: "greement_in_force".to_owned(), ..one.clone() };
    assert_ne!(one.expected_hash(), other.expected_hash());
}

proptest! {
    #[test]
    fn an_untouched_chain_holds(length in 0_u64..40) {
        prop_assert_eq!(verify(&chain(length)), Ok(length));
    }

    #[test]
    fn what_is_done_to_an_entry_is_found_at_it_or_at_the_next(at in 0_usize..20, what in 0..8) {
        let mut entries = chain(21);
        let seq = at as u64 + 1;
        let mut expected = seq;
        match what {
            0 => entries[at].actor.push('x'),
            1 => entries[at].action.push('x'),
            2 => entries[at].subject.push('x'),
            3 => entries[at].detail.push(' '),
            4 => entries[at].at = Time::from_nanos(-1),
            5 => { entries.remove(at); }
            6 => entries.swap(at, at + 1),
            _ => {
                // Altered and hashed anew: the next one tells.
                entries[at].subject.push('x');
                entries[at].hash = entries[at].expected_hash();
                expected += 1;
            }
        }
        prop_assert_eq!(verify(&entries).unwrap_err().seq, expected);
    }
}
