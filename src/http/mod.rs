//! API, metrics and the page.
