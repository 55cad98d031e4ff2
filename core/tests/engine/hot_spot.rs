//! One hot spot heard from all sides is one alert; two far apart are two; a line of fire is not swallowed.

use truceline_core::alert::Alert;

use crate::flood::Numbers;
use crate::scene::*;

const FIRE: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
threshold = 0.1
cool_down_s = 1800
"#;

/// Where a hot spot's shots fall about its middle, one axis, metres.
const PLACE_SD_M: f64 = 400.0;
const BEARING_SD_DEG: f64 = 4.0;

/// Sensors around places, and what they hear of them.
struct Around {
    numbers: Numbers,
    sensors: Vec<(f64, f64)>,
    /// Sensor and bearing.
    heard: Vec<(usize, Option<f64>)>,
}

impl Around {
    fn of(seed: u64) -> Self {
        Self { numbers: Numbers::of(seed), sensors: Vec::new(), heard: Vec::new() }
    }

    /// Forty sensors on all sides of a place, 0.8 to 9 km off, each of which hears three shots; 70 % of them tell bearings.
    fn hot_spot(&mut self, (north, east): (f64, f64)) {
        for _ in 0..40 {
            let way = self.numbers.next() * std::f64::consts::TAU;
            let apart_m = 800.0 + 8_200.0 * self.numbers.next();
            let (own_north, own_east) = (north + apart_m * way.cos(), east + apart_m * way.sin());
            let tells_bearings = self.numbers.next() < 0.7;
            for _ in 0..3 {
                let to_north = north + PLACE_SD_M * self.numbers.normal() - own_north;
                let to_east = east + PLACE_SD_M * self.numbers.normal() - own_east;
                let bearing_deg = to_east.atan2(to_north).to_degrees() + BEARING_SD_DEG * self.numbers.normal();
                self.heard.push((self.sensors.len(), tells_bearings.then_some(bearing_deg.rem_euclid(360.0))));
            }
            self.sensors.push((own_north, own_east));
        }
    }

    /// All of it told in any order within ten minutes.
    fn alerts(mut self, range_m: f64) -> Vec<Alert> {
        for i in (1..self.heard.len()).rev() {
            let j = (self.numbers.next() * (i as f64 + 1.0)) as usize;
            self.heard.swap(i, j);
        }
        let range = format!("range_m = {{ explosion = {range_m} }}");
        let registry: String = (0..self.sensors.len())
            .map(|i| {
                fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), self.sensors[i].0, self.sensors[i].1, &range)
            })
            .collect();
        let mut scene = Scene::new(FIRE, &registry);
        let step_s = 600.0 / self.heard.len() as f64;
        for (i, (sensor, bearing_deg)) in self.heard.iter().enumerate() {
            let second = i as f64 * step_s;
            let bearing = bearing_deg.map(|bearing_deg| (bearing_deg, BEARING_SD_DEG));
            scene.reading(&format!("st{sensor:02}-ac01"), second, second + 0.3, heard("explosion", 0.9, bearing));
        }
        scene.wait_until(700.0);
        let alerts = scene.alerts();
        assert_eq!(alerts.iter().map(|alert| alert.detections).sum::<u64>(), self.heard.len() as u64);
        let (engine, outputs) = scene.replayed(0.5);
        assert_eq!(outputs, scene.outputs);
        assert_eq!(engine.snapshot(), scene.engine.snapshot());
        alerts
    }
}

#[test]
fn one_hot_spot_heard_from_all_sides_is_one_alert() {
    for range_m in [10_000.0, 15_000.0] {
        let counts = (0..40).map(|seed| {
            let mut around = Around::of(seed);
            around.hot_spot((2_000.0, 0.0));
            around.alerts(range_m).len()
        });
        let counts: Vec<usize> = counts.collect();
        let alone = counts.iter().filter(|count| **count == 1).count();
        // Not all: before bearings cross, what comes next may agree too little with the first place. Without the core it
        // is three in ten of them at the shorter range.
        assert!(alone >= 36 && counts.iter().all(|count| *count <= 3), "{range_m}: {counts:?}");
    }
}

#[test]
fn two_hot_spots_that_no_sensor_reaches_both_of_stay_two_alerts() {
    let counts = (0..20).map(|seed| {
        let mut around = Around::of(seed);
        around.hot_spot((2_000.0, -20_000.0));
        around.hot_spot((2_000.0, 20_000.0));
        around.alerts(10_000.0).len()
    });
    let counts: Vec<usize> = counts.collect();
    let two = counts.iter().filter(|count| **count == 2).count();
    assert!(two >= 16 && counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
}
