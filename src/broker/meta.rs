//! `meta.properties`: which node of which cluster a log directory belongs to.
//!
//! ```text
//! version=1              KRaft's form; 0 was that beside ZooKeeper, with broker.id for node.id
//! cluster.id=MkU3OEVBNTcwNTJENDM2Qg
//! node.id=1
//! directory.id=f5hvZBKOTLuFBsFIqvFP6g
//! ```
//! Source: Kafka's `org.apache.kafka.metadata.properties.MetaProperties`.

use std::sync::Arc;

use super::error::{Error, Result};
use super::home::CATALOG_LOCK;
use crate::model::{Uuid, limits};
use crate::storage::{self, LockKind, LockTable, Storage, Wait};

const META_PROPERTIES: &str = "log/meta.properties";

/// Who a log directory says that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// The id of the node.
    pub node_id: i32,
    /// The id of the cluster.
    pub cluster_id: String,
}

impl MetaProperties {
    /// Reads the file of a log directory.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is not there or does not tell both ids.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let text = storage::read_text(storage, META_PROPERTIES, limits::SMALL_FILE_BYTES_MAX)?;
        Self::parse(&text.unwrap_or_default()).map_err(|cause| Error::Damaged {
            path: storage.display(META_PROPERTIES),
            cause: cause.to_owned(),
        })
    }

    fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        let value = |key: &str| {
            let lines = text.lines().filter(|line| !line.starts_with(['#', '!']));
            let mut pairs = lines.filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
        };
        let node = value("node.id").or_else(|| value("broker.id"));
        let node_id = node
            .and_then(|id| id.parse().ok())
            .filter(|id| *id >= 0)
            .ok_or("it has no node.id of 0 or more")?;
        let cluster_id =
            value("cluster.id").filter(|id| !id.is_empty()).ok_or("it has no cluster.id")?;
        Ok(Self { node_id, cluster_id: cluster_id.to_owned() })
    }
}

/// Makes the log directory a node's, if it is not yet. Several processes may want to at once.
pub(super) fn make(storage: &dyn Storage, locks: &Arc<LockTable>) -> Result<()> {
    let is_there = || storage::found(storage.metadata(META_PROPERTIES)).map(|file| file.is_some());
    if is_there()? {
        return Ok(());
    }
    let _lock = locks.acquire(CATALOG_LOCK, LockKind::Exclusive, Wait::Yes)?;
    if !is_there()? {
        storage::replace_file(storage, META_PROPERTIES, fresh()?.as_bytes())?;
        storage.sync_dir("")?;
    }
    Ok(())
}

fn fresh() -> Result<String> {
    let random = || {
        Uuid::random()
            .map_err(|source| storage::Error::new("make an id for", META_PROPERTIES, source))
    };
    Ok(format!("#\nversion=1\ncluster.id={}\nnode.id=1\ndirectory.id={}\n", random()?, random()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_tell_node_and_cluster() {
        for (text, node_id, cluster_id) in [
            ("#\n#Tue\nnode.id=7\nversion=1\ncluster.id=abc\ndirectory.id=x\n", 7, "abc"),
            ("version=0\nbroker.id = 0\ncluster.id=a-b=\n", 0, "a-b="),
        ] {
            let expected = MetaProperties { node_id, cluster_id: cluster_id.to_owned() };
            assert_eq!(MetaProperties::parse(text), Ok(expected));
        }
        assert_eq!(MetaProperties::parse(&fresh().expect("ids")).map(|meta| meta.node_id), Ok(1));
        for text in ["", "node.id=1\n", "cluster.id=x\n", "node.id=-1\ncluster.id=x", "#node.id=1"]
        {
            assert!(MetaProperties::parse(text).is_err(), "{text:?}");
        }
    }
}
