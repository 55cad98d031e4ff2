//! The GeoJSON files of a bundle, each read once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Arc;

use super::held::{Held, Recent, Shelf};

use super::{AgreementFault, AgreementWarning, Bundle};
use crate::geometry::{Area, Course, Shape, ShapeFault, read_geojson};
use crate::hash::ContentHash;
use crate::keys::{Keys, shown};

/// Repairs that are told of one file, and in all; more are counted.
const REPAIRS_OF_FILE: usize = 20;
const REPAIRS_TOLD: usize = 200;

/// Reads shapes on demand and keeps the faults of the files, and what was repaired in them.
pub(super) struct Shapes<'b> {
    /// Those not read yet; then empty, so that text and shapes are not all held at once.
    texts: BTreeMap<Cow<'b, str>, Cow<'b, str>>,
    read: BTreeMap<String, Option<Shape>>,
    faults: Vec<AgreementFault>,
    repairs: Vec<AgreementWarning>,
    untold: usize,
    /// Files whose repairs were told.
    known: BTreeSet<String>,
    lines: BTreeMap<String, Arc<Held>>,
    /// Of an agreement before this one.
    before: Option<&'b ReadLines>,
    read_lines: ReadLines,
    /// Each file that was read: the hash of its text, and its repairs unless there are many.
    repairs_of: BTreeMap<String, (String, Vec<ShapeFault>)>,
    shelf: Shelf,
    spare: Option<Arc<Course>>,
}

/// What lines' files hold, by the hash of their text: an agreement with a file for every day need not read hundreds of
/// them again for a new day's.
#[derive(Debug, Default)]
pub(super) struct ReadLines(BTreeMap<String, ReadLine>);

#[derive(Clone, Debug)]
struct ReadLine {
    held: Arc<Held>,
    repairs: Vec<ShapeFault>,
}

/// What a line's file holds.
pub(super) struct Found {
    pub held: Arc<Held>,
    pub spare: Arc<Course>,
}

impl<'b> Shapes<'b> {
    pub(super) fn new(bundle: Cow<'b, Bundle>, before: Option<&'b ReadLines>) -> Self {
        let texts = match bundle {
            Cow::Borrowed(bundle) => {
                bundle.files.iter().map(|(name, text)| (name.as_str().into(), text.as_str().into())).collect()
            }
            Cow::Owned(bundle) => bundle.files.into_iter().map(|(name, text)| (name.into(), text.into())).collect(),
        };
        Self {
            texts,
            before,
            read_lines: ReadLines::default(),
            repairs_of: BTreeMap::new(),
            read: BTreeMap::new(),
            faults: Vec::new(),
            repairs: Vec::new(),
            untold: 0,
            known: BTreeSet::new(),
            lines: BTreeMap::new(),
            shelf: Shelf::default(),
            spare: None,
        }
    }

    /// What is wrong with the files, what was repaired, and what the next agreement need not read again.
    pub(super) fn end(mut self) -> (Vec<AgreementFault>, Vec<AgreementWarning>, ReadLines) {
        if self.untold > 0 {
            let message =
                format!("{} more repairs are not listed; `truceline where --line` tells all of one file", self.untold);
            self.repairs.push(AgreementWarning { place: "the GeoJSON files".to_owned(), message });
        }
        (self.faults, self.repairs, self.read_lines)
    }

    /// The line or control area in the file that the key `file` names.
    pub(super) fn course(&mut self, keys: &mut Keys<'_>) -> Option<Found> {
        let name = self.named(keys)?;
        self.course_in(&name)
    }

    /// The line or control area in a file of the bundle.
    pub(super) fn course_in(&mut self, name: &str) -> Option<Found> {
        let held = self.held(name)?;
        if self.spare.is_none() {
            self.spare = self.shelf.recent().course(&held);
        }
        Some(Found { held, spare: Arc::clone(self.spare.as_ref()?) })
    }

    fn held(&mut self, name: &str) -> Option<Arc<Held>> {
        if let Some(held) = self.lines.get(name) {
            return Some(Arc::clone(held));
        }
        let held = match self.read_before(name) {
            Some(held) => held,
            None => self.read_line(name)?,
        };
        self.lines.insert(name.to_owned(), Arc::clone(&held));
        Some(held)
    }

    /// What the agreement before has of a file with the same text.
    fn read_before(&mut self, name: &str) -> Option<Arc<Held>> {
        let before = self.before?;
        let text = self.texts.get_mut(name)?;
        let hash = text_hash(text);
        let read = before.0.get(&hash)?;
        drop(take(text));
        self.repaired(name, read.repairs.clone());
        let held = self.shelf.adopt(&read.held);
        self.read_lines.0.insert(hash, ReadLine { held: Arc::clone(&held), repairs: read.repairs.clone() });
        Some(held)
    }

    fn read_line(&mut self, name: &str) -> Option<Arc<Held>> {
        let shape = self.shape(name)?;
        match self.shelf.hold(shape) {
            Ok(held) => {
                // What was read need not be kept twice.
                self.read.remove(name);
                if let Some((hash, repairs)) = self.repairs_of.remove(name) {
                    self.read_lines.0.insert(hash, ReadLine { held: Arc::clone(&held), repairs });
                }
                Some(held)
            }
            Err(fault) => self.add(name, vec![fault]),
        }
    }

    pub(super) fn recent(&self) -> Arc<Recent> {
        self.shelf.recent()
    }

    /// The area in the file that the key `file` names.
    pub(super) fn area(&mut self, keys: &mut Keys<'_>) -> Option<Area> {
        let name = self.named(keys)?;
        match self.shape(&name)? {
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

    /// The names of all files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(AsRef::as_ref)
    }

    /// What the key `file` names, if the bundle has it.
    fn named(&self, keys: &mut Keys<'_>) -> Option<String> {
        let name = keys.text("file")?;
        if !Bundle::is_file_name(&name) {
            let message = format!(
                "'{}' is not a file name; use letters, digits, '-', '_', '.', at most 100, ending in .geojson, and keep \
                 the file beside agreement.toml",
                shown(&name)
            );
            keys.fault("file", message);
            return None;
        }
        if !self.texts.contains_key(name.as_str()) {
            keys.fault("file", format!("there is no file '{name}' beside agreement.toml; add it, or correct the name"));
            return None;
        }
        Some(name)
    }

    fn shape(&mut self, name: &str) -> Option<Shape> {
        if let Some(read) = self.read.get(name) {
            return read.clone();
        }
        if let Some(held) = self.lines.get(name) {
            return Some(held.shape().clone());
        }
        let text = take(self.texts.get_mut(name)?);
        let shape = if text.len() > Bundle::MAX_FILE_BYTES {
            let message = format!("is larger than {} MiB; simplify the geometry", Bundle::MAX_FILE_BYTES >> 20);
            self.add(name, vec![ShapeFault { place: "the file".to_owned(), message }])
        } else {
            match read_geojson(&text) {
                Ok((shape, repairs)) => {
                    if repairs.len() <= REPAIRS_OF_FILE {
                        self.repairs_of.insert(name.to_owned(), (text_hash(&text), repairs.clone()));
                    }
                    self.repaired(name, repairs);
                    Some(shape)
                }
                Err(faults) => self.add(name, faults),
            }
        };
        self.read.insert(name.to_owned(), shape.clone());
        shape
    }

    fn repaired(&mut self, file: &str, repairs: Vec<ShapeFault>) {
        if repairs.is_empty() || !self.known.insert(file.to_owned()) {
            return;
        }
        let told = REPAIRS_OF_FILE.min(REPAIRS_TOLD.saturating_sub(self.repairs.len()));
        self.untold += repairs.len().saturating_sub(told);
        self.repairs.extend(
            repairs
                .into_iter()
                .take(told)
                .map(|ShapeFault { place, message }| AgreementWarning { place: format!("{file}: {place}"), message }),
        );
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

fn text_hash(text: &str) -> String {
    let mut hash = ContentHash::default();
    hash.add(text);
    hash.end()
}
