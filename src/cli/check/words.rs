//! An agreement's terms as sentences.

use truceline_core::agreement::{Agreement, Hours, Permission, Rule, RuleKind, Validity, WithdrawalDistance};
use truceline_core::geometry::Side;
use truceline_core::id::Id;
use truceline_core::time::Span;

/// What a rule is about, as one sentence and a half.
pub(super) fn rule(agreement: &Agreement, rule: &Rule) -> String {
    let mut parts = vec![subject(agreement, rule)];
    if !matches!(rule.kind, RuleKind::Crossing) && !rule.sides.is_empty() {
        parts.push(format!("only on {}", sides(agreement, rule)));
    }
    if rule.dwell > Span::default() {
        parts.push(format!("for {} or longer", span(rule.dwell)));
    }
    if has_threshold(&rule.kind) {
        parts.push(format!("with probability {} or more", rule.threshold));
    }
    if !rule.hours.is_empty() {
        parts.push(format!("only {} UTC", hours(&rule.hours)));
    }
    if let Some(validity) = validity(rule.validity) {
        parts.push(format!("in force {validity}"));
    }
    let mut text = parts.join(", ");
    if !rule.permitted.is_empty() {
        let permitted: Vec<String> = rule.permitted.iter().map(permission).collect();
        text = format!("{text}; permitted: {}", permitted.join("; "));
    }
    if rule.cool_down > Span::default() {
        text = format!("{text}. An alert ends after {} without another", span(rule.cool_down));
    }
    text
}

fn has_threshold(kind: &RuleKind) -> bool {
    matches!(
        kind,
        RuleKind::NoFire
            | RuleKind::Crossing
            | RuleKind::ExclusionZone
            | RuleKind::Withdrawal { .. }
            | RuleKind::NoFlight { .. }
    )
}

fn subject(agreement: &Agreement, rule: &Rule) -> String {
    let classes: Vec<String> = rule.classes.iter().cloned().collect();
    let classes = if classes.is_empty() { "any tracked object".to_owned() } else { either(&classes) };
    let line = rule.line.as_ref().map_or("the line".to_owned(), |line| format!("line {line}"));
    let within = if rule.areas.is_empty() { String::new() } else { format!(" in {}", either_id(&rule.areas)) };
    match &rule.kind {
        RuleKind::NoFire if rule.areas.is_empty() => format!("{classes} anywhere"),
        RuleKind::NoFire | RuleKind::ExclusionZone => format!("{classes}{within}"),
        RuleKind::NoFlight { min_alt_agl_m, max_alt_agl_m } => {
            let from = min_alt_agl_m.map_or(String::new(), |min| format!(" from {}", metres(min)));
            let to = max_alt_agl_m.map_or(String::new(), |max| format!(" up to {}", metres(max)));
            let ground = if from.is_empty() && to.is_empty() { "" } else { " above ground, or at an unknown height" };
            format!("{classes}{within}{from}{to}{ground}")
        }
        RuleKind::Crossing => {
            let towards =
                if rule.sides.is_empty() { String::new() } else { format!(" towards {}", sides(agreement, rule)) };
            format!("{classes}, or a watched device, changes side of {line}{towards}{within}")
        }
        RuleKind::Withdrawal { distances } => {
            let distances: Vec<String> = distances.iter().map(withdrawal).collect();
            format!("closer to {line}{within} than agreed ({})", distances.join(", "))
        }
        RuleKind::Tamper { displacement_m, shock_g } => {
            let struck = shock_g.map_or(String::new(), |shock| format!(", struck with {shock} g or more"));
            format!(
                "a device{within} moved {} or more beyond the accuracy, opened{struck}, or imitated",
                metres(*displacement_m)
            )
        }
        RuleKind::Silence { intervals, grace } => format!(
            "a device or a whole station{within} not heard for {intervals} of its intervals, with {} of grace after our own \
             deafness",
            span(*grace)
        ),
        RuleKind::Interference { min_devices, radius_m } => format!(
            "GNSS jamming or spoofing reported by {min_devices} devices or more within {} of one another{within}",
            metres(*radius_m)
        ),
        RuleKind::Clock { max_error_ms } => format!("a clock{within} wrong by more than {max_error_ms} ms"),
        RuleKind::Coverage { stretch_m, assumed_ranges, .. } => {
            let assumed = if *assumed_ranges { ", assumed ranges counting" } else { "" };
            let stretch = metres(*stretch_m);
            format!("a stretch of {stretch} of {line}{within} without a working sensor in range{assumed}")
        }
    }
}

fn withdrawal(distance: &WithdrawalDistance) -> String {
    let calibre = match (distance.calibre_min_mm, distance.calibre_max_mm) {
        (None, None) => String::new(),
        (Some(min), None) => format!(" from {min} mm"),
        (None, Some(max)) => format!(" under {max} mm"),
        (Some(min), Some(max)) => format!(" from {min} to under {max} mm"),
    };
    format!("{}{calibre}: {}", distance.class, metres(distance.distance_m))
}

fn permission(permission: &Permission) -> String {
    let mut parts = Vec::new();
    if !permission.classes.is_empty() {
        parts.push(either(&permission.classes.iter().cloned().collect::<Vec<_>>()));
    }
    if !permission.devices.is_empty() {
        parts.push(format!("device {}", either_id(&permission.devices.iter().cloned().collect::<Vec<_>>())));
    }
    if !permission.areas.is_empty() {
        parts.push(format!("in {}", either_id(&permission.areas)));
    }
    if !permission.hours.is_empty() {
        parts.push(format!("{} UTC", hours(&permission.hours)));
    }
    if let Some(height) = permission.max_alt_agl_m {
        parts.push(format!("up to {} above ground", metres(height)));
    }
    parts.extend(validity(permission.validity));
    parts.join(", ")
}

/// The names that people call the rule's sides.
fn sides(agreement: &Agreement, rule: &Rule) -> String {
    let line = agreement.lines.iter().find(|line| Some(&line.id) == rule.line.as_ref());
    let names: Vec<String> = rule
        .sides
        .iter()
        .map(|side| match (side, line) {
            (Side::A, Some(line)) => format!("{} (a)", line.side_names[0]),
            (Side::B, Some(line)) => format!("{} (b)", line.side_names[1]),
            (Side::A, None) => "a".to_owned(),
            _ => "b".to_owned(),
        })
        .collect();
    either(&names)
}

/// `from 2015-02-15T00:00:00Z to …`; `None` if always.
pub(super) fn validity(validity: Validity) -> Option<String> {
    match (validity.from, validity.to) {
        (None, None) => None,
        (Some(from), None) => Some(format!("from {from}")),
        (None, Some(to)) => Some(format!("to {to}")),
        (Some(from), Some(to)) => Some(format!("from {from} to {to}")),
    }
}

fn hours(hours: &[Hours]) -> String {
    let time = |seconds: u32| format!("{:02}:{:02}", seconds / 3_600, seconds % 3_600 / 60);
    let hours: Vec<String> = hours.iter().map(|hours| format!("{}-{}", time(hours.from_s), time(hours.to_s))).collect();
    hours.join(", ")
}

/// A length of time in the largest unit that keeps it whole.
pub(super) fn span(span: Span) -> String {
    let seconds = span.secs_f64();
    for (unit, name) in [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")] {
        if seconds >= unit && seconds % unit == 0.0 {
            return format!("{} {name}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

/// A length in metres or kilometres.
pub(super) fn metres(metres: f64) -> String {
    if metres >= 1_000.0 { format!("{} km", metres / 1_000.0) } else { format!("{metres} m") }
}

fn either_id(ids: &[Id]) -> String {
    either(&ids.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// `a, b or c`.
fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
