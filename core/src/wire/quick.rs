//! The fast way through JSON readings as sensors send them all the time: one pass, no tree.
//!
//! It takes only what is plain: the frequent kinds, known fields, each once, texts without escapes, numbers without
//! exponents, everything within the contract's ranges. Of anything else it says nothing, and the tree is read, which
//! alone tells faults. So it may refuse what it likes and must never read anything otherwise than the tree does.

use super::{
    Clock, ClockSource, Data, Detection, Enclosure, Fix, GnssStatus, Health, MAX_BATCH, MAX_SEQ, ObjectClass,
    ObjectPlace, ObjectPosition, ObjectTrack, Position, Reading, SoundClass, Suspicion, UavClass, UavDetection,
    Weather,
};
use crate::id::Id;

/// Texts over this are left to the tree; no word or name of the frequent kinds is longer.
const MAX_TEXT: usize = 64;
/// Digits whose number a float carries exactly, whatever they are.
const EXACT_DIGITS: usize = 15;
/// The powers of ten up to that many digits, all exact: their quotient with an exact number is rounded once.
const POWERS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const ANY: f64 = f64::MAX;

/// One reading, the only thing in `text`.
pub(super) fn reading(text: &str, device: Option<&Id>) -> Option<Reading> {
    let mut scan = Scan { text, at: 0 };
    let reading = scan.reading(device)?;
    scan.at_end().then_some(reading)
}

/// The readings of a batch, each with its text; all or none.
pub(super) fn batch<'a>(text: &'a str, device: &Id) -> Option<Vec<(&'a str, Reading)>> {
    let mut scan = Scan { text, at: 0 };
    scan.expect(b'[')?;
    let mut readings = Vec::new();
    loop {
        scan.space();
        let start = scan.at;
        let reading = scan.reading(Some(device))?;
        readings.push((text.get(start..scan.at)?, reading));
        match scan.next()? {
            b',' if readings.len() < MAX_BATCH => {}
            b']' if scan.at_end() => return Some(readings),
            _ => return None,
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// Fills a slot, once.
fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value?);
    Some(())
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        self.space();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// A text without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        if rest.get(end) != Some(&b'"') || end > MAX_TEXT {
            return None;
        }
        let text = self.text.get(self.at..self.at + end)?;
        self.at += end + 1;
        Some(text)
    }

    fn word<T>(&mut self, from_word: fn(&str) -> Option<T>) -> Option<T> {
        from_word(self.text()?)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.space();
        let rest = self.text.get(self.at..)?;
        let (value, length) = if rest.starts_with("true") {
            (true, 4)
        } else if rest.starts_with("false") {
            (false, 5)
        } else {
            return None;
        };
        self.at += length;
        Some(value)
    }

    /// Takes digits; their number, as long as there are few, and how many there are.
    fn digits(&mut self, number: &mut u64) -> usize {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self, least: f64, greatest: f64) -> Option<f64> {
        self.space();
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let zero = self.peek() == Some(b'0');
        let mut digits = 0;
        let whole = self.digits(&mut digits);
        if whole == 0 || (zero && whole > 1) {
            return None;
        }
        let mut decimals = 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            decimals = self.digits(&mut digits);
            if decimals == 0 {
                return None;
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            return None;
        }
        let number = match POWERS.get(decimals) {
            Some(power) if whole + decimals <= EXACT_DIGITS => {
                let size = digits as f64 / power;
                if negative { -size } else { size }
            }
            _ => self.text.get(start..self.at)?.parse().ok()?,
        };
        (number.is_finite() && (least..=greatest).contains(&number)).then_some(number)
    }

    fn positive(&mut self) -> Option<f64> {
        self.number(0.0, ANY).filter(|number| *number > 0.0)
    }

    fn whole(&mut self, least: u64, greatest: u64) -> Option<u64> {
        self.space();
        let zero = self.peek() == Some(b'0');
        let mut number = 0;
        let digits = self.digits(&mut number);
        if digits == 0
            || digits > EXACT_DIGITS
            || (zero && digits > 1)
            || matches!(self.peek(), Some(b'.' | b'e' | b'E'))
        {
            return None;
        }
        (least..=greatest).contains(&number).then_some(number)
    }

    /// A map, each of its keys given to `field`, which takes the value.
    fn map(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.text()?;
            self.expect(b':')?;
            field(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Passes by a map, of which only the brackets are looked at.
    fn skip_map(&mut self) -> Option<()> {
        self.expect(b'{')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let mut depth = 1_usize;
        let mut in_text = false;
        for (index, byte) in rest.iter().enumerate() {
            match byte {
                b'\\' => return None,
                b'"' => in_text = !in_text,
                b'{' if !in_text => depth += 1,
                b'}' if !in_text => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += index + 1;
                        return Some(());
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn reading(&mut self, expected: Option<&Id>) -> Option<Reading> {
        let (mut v, mut device, mut boot, mut seq, mut time, mut clock) = (None, None, None, None, None, None);
        let (mut uptime_ms, mut position, mut kind, mut data, mut data_at, mut test) =
            (None, None, None, None, None, None);
        self.map(|scan, key| match key {
            "v" => once(&mut v, scan.whole(1, 1)),
            "device" => once(&mut device, scan.text()),
            "boot" => once(&mut boot, scan.whole(0, u32::MAX.into())),
            "seq" => once(&mut seq, scan.whole(0, MAX_SEQ)),
            "time" => once(&mut time, scan.text()?.parse().ok()),
            "clock" => once(&mut clock, scan.clock()),
            "uptime_ms" => once(&mut uptime_ms, scan.number(0.0, ANY)),
            "position" => once(&mut position, scan.position()),
            "kind" => once(&mut kind, scan.text()),
            "data" => {
                once(&mut data_at, Some(scan.at))?;
                match kind {
                    Some(kind) => once(&mut data, scan.data(kind)),
                    None => scan.skip_map(),
                }
            }
            "test" => once(&mut test, scan.boolean()),
            _ => None,
        })?;
        v?;
        let device = device?;
        let device = match expected {
            Some(expected) if expected.as_str() == device => expected.clone(),
            Some(_) => return None,
            None => device.parse().ok()?,
        };
        let data = match data {
            Some(data) => data,
            // It came before its kind.
            None => Scan { text: self.text, at: data_at? }.data(kind?)?,
        };
        Some(Reading {
            v: 1,
            device,
            boot: u32::try_from(boot?).ok()?,
            seq: seq?,
            time: time?,
            clock: clock?,
            uptime_ms,
            position,
            data,
            attachments: Vec::new(),
            test: test.unwrap_or(false),
        })
    }

    fn clock(&mut self) -> Option<Clock> {
        let (mut source, mut uncertainty_ms, mut since_sync_s) = (None, None, None);
        self.map(|scan, key| match key {
            "source" => once(&mut source, scan.word(ClockSource::from_word)),
            "uncertainty_ms" => once(&mut uncertainty_ms, scan.number(0.0, 86_400_000.0)),
            "since_sync_s" => once(&mut since_sync_s, scan.number(0.0, ANY)),
            _ => None,
        })?;
        Some(Clock { source: source?, uncertainty_ms, since_sync_s })
    }

    fn position(&mut self) -> Option<Position> {
        let (mut lat, mut lon, mut alt_m, mut hacc_m, mut fix, mut satellites) = (None, None, None, None, None, None);
        self.map(|scan, key| match key {
            "lat" => once(&mut lat, scan.number(-90.0, 90.0)),
            "lon" => once(&mut lon, scan.number(-180.0, 180.0)),
            "alt_m" => once(&mut alt_m, scan.number(-ANY, ANY)),
            "hacc_m" => once(&mut hacc_m, scan.number(0.0, ANY)),
            "fix" => once(&mut fix, scan.word(Fix::from_word)),
            "satellites" => once(&mut satellites, scan.whole(0, 255)),
            _ => None,
        })?;
        let fix = fix?;
        if lat.is_some() != lon.is_some() || (lat.is_none() && fix != Fix::None) {
            return None;
        }
        let satellites = satellites.map(u8::try_from).transpose().ok()?;
        Some(Position { lat, lon, alt_m, hacc_m: known(hacc_m), fix, satellites })
    }

    fn data(&mut self, kind: &str) -> Option<Data> {
        Some(match kind {
            "acoustic_detection" => Data::AcousticDetection(self.detection()?),
            "seismic_detection" => Data::SeismicDetection(self.detection()?),
            "object_track" => {
                let seen = self.seen("calibre_mm")?;
                Data::ObjectTrack(ObjectTrack {
                    track: seen.track,
                    class: ObjectClass::from_word(seen.class).unwrap_or(ObjectClass::Unknown),
                    calibre_mm: seen.own,
                    confidence: seen.confidence,
                    place: seen.place,
                    speed_mps: seen.speed_mps,
                    heading_deg: seen.heading_deg,
                })
            }
            "uav_detection" => {
                let seen = self.seen("alt_agl_m")?;
                Data::UavDetection(UavDetection {
                    track: seen.track,
                    class: UavClass::from_word(seen.class).unwrap_or(UavClass::Unknown),
                    confidence: seen.confidence,
                    place: seen.place,
                    speed_mps: seen.speed_mps,
                    heading_deg: seen.heading_deg,
                    alt_agl_m: seen.own,
                })
            }
            "gnss_status" => {
                let (mut jamming, mut spoofing, mut cn0_mean_dbhz) = (None, None, None);
                self.map(|scan, key| match key {
                    "jamming" => once(&mut jamming, scan.word(Suspicion::from_word)),
                    "spoofing" => once(&mut spoofing, scan.word(Suspicion::from_word)),
                    "cn0_mean_dbhz" => once(&mut cn0_mean_dbhz, scan.number(-ANY, ANY)),
                    _ => None,
                })?;
                Data::GnssStatus(GnssStatus { jamming: jamming?, spoofing: spoofing?, cn0_mean_dbhz })
            }
            "weather" => {
                let (mut temperature_c, mut wind_speed_mps, mut wind_from_deg) = (None, None, None);
                self.map(|scan, key| match key {
                    "temperature_c" => once(&mut temperature_c, scan.number(-273.15, 1000.0)),
                    "wind_speed_mps" => once(&mut wind_speed_mps, scan.number(0.0, ANY)),
                    "wind_from_deg" => once(&mut wind_from_deg, scan.number(0.0, 360.0)),
                    _ => None,
                })?;
                Data::Weather(Weather { temperature_c: temperature_c?, wind_speed_mps, wind_from_deg })
            }
            "health" => Data::Health(self.health()?),
            _ => return None,
        })
    }

    fn detection(&mut self) -> Option<Detection> {
        let (mut class, mut confidence, mut snr_db, mut duration_ms, mut count) = (None, None, None, None, None);
        let (mut bearing_deg, mut bearing_sd_deg) = (None, None);
        self.map(|scan, key| match key {
            "class" => once(&mut class, scan.text()),
            "confidence" => once(&mut confidence, scan.number(0.0, 1.0)),
            "snr_db" => once(&mut snr_db, scan.number(-ANY, ANY)),
            "bearing_deg" => once(&mut bearing_deg, scan.number(0.0, 360.0)),
            "bearing_sd_deg" => once(&mut bearing_sd_deg, scan.positive()),
            "duration_ms" => once(&mut duration_ms, scan.number(0.0, ANY)),
            "count" => once(&mut count, scan.whole(1, u32::MAX.into())),
            _ => None,
        })?;
        if bearing_deg.is_some() != bearing_sd_deg.is_some() {
            return None;
        }
        Some(Detection {
            class: SoundClass::from_word(class?).unwrap_or(SoundClass::Unknown),
            confidence: confidence?,
            snr_db,
            bearing_deg,
            bearing_sd_deg,
            duration_ms,
            count: count.map(u32::try_from).transpose().ok()?,
        })
    }

    /// What tracks and UAV detections have in common, and the one number that only one of them has.
    fn seen(&mut self, own_key: &str) -> Option<Seen<'a>> {
        let (mut track, mut class, mut confidence, mut position) = (None, None, None, None);
        let (mut bearing_deg, mut bearing_sd_deg, mut range_m, mut range_sd_m) = (None, None, None, None);
        let (mut speed_mps, mut heading_deg, mut own) = (None, None, None);
        self.map(|scan, key| match key {
            "track" => once(&mut track, scan.text().filter(|name| !name.is_empty())),
            "class" => once(&mut class, scan.text()),
            "confidence" => once(&mut confidence, scan.number(0.0, 1.0)),
            "position" => once(&mut position, scan.object_position()),
            "bearing_deg" => once(&mut bearing_deg, scan.number(0.0, 360.0)),
            "bearing_sd_deg" => once(&mut bearing_sd_deg, scan.positive()),
            "range_m" => once(&mut range_m, scan.number(0.0, ANY)),
            "range_sd_m" => once(&mut range_sd_m, scan.positive()),
            "speed_mps" => once(&mut speed_mps, scan.number(0.0, ANY)),
            "heading_deg" => once(&mut heading_deg, scan.number(0.0, 360.0)),
            "calibre_mm" if key == own_key => once(&mut own, scan.positive()),
            "alt_agl_m" if key == own_key => once(&mut own, scan.number(-ANY, ANY)),
            _ => None,
        })?;
        let paired = bearing_deg.is_some() == bearing_sd_deg.is_some() && range_m.is_some() == range_sd_m.is_some();
        if !paired || (range_m.is_some() && bearing_deg.is_none()) {
            return None;
        }
        Some(Seen {
            track: track?.to_owned(),
            class: class?,
            confidence,
            place: ObjectPlace { position, bearing_deg, bearing_sd_deg, range_m, range_sd_m },
            speed_mps,
            heading_deg,
            own,
        })
    }

    fn object_position(&mut self) -> Option<ObjectPosition> {
        let (mut lat, mut lon, mut hacc_m) = (None, None, None);
        self.map(|scan, key| match key {
            "lat" => once(&mut lat, scan.number(-90.0, 90.0)),
            "lon" => once(&mut lon, scan.number(-180.0, 180.0)),
            "hacc_m" => once(&mut hacc_m, scan.number(0.0, ANY)),
            _ => None,
        })?;
        Some(ObjectPosition { lat: lat?, lon: lon?, hacc_m: known(hacc_m) })
    }

    fn health(&mut self) -> Option<Health> {
        let (mut battery_pct, mut enclosure, mut tilt_deg, mut shock_g, mut storage_pct) =
            (None, None, None, None, None);
        self.map(|scan, key| match key {
            "battery_pct" => once(&mut battery_pct, scan.number(0.0, 100.0)),
            "enclosure" => once(&mut enclosure, scan.word(Enclosure::from_word)),
            "tilt_deg" => once(&mut tilt_deg, scan.number(-360.0, 360.0)),
            "shock_g" => once(&mut shock_g, scan.number(0.0, ANY)),
            "storage_pct" => once(&mut storage_pct, scan.number(0.0, 100.0)),
            _ => None,
        })?;
        Some(Health { battery_pct, enclosure, tilt_deg, shock_g, storage_pct, dropped: Vec::new() })
    }
}

struct Seen<'a> {
    track: String,
    class: &'a str,
    confidence: Option<f64>,
    place: ObjectPlace,
    speed_mps: Option<f64>,
    heading_deg: Option<f64>,
    own: Option<f64>,
}

/// An accuracy of 0 is unknown.
fn known(hacc_m: Option<f64>) -> Option<f64> {
    hacc_m.filter(|radius| *radius > 0.0)
}

#[cfg(test)]
#[path = "quick_tests.rs"]
mod tests;
