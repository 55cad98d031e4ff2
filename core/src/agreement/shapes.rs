//! The GeoJSON files of a bundle, each read once.

use std::collections::BTreeMap;

use super::{AgreementFault, Bundle};
use crate::geometry::{Area, Course, Shape, ShapeFault, parse_geojson};
use crate::keys::{Keys, shown};

/// Reads shapes on demand and keeps the faults of the files.
pub(super) struct Shapes<'b> {
    bundle: &'b Bundle,
    read: BTreeMap<String, Option<Shape>>,
    faults: Vec<AgreementFault>,
}

impl<'b> Shapes<'b> {
    pub(super) fn new(bundle: &'b Bundle) -> Self {
        Self { bundle, read: BTreeMap::new(), faults: Vec::new() }
    }

    pub(super) fn into_faults(self) -> Vec<AgreementFault> {
        self.faults
    }

    /// The line or control area in the file that the key `file` names.
    pub(super) fn course(&mut self, keys: &mut Keys<'_>) -> Option<Course> {
        let name = keys.text("file")?;
        match Course::new(self.shape(keys, &name)?) {
            Ok(course) => Some(course),
            Err(fault) => self.add(&name, vec![fault]),
        }
    }

    /// The area in the file that the key `file` names.
    pub(super) fn area(&mut self, keys: &mut Keys<'_>) -> Option<Area> {
        let name = keys.text("file")?;
        match self.shape(keys, &name)? {
            Shape::Area(polygons) => match Area::new(polygons) {
                Ok(area) => Some(area),
                Err(fault) => self.add(&name, vec![fault]),
            },
            Shape::Line(_) => {
                let message = format!(
                    "'{name}' holds a line; a zone needs a Polygon or MultiPolygon. For a strip along a line use \
                     buffer_of and distance_m"
                );
                keys.fault("file", message);
                None
            }
        }
    }

    fn shape(&mut self, keys: &mut Keys<'_>, name: &str) -> Option<Shape> {
        if !Bundle::is_file_name(name) {
            let message = format!(
                "'{}' is not a file name; use letters, digits, '-', '_', '.', at most 100, ending in .geojson, and keep \
                 the file beside agreement.toml",
                shown(name)
            );
            keys.fault("file", message);
            return None;
        }
        if let Some(read) = self.read.get(name) {
            return read.clone();
        }
        let Some(text) = self.bundle.files.get(name) else {
            keys.fault("file", format!("there is no file '{name}' beside agreement.toml; add it, or correct the name"));
            return None;
        };
        let shape = if text.len() > Bundle::MAX_FILE_BYTES {
            let message = format!("is larger than {} MiB; simplify the geometry", Bundle::MAX_FILE_BYTES >> 20);
            self.add(name, vec![ShapeFault { place: "the file".to_owned(), message }])
        } else {
            match parse_geojson(text) {
                Ok(shape) => Some(shape),
                Err(faults) => self.add(name, faults),
            }
        };
        self.read.insert(name.to_owned(), shape.clone());
        shape
    }

    fn add<T>(&mut self, file: &str, faults: Vec<ShapeFault>) -> Option<T> {
        for ShapeFault { place, message } in faults {
            let fault = AgreementFault { file: file.to_owned(), place, message };
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        None
    }
}
