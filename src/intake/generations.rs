//! A map that forgets what was not touched for long, so that it stays bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Keeps the keys that were used last: at least `capacity` of them, at most twice as many.
///
/// When the young half is full it becomes the old one, and the old one is forgotten; a
/// key that is used while old becomes young again. Constant time, no order needed.
pub(crate) struct Generations<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    /// An empty map; a capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), young: HashMap::new(), old: HashMap::new() }
    }

    /// The value of `key`, which is young from now on.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V>
    where
        K: Clone,
    {
        if let Some(value) = self.old.remove(key) {
            self.insert(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    /// Sets the value of `key`.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut map = Generations::new(10);
        map.insert(0, "kept");
        map.insert(1, "left");
        for key in 2..100 {
            map.insert(key, "other");
            assert_eq!(map.get_mut(&0).copied(), Some("kept"));
        }
        assert_eq!(map.get_mut(&1), None);
        assert!(map.young.len() + map.old.len() <= 20);
    }
}
