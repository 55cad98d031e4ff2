//! The shapes of the lines' versions: an index takes twenty times what its vertices take, so that hundreds of
//! versions are held as vertices, and only those that were asked for last are indexed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::geometry::{Course, LonLat, Shape, ShapeFault};

/// Vertices of lines that stay indexed, and of those that are indexed when asked: about 20 MB each.
const INDEXED_VERTICES: usize = 50_000;
/// So many versions stay indexed whatever their size: several lines may be asked for by turns.
const LEAST_INDEXED: usize = 8;

/// A shape, exact as given.
#[derive(Debug)]
pub(super) struct Held {
    shape: Shape,
    kept: Option<Arc<Course>>,
}

/// Holds shapes for one agreement: equal ones once.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    held: std::collections::BTreeMap<u64, Vec<Arc<Held>>>,
    kept_vertices: usize,
    recent: Arc<Recent>,
}

impl Shelf {
    /// Checks that the shape can be indexed, and holds it.
    pub(super) fn hold(&mut self, shape: Shape) -> Result<Arc<Held>, ShapeFault> {
        let print = print(&shape, 0);
        if let Some(held) = self.held.get(&print).into_iter().flatten().find(|held| held.shape == shape) {
            return Ok(Arc::clone(held));
        }
        let course = Arc::new(Course::new(shape.clone())?);
        let keep = self.keeps(vertices(&shape));
        let held = Arc::new(Held { shape, kept: keep.then_some(course) });
        self.held.entry(print).or_default().push(Arc::clone(&held));
        Ok(held)
    }

    /// Takes over what another agreement holds; its index only as far as this one's share of indices goes.
    pub(super) fn adopt(&mut self, held: &Arc<Held>) -> Arc<Held> {
        let print = print(&held.shape, 0);
        if let Some(own) = self.held.get(&print).into_iter().flatten().find(|own| own.shape == held.shape) {
            return Arc::clone(own);
        }
        let held = if held.kept.is_none() || self.keeps(vertices(&held.shape)) {
            Arc::clone(held)
        } else {
            Arc::new(Held { shape: held.shape.clone(), kept: None })
        };
        self.held.entry(print).or_default().push(Arc::clone(&held));
        held
    }

    /// Whether a shape of so many vertices stays indexed beside those that do already.
    fn keeps(&mut self, vertices: usize) -> bool {
        let keeps = self.kept_vertices + vertices <= INDEXED_VERTICES || self.kept_vertices == 0;
        if keeps {
            self.kept_vertices += vertices;
        }
        keeps
    }

    pub(super) fn recent(&self) -> Arc<Recent> {
        Arc::clone(&self.recent)
    }
}

impl Held {
    pub(super) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What tells it, as the line of this name, from another course.
    pub(super) fn print(&self, name: &str) -> u64 {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mixed(hash, u64::from(byte)));
        print(&self.shape, seed)
    }
}

/// The versions that were indexed last. What it answers does not depend on what was asked before.
#[derive(Debug, Default)]
pub(super) struct Recent {
    last: Mutex<VecDeque<(Arc<Held>, Arc<Course>)>>,
}

impl Recent {
    /// The shape, indexed. `None` only if it cannot be, which [`Shelf::hold`] has checked.
    pub(super) fn course(&self, held: &Arc<Held>) -> Option<Arc<Course>> {
        if let Some(course) = &held.kept {
            return Some(Arc::clone(course));
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = last.iter().position(|(other, _)| Arc::ptr_eq(other, held)) {
            let found = last.remove(place)?;
            let course = Arc::clone(&found.1);
            last.push_front(found);
            return Some(course);
        }
        let course = Arc::new(Course::new(held.shape.clone()).ok()?);
        last.push_front((Arc::clone(held), Arc::clone(&course)));
        let mut total = 0;
        let mut stay = 0;
        for (other, _) in last.iter() {
            total += vertices(&other.shape);
            if stay >= LEAST_INDEXED && total > INDEXED_VERTICES {
                break;
            }
            stay += 1;
        }
        last.truncate(stay);
        Some(course)
    }
}

fn parts(shape: &Shape) -> Vec<&[LonLat]> {
    match shape {
        Shape::Line(parts) => parts.iter().map(Vec::as_slice).collect(),
        Shape::Area(polygons) => polygons.iter().flatten().map(Vec::as_slice).collect(),
    }
}

fn vertices(shape: &Shape) -> usize {
    parts(shape).iter().map(|part| part.len()).sum()
}

/// FNV-1a over the vertices' bits, eight bytes a step.
fn print(shape: &Shape, seed: u64) -> u64 {
    let mut hash = mixed(seed, u64::from(matches!(shape, Shape::Area(_))));
    for part in parts(shape) {
        hash = mixed(hash, part.len() as u64);
        for LonLat { lon, lat } in part {
            hash = mixed(mixed(hash, lon.to_bits()), lat.to_bits());
        }
    }
    hash
}

fn mixed(hash: u64, value: u64) -> u64 {
    let product = (hash ^ value).wrapping_mul(0x0100_0000_01b3);
    product ^ (product >> 29)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A line of so many vertices.
    fn line(number: u32, vertices: u32) -> Shape {
        let vertex = |at: u32| LonLat::new(30.0 + f64::from(at) * 1e-5, 40.0 + f64::from(number) * 0.1).unwrap();
        Shape::Line(vec![(0..vertices).map(vertex).collect()])
    }

    #[test]
    fn agreements_that_follow_one_another_newest_first_keep_no_more_indices_than_one() {
        let vertices = INDEXED_VERTICES as u32 / 10;
        let mut before: Vec<Arc<Held>> = Vec::new();
        for day in 0..30 {
            let mut shelf = Shelf::default();
            let mut held = vec![shelf.hold(line(day, vertices)).unwrap()];
            held.extend(before.iter().map(|held| shelf.adopt(held)));
            before = held;
        }
        assert_eq!(before.len(), 30);
        assert_eq!(before.iter().filter(|held| held.kept.is_some()).count(), 10);
        for held in &before {
            assert!(Recent::default().course(held).is_some());
        }
    }
}
