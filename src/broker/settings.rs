//! What the broker was started with, and what that comes to with what was changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::catalog::Catalog;
use super::error::Result;
use crate::model::config::{BrokerConfig, Layers, check_static};

impl Broker {
    /// The engine with configs that a restart alone changes, in Kafka's names.
    ///
    /// # Errors
    /// [`Error::Config`](super::Error::Config) for a key or value that there is not, or that does
    /// not go together with what is in the catalog.
    pub fn with_static_configs(mut self, configs: BTreeMap<String, String>) -> Result<Self> {
        check_static(&configs)?;
        self.static_configs = configs;
        self.indexed()?;
        Ok(self)
    }

    /// The broker's configuration as it is now.
    #[must_use]
    pub fn config(&self) -> Arc<BrokerConfig> {
        match self.indexed() {
            Ok(indexed) => Arc::clone(&indexed.config),
            // Who works with topics is told why the catalog can't be read.
            Err(_) => Arc::default(),
        }
    }

    /// Where each config of it comes from.
    ///
    /// # Errors
    /// As [`Broker::topics`] says.
    pub fn config_layers(&self) -> Result<Arc<Layers>> {
        Ok(Arc::clone(&self.indexed()?.layers))
    }

    pub(super) fn layers_of(&self, catalog: &Catalog) -> Layers {
        Layers {
            dynamic_broker: catalog.broker_configs.clone(),
            dynamic_default: catalog.default_broker_configs.clone(),
            static_broker: self.static_configs.clone(),
        }
    }
}
