//! What may leave: everything, or the form that viewers get.

use truceline_core::alert::Alert;

/// In which form rows leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Coarsened to about 1 km, without bearings, ranges, evidence and persons.
    Viewer,
    /// As it is, for a destination that only reviewers read.
    Internal,
}

/// An alert in this form.
pub(super) fn alert_in(form: Form, alert: &Alert) -> Alert {
    match form {
        Form::Viewer => viewer_form(alert),
        Form::Internal => alert.clone(),
    }
}

fn viewer_form(alert: &Alert) -> Alert {
    let mut seen = alert.clone();
    seen.place = None;
    seen.evidence.clear();
    seen.details.clear();
    seen
}

/// A position on a grid of about 1 km: fixed cells, so that many readings tell no more than one.
///
/// Degrees in and out; the longitude's step grows towards the poles as its degree shrinks.
pub(super) fn coarse(lat: f64, lon: f64) -> (f64, f64) {
    const STEP: f64 = 0.01;
    let lat = ((lat / STEP).round() * STEP).clamp(-90.0, 90.0);
    // Whole multiples of the step, so that neighbouring rows of cells differ seldom.
    let widen = (1.0 / lat.to_radians().cos().max(0.01)).round();
    let lon = (lon / (STEP * widen)).round() * STEP * widen;
    (round_digits(lat), round_digits(lon.clamp(-180.0, 180.0)))
}

/// To the fourth decimal: what products of 0.01 leave behind is no information.
fn round_digits(degrees: f64) -> f64 {
    (degrees * 10_000.0).round() / 10_000.0
}
