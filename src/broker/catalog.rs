//! The catalog: which topics there are. The one file whose content exists nowhere else.
//!
//! It is changed under its lock: read again, changed, written beside, synced, renamed over,
//! the directory synced. Readers take no lock and see the old or the new one.
//!
//! Creating a topic makes its directories first; its entry here is what makes it exist. Deleting
//! one moves its entry to `deleting` first, so that what a crash leaves of its directories is
//! known for what it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::home::{CATALOG, CATALOG_LOCK, Home};
use crate::model::{TopicName, Uuid, limits};
use crate::storage::{self, LockKind, Metadata, Storage, Wait};

const VERSION: u32 = 1;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Catalog {
    version: u32,
    /// The topics by name.
    #[serde(default)]
    pub(super) topics: BTreeMap<TopicName, Topic>,
    /// Topics whose directories are still to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deleting: Vec<DeletedTopic>,
    /// What a later version put here, kept as it is.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Its id: a topic made anew under an old name has a new one.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// Configs that differ from the defaults, in Kafka's names.
    #[serde(default)]
    pub configs: BTreeMap<String, String>,
    /// What a later version put here, kept as it is.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Topic {
    /// A topic that only this version has written.
    pub(super) fn new(id: Uuid, partitions: i32, configs: BTreeMap<String, String>) -> Self {
        Self { id, partitions, configs, other: serde_json::Map::new() }
    }
}

/// A topic that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeletedTopic {
    /// The name that it had.
    pub(super) name: TopicName,
    /// Its id.
    pub(super) id: Uuid,
    /// How many partitions it had.
    pub(super) partitions: i32,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            version: VERSION,
            topics: BTreeMap::new(),
            deleting: Vec::new(),
            other: serde_json::Map::new(),
        }
    }
}

/// The catalog's file, and what was read of it last.
#[derive(Debug, Default)]
pub(super) struct CatalogFile {
    last: Mutex<Option<(Metadata, Arc<Catalog>)>>,
}

impl CatalogFile {
    /// The catalog as it is now; an empty one where there is no file.
    pub(super) fn read(&self, storage: &dyn Storage) -> Result<Arc<Catalog>> {
        let Some(metadata) = storage::found(storage.metadata(CATALOG))? else {
            return Ok(Arc::default());
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, catalog)) = &*last
            && *of == metadata
        {
            return Ok(Arc::clone(catalog));
        }
        let catalog = Arc::new(load(storage)?);
        *last = Some((metadata, Arc::clone(&catalog)));
        Ok(catalog)
    }

    /// Changes the catalog. The closure gets it as it is with its lock held; what it returns an
    /// error for is not written.
    pub(super) fn change<T>(
        &self,
        home: &Home,
        change: impl FnOnce(&mut Catalog) -> Result<T>,
    ) -> Result<T> {
        let storage = &**home.storage();
        let _lock = home.require_write()?.acquire(CATALOG_LOCK, LockKind::Exclusive, Wait::Yes)?;
        let before = load(storage)?;
        let mut catalog = before.clone();
        let result = change(&mut catalog)?;
        if catalog != before {
            let mut text = serde_json::to_vec_pretty(&catalog)
                .map_err(|error| damaged(storage, &error.to_string()))?;
            text.push(b'\n');
            storage::replace_file(storage, CATALOG, &text)?;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(result)
    }
}

fn load(storage: &dyn Storage) -> Result<Catalog> {
    let Some(text) = storage::read_text(storage, CATALOG, limits::TEXT_FILE_BYTES_MAX)? else {
        return Ok(Catalog::default());
    };
    let catalog: Catalog =
        serde_json::from_str(&text).map_err(|error| damaged(storage, &error.to_string()))?;
    if catalog.version != VERSION {
        let cause = format!("version {}, and this runnel knows version {VERSION}", catalog.version);
        return Err(damaged(storage, &cause));
    }
    for (name, topic) in &catalog.topics {
        if !(1..=limits::PARTITIONS_MAX).contains(&topic.partitions) {
            return Err(damaged(
                storage,
                &format!("topic {name} has {} partitions", topic.partitions),
            ));
        }
    }
    Ok(catalog)
}

fn damaged(storage: &dyn Storage, cause: &str) -> Error {
    Error::Damaged { path: storage.display(CATALOG), cause: cause.to_owned() }
}
