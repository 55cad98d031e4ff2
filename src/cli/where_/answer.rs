//! Where a point is, and how that is printed.

use std::io::{self, Write};

use serde::Serialize;
use truceline_core::geometry::{Course, Ellipse, LineFix, LonLat, Side, Spread};
use truceline_core::id::Id;

use super::Format;

/// The side of a position that is not exactly known is told from this probability on.
const SURE: f64 = 0.95;

/// Where one point is.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    lat: f64,
    lon: f64,
    pub(super) distance_m: Option<f64>,
    side: Side,
    p_side_a: Option<f64>,
    chainage_m: Option<f64>,
    foot: Option<Foot>,
    zones: Vec<Inside>,
    nearest_zone: Option<Nearest>,
}

/// The nearest boundary of a zone.
#[derive(Debug, Serialize)]
struct Nearest {
    id: Id,
    /// Positive inside.
    distance_m: f64,
}

#[derive(Debug, Serialize)]
struct Foot {
    lat: f64,
    lon: f64,
}

#[derive(Debug, Serialize)]
struct Inside {
    id: Id,
    probability: f64,
}

impl Answer {
    /// `hacc_m` is the 95 % radius; 0: the position is exact.
    pub(super) fn against(position: LonLat, hacc_m: f64, course: Option<&Course>, zones: Vec<(Id, f64)>) -> Self {
        let spread = Spread::Normal(Ellipse::circle(position, hacc_m));
        let located = course.map(|course| (course.locate(position), course.side_a(&spread)));
        Self::new(position, located, zones)
    }

    /// With the zone whose boundary is nearest, and how far that is, positive inside.
    pub(super) fn near(mut self, zone: &Id, signed_m: f64) -> Self {
        self.nearest_zone = Some(Nearest { id: zone.clone(), distance_m: rounded(signed_m, 1e3) });
        self
    }

    fn new(position: LonLat, located: Option<(LineFix, f64)>, zones: Vec<(Id, f64)>) -> Self {
        let LonLat { lon, lat } = position;
        let zones = zones.into_iter().map(|(id, p)| Inside { id, probability: rounded(p, 1e6) }).collect();
        let Some((fix, p_side_a)) = located else {
            return Self {
                lat,
                lon,
                distance_m: None,
                side: Side::Undetermined,
                p_side_a: None,
                chainage_m: None,
                foot: None,
                zones,
                nearest_zone: None,
            };
        };
        let side = if p_side_a >= SURE {
            Side::A
        } else if p_side_a <= 1.0 - SURE {
            Side::B
        } else {
            Side::Undetermined
        };
        Self {
            lat,
            lon,
            distance_m: Some(rounded(fix.distance_m, 1e3)),
            side,
            p_side_a: Some(rounded(p_side_a, 1e6)),
            chainage_m: Some(rounded(fix.chainage_m, 1e3)),
            foot: Some(Foot { lat: rounded(fix.foot.lat, 1e8), lon: rounded(fix.foot.lon, 1e8) }),
            zones,
            nearest_zone: None,
        }
    }
}

fn rounded(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit
}

/// Prints answers in one format.
pub(super) struct Writer<W> {
    out: W,
    format: Format,
}

impl<W: Write> Writer<W> {
    pub(super) const fn new(out: W, format: Format) -> Self {
        Self { out, format }
    }

    /// The first line, where the format has one.
    pub(super) fn header(&mut self) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Csv => writeln!(
                self.out,
                "lat,lon,distance_m,side,p_side_a,chainage_m,foot_lat,foot_lon,zones,nearest_zone,\
                 nearest_zone_distance_m"
            ),
            Format::Table => writeln!(
                self.out,
                "{:>11} {:>12} {:>13} {:<12} {:>8} {:>13} {:>12} {:>12}  zones",
                "lat", "lon", "distance_m", "side", "p_side_a", "chainage_m", "foot_lat", "foot_lon"
            ),
        }
    }

    pub(super) fn write(&mut self, answer: &Answer) -> io::Result<()> {
        let out = &mut self.out;
        if self.format == Format::Json {
            serde_json::to_writer(&mut *out, answer)?;
            return out.write_all(b"\n");
        }
        let side = match answer.side {
            Side::A => "a",
            Side::B => "b",
            Side::Undetermined => "undetermined",
        };
        let text = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let fixed =
            |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        let (foot_lat, foot_lon) =
            (answer.foot.as_ref().map(|foot| foot.lat), answer.foot.as_ref().map(|foot| foot.lon));
        if self.format == Format::Csv {
            write!(
                out,
                "{},{},{},{side},{},{},{},{},",
                answer.lat,
                answer.lon,
                text(answer.distance_m),
                text(answer.p_side_a),
                text(answer.chainage_m),
                text(foot_lat),
                text(foot_lon)
            )?;
        } else {
            write!(
                out,
                "{:>11.6} {:>12.6} {:>13} {side:<12} {:>8} {:>13} {:>12} {:>12}  ",
                answer.lat,
                answer.lon,
                fixed(answer.distance_m, 3),
                fixed(answer.p_side_a, 3),
                fixed(answer.chainage_m, 3),
                fixed(foot_lat, 7),
                fixed(foot_lon, 7)
            )?;
        }
        for (number, zone) in answer.zones.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(out, "{space}{}={}", zone.id, zone.probability)?;
        }
        if self.format == Format::Csv {
            match &answer.nearest_zone {
                Some(zone) => write!(out, ",{},{}", zone.id, zone.distance_m)?,
                None => write!(out, ",,")?,
            }
        }
        writeln!(out)
    }
}
