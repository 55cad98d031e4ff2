//! Wires the parts, their start and stop; the only place that knows them all, and the clock.
