//! Reviews: what no sequence of acts, by whomever, may bring about; and each transition by name.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use truceline_core::agreement::Severity;
use truceline_core::review::{
    Act, Attachment, Attribution, Contact, ContactSide, Done, Facts, MAX_TEXT, Outcome, Person, Refusal, Review, Role,
    Stage, Step,
};
use truceline_core::time::{Span, Time};
use uuid::Uuid;

fn at(seconds: i64) -> Time {
    Time::from_nanos(1_750_000_000_000_000_000) + Span::from_secs(seconds)
}

fn person(name: &str, role: Role) -> Person {
    Person { name: name.to_owned(), role }
}

fn facts(severity: Severity) -> Facts {
    Facts { severity, detections: 3, revision: 7 }
}

/// Acts on a review as somebody who has just looked at it.
struct Desk {
    review: Review,
    facts: Facts,
    steps: Vec<Step>,
}

impl Desk {
    fn new(severity: Severity) -> Self {
        Self { review: Review::default(), facts: facts(severity), steps: Vec::new() }
    }

    fn act(&mut self, by: &Person, act: Act) -> Result<&Review, Refusal> {
        let time = at(self.steps.len() as i64);
        let step = self.review.decide(self.facts, self.review.revision, by, time, act)?;
        self.review = std::mem::take(&mut self.review).after(&step);
        self.steps.push(step);
        Ok(&self.review)
    }

    fn must(&mut self, by: &Person, act: Act) -> &Review {
        self.act(by, act).unwrap_or_else(|refusal| panic!("{}: {refusal}", by.name))
    }
}

fn reason() -> String {
    "the crater is fresh".to_owned()
}

fn conclude(outcome: Outcome) -> Act {
    Act::Conclude { outcome, reason: reason() }
}

#[test]
fn verified_needs_a_reviewer_and_another_person_who_signs() {
    let (one, two) = (person("one", Role::Supervisor), person("two", Role::Supervisor));
    let mut desk = Desk::new(Severity::Moderate);
    assert!(matches!(desk.act(&one, conclude(Outcome::Verified)), Err(Refusal::Stage { .. })), "nobody has taken it");
    desk.must(&one, Act::Take {});
    assert_eq!(desk.must(&one, conclude(Outcome::Verified)).stage, Stage::UnderReview);
    assert_eq!(desk.act(&one, Act::Sign {}), Err(Refusal::SameEyes("one".to_owned())));
    let analyst = person("three", Role::Analyst);
    assert!(matches!(desk.act(&analyst, Act::Sign {}), Err(Refusal::Role { needed: Role::Supervisor, .. })));
    let review = desk.must(&two, Act::Sign {});
    assert_eq!((review.stage, review.signed_by.as_deref()), (Stage::Verified, Some("two")));
    assert_eq!(review.attribution, Attribution::NotAssessed, "to verify is not to attribute");
}

#[test]
fn nobody_signs_for_the_one_who_took_it_over_with_their_own_proposal() {
    let (one, two) = (person("one", Role::Supervisor), person("two", Role::Supervisor));
    let mut desk = Desk::new(Severity::Moderate);
    desk.must(&one, Act::Take {});
    desk.must(&one, conclude(Outcome::Verified));
    assert!(matches!(desk.act(&two, Act::Take {}), Err(Refusal::Stage { .. })), "a proposal is not taken over");
    desk.must(&two, Act::Decline { reason: reason() });
    desk.must(&two, Act::Take {});
    desk.must(&two, conclude(Outcome::Verified));
    assert_eq!(desk.act(&two, Act::Sign {}), Err(Refusal::SameEyes("two".to_owned())));
    assert_eq!(desk.must(&one, Act::Sign {}).stage, Stage::Verified);
}

#[test]
fn a_severe_alert_is_not_dismissed_by_one_person() {
    for (severity, alone) in
        [(Severity::Minor, true), (Severity::Moderate, true), (Severity::Severe, false), (Severity::Extreme, false)]
    {
        let mut desk = Desk::new(severity);
        let one = person("one", Role::Analyst);
        desk.must(&one, Act::Take {});
        let stage = desk.must(&one, conclude(Outcome::Dismissed)).stage;
        assert_eq!(stage, if alone { Stage::Dismissed } else { Stage::UnderReview }, "{severity:?}");
    }
}

#[test]
fn what_came_after_a_proposal_is_not_signed_unseen() {
    let (one, two) = (person("one", Role::Analyst), person("two", Role::Supervisor));
    let mut desk = Desk::new(Severity::Severe);
    desk.must(&one, Act::Take {});
    desk.must(&one, conclude(Outcome::Dismissed));
    desk.facts.revision += 1;
    assert_eq!(desk.act(&two, Act::Sign {}), Err(Refusal::Outdated { now: 8, then: 7 }));
}

#[test]
fn new_evidence_opens_a_closed_review_once_and_an_end_does_not() {
    let one = person("one", Role::Analyst);
    let mut desk = Desk::new(Severity::Minor);
    desk.must(&one, Act::Acknowledge {});
    desk.must(&one, Act::Take {});
    desk.must(&one, conclude(Outcome::Inconclusive));
    let ended = Facts { revision: 9, ..desk.facts };
    assert_eq!(desk.review.on_evidence(ended, at(90)), None, "that it ended is no evidence");
    let more = Facts { revision: 10, detections: 4, ..desk.facts };
    let step = desk.review.on_evidence(more, at(91)).expect("more detections");
    assert_eq!((step.by.as_str(), step.role), ("truceline", None));
    let opened = desk.review.clone().after(&step);
    assert_eq!((opened.stage, opened.new_evidence, opened.acknowledged_by.as_ref()), (Stage::Suspected, true, None));
    assert_eq!(opened.on_evidence(Facts { detections: 5, ..more }, at(92)), None, "it is open");
}

#[test]
fn a_superseded_alert_stays_so_whatever_comes() {
    let one = person("one", Role::Analyst);
    let mut desk = Desk::new(Severity::Minor);
    desk.must(&one, Act::Supersede { by: Uuid::from_u128(5), reason: reason() });
    assert_eq!(desk.review.on_evidence(Facts { detections: 99, ..desk.facts }, at(9)), None);
    assert!(desk.act(&one, Act::Take {}).is_err());
    desk.must(&one, Act::Reopen { reason: reason() });
    assert_eq!((desk.review.stage, desk.review.superseded_by), (Stage::Suspected, None));
}

#[test]
fn what_two_people_signed_is_not_opened_again_by_an_analyst() {
    let (one, two) = (person("one", Role::Analyst), person("two", Role::Supervisor));
    let mut desk = Desk::new(Severity::Minor);
    desk.must(&one, Act::Take {});
    desk.must(&one, conclude(Outcome::Verified));
    desk.must(&two, Act::Sign {});
    assert!(matches!(desk.act(&one, Act::Reopen { reason: reason() }), Err(Refusal::Role { .. })));
    desk.must(&two, Act::Reopen { reason: reason() });
}

#[test]
fn a_stale_edit_is_refused_and_a_comment_is_not() {
    let (one, review) = (person("one", Role::Analyst), Review { revision: 4, ..Review::default() });
    let facts = facts(Severity::Minor);
    let stale = review.decide(facts, 3, &one, at(0), Act::Take {});
    assert_eq!(stale, Err(Refusal::Stale { now: 4, seen: 3 }));
    let comment = Act::Comment { text: "seen from post 4".to_owned() };
    assert_eq!(review.decide(facts, 3, &one, at(0), comment).map(|step| step.n), Ok(5));
}

#[test]
fn texts_times_and_files_are_bounded() {
    let (one, review, facts) = (person("one", Role::Supervisor), Review::default(), facts(Severity::Minor));
    let hash = "ab".repeat(32);
    let file = |sha256: &str, name: &str, size| {
        Act::Attach(Attachment {
            sha256: sha256.to_owned(),
            name: name.to_owned(),
            media_type: "image/png".into(),
            size,
        })
    };
    let long = "x".repeat(MAX_TEXT + 1);
    let contact =
        |at, text: &str| Act::Contact(Contact { side: ContactSide::A, outgoing: true, at, text: text.into() });
    for (act, wanted) in [
        (Act::Comment { text: " \n".to_owned() }, "text"),
        (Act::Comment { text: long.clone() }, "text"),
        (Act::Reopen { reason: String::new() }, ""),
        (Act::Attribute { to: Attribution::SideA, reason: String::new() }, "reason"),
        (Act::Shelve { until: at(0), reason: reason() }, "until"),
        (Act::Shelve { until: at(12 * 3600 + 1), reason: reason() }, "until"),
        (Act::Shelve { until: at(60), reason: String::new() }, "reason"),
        (Act::Assign { to: Some(String::new()) }, "to"),
        (file(&hash, "", 1), "name"),
        (file("AB", "a.png", 1), "sha256"),
        (file(&hash, "a.png", (10 << 20) + 1), "size"),
        (file(&hash, "a\nb", 1), "name"),
        (contact(at(1), "called"), "at"),
        (contact(at(0), ""), "text"),
    ] {
        match review.decide(facts, 0, &one, at(0), act.clone()) {
            Err(Refusal::Value { field, .. }) => assert_eq!(field, wanted, "{act:?}"),
            Err(Refusal::Stage { .. }) if wanted.is_empty() => {}
            other => panic!("{act:?}: {other:?}"),
        }
    }
}

#[test]
fn acts_are_read_strictly() {
    let good = r#"{"act":"conclude","outcome":"verified","reason":"seen"}"#;
    assert!(serde_json::from_str::<Act>(good).is_ok());
    for bad in [
        r#"{"act":"conclude","outcome":"verified"}"#,
        r#"{"act":"conclude","outcome":"verified","reason":"seen","sign":true}"#,
        r#"{"act":"verify"}"#,
        r#"{"act":"take","reason":"why"}"#,
    ] {
        assert!(serde_json::from_str::<Act>(bad).is_err(), "{bad}");
    }
}

fn any_act() -> impl Strategy<Value = Act> {
    let outcome = prop_oneof![Just(Outcome::Verified), Just(Outcome::Dismissed), Just(Outcome::Inconclusive)];
    prop_oneof![
        Just(Act::Acknowledge {}),
        Just(Act::Take {}),
        Just(Act::Take {}),
        Just(Act::Sign {}),
        Just(Act::Sign {}),
        Just(Act::Unshelve {}),
        (0_i64..50_000).prop_map(|s| Act::Shelve { until: at(s), reason: reason() }),
        outcome.prop_map(conclude),
        Just(Act::Decline { reason: reason() }),
        Just(Act::Reopen { reason: reason() }),
        Just(Act::Supersede { by: Uuid::from_u128(1), reason: reason() }),
        Just(Act::Assign { to: Some("two".to_owned()) }),
        Just(Act::Attribute { to: Attribution::SideB, reason: reason() }),
        Just(Act::Comment { text: reason() }),
    ]
}

fn any_doing() -> impl Strategy<Value = (u8, usize, Act, bool)> {
    (0_u8..3, 0_usize..4, any_act(), any::<bool>())
}

/// Who had a hand in an outcome, found by reading the steps backwards: a reference that shares nothing with the code.
fn hands(steps: &[Step]) -> Vec<String> {
    let mut hands = Vec::new();
    for step in steps.iter().rev() {
        match &step.done {
            Done::Concluded { proposed_by: None, .. } => return vec![step.by.clone()],
            Done::Concluded { .. } => hands.push(step.by.clone()),
            Done::Proposed { .. } => {
                hands.push(step.by.clone());
                return hands;
            }
            _ => {}
        }
    }
    hands
}

proptest! {
    #[test]
    fn no_sequence_of_acts_breaks_what_must_hold(
        severity in prop_oneof![Just(Severity::Minor), Just(Severity::Severe)],
        doings in prop::collection::vec(any_doing(), 1..60),
    ) {
        let mut desk = Desk::new(severity);
        for (who, role, act, evidence) in doings {
            let by = person(["one", "two", "three"][usize::from(who)], Role::ALL[role]);
            let before = desk.review.clone();
            let did = desk.act(&by, act.clone()).is_ok();
            if !did {
                prop_assert_eq!(&desk.review, &before, "a refusal changes nothing");
            }
            prop_assert!(!did || by.role >= Role::Analyst, "a viewer did {:?}", act);
            if evidence {
                desk.facts.detections += 1;
                desk.facts.revision += 1;
                if let Some(step) = desk.review.on_evidence(desk.facts, at(1_000)) {
                    desk.review = std::mem::take(&mut desk.review).after(&step);
                    desk.steps.push(step);
                }
            }
            let review = &desk.review;
            let hands = hands(&desk.steps);
            let signed = hands.len() == 2 && hands[0] != hands[1];
            match review.stage {
                Stage::Verified => prop_assert!(signed, "verified by {hands:?}"),
                Stage::Dismissed if severity >= Severity::Severe => prop_assert!(signed, "dismissed by {hands:?}"),
                _ => {}
            }
            prop_assert_eq!(review.stage.is_closed(), review.reason.is_some());
            prop_assert!(review.proposal.is_none() || review.stage == Stage::UnderReview);
            if review.stage.is_closed() && review.stage != Stage::Superseded {
                prop_assert_eq!(review.closed_at_detections, Some(desk.facts.detections), "evidence came and it stayed closed");
            }
            for (i, step) in desk.steps.iter().enumerate() {
                prop_assert_eq!(step.n, i as u64 + 1);
            }
            let text = serde_json::to_string(&desk.steps).expect("steps are plain data");
            let read: Vec<Step> = serde_json::from_str(&text).expect("what is written can be read");
            let again = read.iter().fold(Review::default(), Review::after);
            prop_assert_eq!(&again, review, "the steps are the review");
        }
    }
}
