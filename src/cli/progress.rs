//! Progress bars: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

fn styled(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// For `length` things of this name.
pub(super) fn bar(length: u64, things: &'static str) -> ProgressBar {
    styled(Some(length), "{bar:40} {human_pos} of {human_len} {msg}, {eta} left").with_message(things)
}

/// For a file of `length` bytes.
pub(super) fn bytes(length: u64) -> ProgressBar {
    styled(Some(length), "{bar:40} {bytes} of {total_bytes}, {eta} left")
}

/// For things of which nobody knows how many there are.
pub(super) fn count(things: &'static str) -> ProgressBar {
    styled(None, "{human_pos} {msg}, {per_sec}").with_message(things)
}
