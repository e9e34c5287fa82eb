//! A hash map in pieces, each with a lock of its own, so that threads rarely wait for each other. Entries are added and
//! never changed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;

/// The map; shared by all threads.
#[derive(Debug)]
pub(crate) struct Shards<K, V> {
    hasher: RandomState,
    maps: [RwLock<HashMap<K, V, RandomState>>; 16],
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), maps: Default::default() }
    }
}

impl<K: Hash + Eq, V: Clone> Shards<K, V> {
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The value of the key, which is that of `make` when the key is new. `make` is called under a lock.
    pub(crate) fn get_or_insert(&self, key: K, make: impl FnOnce() -> V) -> V {
        let mut map = self.shard(&key).write().unwrap_or_else(PoisonError::into_inner);
        map.entry(key).or_insert_with(make).clone()
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<HashMap<K, V, RandomState>> {
        // hashbrown uses the lowest and the highest bits itself: these are neither.
        let hash = self.hasher.hash_one(key);
        &self.maps[(hash >> 28 & 15) as usize]
    }
}
