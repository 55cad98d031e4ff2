//! Whether a reading's time can be believed, seen from its arrival.

use super::{Fault, Reading, RejectReason, TimeBasis};
use crate::time::{Span, Time};

/// Readings of a disciplined clock may be this far ahead, plus the clock's uncertainty.
pub const FUTURE_ALLOWED: Span = Span::from_secs(300);

/// The time to judge a reading by.
///
/// `now` is wall time at arrival, `horizon` the greatest age accepted. A time that a
/// disciplined clock cannot have is a fault; with clock source `rtc` or `none` it is
/// estimated instead. One reading alone cannot anchor the device's uptime, so the
/// estimate is the arrival: the latest time at which it can have been made.
pub fn time_of(reading: &Reading, now: Time, horizon: Span) -> Result<(Time, TimeBasis), Fault> {
    let uncertainty = Span::from_secs_f64(reading.clock.uncertainty_or_default_ms() / 1000.0);
    let future = reading.time > now + FUTURE_ALLOWED + uncertainty;
    let old = reading.time < now - horizon;
    if !future && !old {
        return Ok((reading.time, TimeBasis::Reported));
    }
    if !reading.clock.source.is_disciplined() {
        return Ok((now, TimeBasis::Estimated));
    }
    let (reason, detail) = if future {
        (RejectReason::TimeInFuture, format!("{} is more than 5 minutes after its arrival at {now}", reading.time))
    } else {
        (RejectReason::TimeTooOld, format!("{} is before the horizon, {}", reading.time, now - horizon))
    };
    Err(Fault { reason, path: None, identity: Some((reading.boot, reading.seq)), detail })
}
