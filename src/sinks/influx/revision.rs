//! What the points of `alert` and `event` have in common: each is a revision of something, somewhere.

/// Where it is.
pub(super) mod place {
    use truceline_core::alert::{Place, PlaceExtent, ViewerPlace};
    use truceline_core::geometry::Side;

    use crate::sinks::influx::line::Line;

    pub(in crate::sinks::influx) fn write(line: &mut Line, place: &ViewerPlace) {
        line.float("lat", place.position.lat);
        line.float("lon", place.position.lon);
        line.float("radius_m", place.radius_m);
        line.float("line_distance_m", place.line_distance_m);
        line.float("line_distance_error_m", place.line_distance_error_m);
        line.float("chainage_m", place.chainage_m);
        line.text(
            "located_side",
            match place.located_side {
                Side::A => "a",
                Side::B => "b",
                Side::Undetermined => "undetermined",
            },
        );
    }

    /// The same fields with their exact values. Of a disc or sector the position is the sensor's.
    pub(in crate::sinks::influx) fn exact(place: &Place) -> ViewerPlace {
        let (position, radius_m) = match place.extent {
            PlaceExtent::Point { position, hacc_m } => (position, hacc_m),
            PlaceExtent::Ellipse { position, semi_major_m, .. } => (position, semi_major_m),
            PlaceExtent::Disc { position, radius_m } => (position, radius_m),
            PlaceExtent::Sector { position, range_max_m, .. } => (position, range_max_m),
        };
        ViewerPlace {
            position,
            radius_m,
            line_distance_m: place.line_distance_m,
            line_distance_error_m: place.line_distance_error_m,
            chainage_m: place.chainage_m,
            located_side: place.located_side,
            zones: place.zones.clone(),
        }
    }
}

/// A point's time: it also tells points of one moment apart.
pub(super) mod point_time {
    use truceline_core::time::Time;

    /// The minute plus the row's number as nanoseconds.
    pub(in crate::sinks::influx) fn coarse(minute: Time, seq: u64) -> i64 {
        minute.nanos().saturating_add((seq % 1_000_000_000) as i64)
    }

    /// The millisecond plus the row's number modulo 1,000,000 as nanoseconds.
    pub(in crate::sinks::influx) fn exact(written_at: Time, seq: u64) -> i64 {
        let millis = written_at.nanos().div_euclid(1_000_000);
        millis.saturating_mul(1_000_000).saturating_add((seq % 1_000_000) as i64)
    }
}

/// Words as the JSON forms have them.
pub(super) mod words {
    use truceline_core::agreement::Status;
    use truceline_core::alert::{CertaintyWord, Timeliness};

    pub(in crate::sinks::influx) const fn status(status: Status) -> &'static str {
        match status {
            Status::Actual => "actual",
            Status::Exercise => "exercise",
        }
    }

    pub(in crate::sinks::influx) const fn timeliness(timeliness: Timeliness) -> &'static str {
        match timeliness {
            Timeliness::Live => "live",
            Timeliness::Late => "late",
        }
    }

    pub(in crate::sinks::influx) const fn certainty(word: CertaintyWord) -> &'static str {
        match word {
            CertaintyWord::Observed => "observed",
            CertaintyWord::Likely => "likely",
            CertaintyWord::Possible => "possible",
            CertaintyWord::Unlikely => "unlikely",
            CertaintyWord::Unknown => "unknown",
        }
    }
}
