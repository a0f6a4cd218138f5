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
use super::jobs::Job;
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
    /// Tables and streams that have a name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) jobs: BTreeMap<TopicName, Job>,
    /// Topics whose directories are still to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deleting: Vec<DeletedTopic>,
    /// Configs of this broker that were changed while it ran, in Kafka's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) broker_configs: BTreeMap<String, String>,
    /// The same of all brokers; those of one come first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) default_broker_configs: BTreeMap<String, String>,
    /// The first producer id that was in no block yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) next_producer_id: i64,
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

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            version: VERSION,
            topics: BTreeMap::new(),
            jobs: BTreeMap::new(),
            deleting: Vec::new(),
            broker_configs: BTreeMap::new(),
            default_broker_configs: BTreeMap::new(),
            next_producer_id: 0,
            other: serde_json::Map::new(),
        }
    }
}

/// The catalog's file, and what was read of it last.
#[derive(Debug, Default)]
pub(super) struct CatalogFile {
    /// With the file that it was read from, if there was one.
    last: Mutex<Option<(Option<Metadata>, Arc<Catalog>)>>,
}

impl CatalogFile {
    /// The catalog as it is now; an empty one where there is no file. A process that is alone
    /// knows that it is what it wrote last.
    pub(super) fn read(&self, home: &Home) -> Result<Arc<Catalog>> {
        let storage = &**home.storage();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if home.is_exclusive()
            && let Some((_, catalog)) = &*last
        {
            return Ok(Arc::clone(catalog));
        }
        let metadata = storage::found(storage.metadata(CATALOG))?;
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
            let written = storage::replace_file(storage, CATALOG, &text);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            written?;
        }
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
