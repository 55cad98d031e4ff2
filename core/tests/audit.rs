//! The audit's chain shows what was done to it.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use truceline_core::audit::{AuditEntry, Broken, Deed, Mark, Verifier};
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
    verify_with(entries, Vec::new())
}

fn verify_with(entries: &[AuditEntry], marks: Vec<Mark>) -> Result<u64, Broken> {
    let mut verifier = Verifier::new(marks);
    entries.iter().try_for_each(|entry| verifier.take(entry))?;
    verifier.end().map(|(entries, _)| entries)
}

#[test]
fn a_number_below_the_first_is_an_insertion() {
    let mut before = AuditEntry { seq: 0, ..chain(1).remove(0) };
    before.hash = before.expected_hash();
    for seq in [0, u64::MAX] {
        let entries = [vec![AuditEntry { seq, ..before.clone() }], chain(3)].concat();
        let broken = verify(&entries).unwrap_err();
        assert_eq!(broken.seq, 1);
        assert!(broken.why.contains(&format!("number {}", seq.cast_signed())), "{broken}");
    }
}

#[test]
fn a_mark_reads_as_it_is_written_and_nothing_else_is_one() {
    let mark = chain(7)[6].mark();
    assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
    let hash = &mark.hash;
    for bad in ["", ":", "7", &format!("0:{hash}"), &format!("-1:{hash}"), &format!("7:{hash}0"), &format!("7 {hash}")]
    {
        assert!(bad.parse::<Mark>().is_err(), "{bad}");
    }
    assert!(format!("7:{}", hash.to_uppercase()).parse::<Mark>().is_err(), "a hash has one form");
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
    fn an_end_that_is_cut_off_is_seen_by_any_mark_beyond_it(left in 0_u64..20, marked in 1_u64..=20, other: bool) {
        let whole = chain(20);
        let mut marks = vec![whole[marked as usize - 1].mark()];
        marks.extend(other.then(|| whole[0].mark()));
        let cut = &whole[..left as usize];
        match verify_with(cut, marks.clone()) {
            Ok(entries) => prop_assert!(entries == left && marks.iter().all(|mark| mark.seq <= left)),
            Err(broken) => {
                prop_assert!(marks.iter().any(|mark| mark.seq > left));
                prop_assert_eq!(broken.seq, left + 1);
            }
        }
    }

    #[test]
    fn a_chain_made_anew_does_not_hold_against_a_mark_of_the_old_one(from in 0_usize..20) {
        let mark = chain(20).remove(19).mark();
        let mut anew: Vec<AuditEntry> = Vec::new();
        for (at, entry) in chain(20).into_iter().enumerate() {
            let subject = if at >= from { "forged".to_owned() } else { entry.subject };
            let detail = serde_json::from_str(&entry.detail).unwrap();
            let deed = Deed { actor: entry.actor, action: entry.action, subject, detail };
            anew.push(AuditEntry::after(anew.last(), entry.at, deed));
        }
        prop_assert_eq!(verify(&anew), Ok(20), "by itself it holds");
        prop_assert_eq!(verify_with(&anew, vec![mark]).unwrap_err().seq, 20);
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
