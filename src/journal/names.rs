//! The dictionary: stations and devices by name, so that an entry's row holds small numbers.

use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, params};
use truceline_core::id::Id;

/// Names kept in memory; beyond it they are looked up again.
const MAX_NAMES: usize = 200_000;

/// Rows of names, as far as they are in memory.
#[derive(Default)]
pub(super) struct Names {
    stations: HashMap<Id, i64>,
    /// A device by its id and incarnation.
    devices: HashMap<(Id, u32), i64>,
}

impl Names {
    /// The row of a station, made if it is new.
    pub(super) fn station(&mut self, file: &Connection, station: &Id) -> rusqlite::Result<i64> {
        if let Some(row) = self.stations.get(station) {
            return Ok(*row);
        }
        file.prepare_cached("INSERT OR IGNORE INTO station (name) VALUES (?)")?.execute([station.as_str()])?;
        let row = file
            .prepare_cached("SELECT id FROM station WHERE name = ?")?
            .query_row([station.as_str()], |row| row.get(0))?;
        remember(&mut self.stations, station.clone(), row);
        Ok(row)
    }

    /// The row of one unit that bears a device id, made if it is new.
    pub(super) fn device(&mut self, file: &Connection, device: &Id, incarnation: u32) -> rusqlite::Result<i64> {
        let key = (device.clone(), incarnation);
        if let Some(row) = self.devices.get(&key) {
            return Ok(*row);
        }
        file.prepare_cached("INSERT OR IGNORE INTO device (name, incarnation) VALUES (?, ?)")?
            .execute(params![device.as_str(), incarnation])?;
        let row = file
            .prepare_cached("SELECT id FROM device WHERE name = ? AND incarnation = ?")?
            .query_row(params![device.as_str(), incarnation], |row| row.get(0))?;
        remember(&mut self.devices, key, row);
        Ok(row)
    }
}

fn remember<K: Hash + Eq>(names: &mut HashMap<K, i64>, name: K, row: i64) {
    if names.len() >= MAX_NAMES {
        names.clear();
    }
    names.insert(name, row);
}
