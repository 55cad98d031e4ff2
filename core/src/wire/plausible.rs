//! Whether a reading's time can be believed, seen from its arrival.

use super::{Fault, Reading, TimeBasis};
use crate::time::{Span, Time};

/// Readings of a disciplined clock may be this far ahead, plus the clock's uncertainty.
pub const FUTURE_ALLOWED: Span = Span::from_secs(300);

/// The time to judge a reading by.
///
/// `now` is wall time at arrival, `horizon` the greatest age accepted. A time that a
/// disciplined clock cannot have is a fault; with clock source `rtc` or `none` it is
/// estimated instead.
pub fn time_of(reading: &Reading, now: Time, horizon: Span) -> Result<(Time, TimeBasis), Fault> {
    let _ = (reading, now, horizon);
    todo!()
}
