//! The names of one directory: as processes see them, as the disk has them, and what lies between.
//!
//! Changes reach the disk in order, each in one step. Two directories have two orders: of a
//! rename from one to the other, either half may be stored without the other, and the file then
//! has both names or neither.

use std::collections::BTreeMap;
use std::fmt;

use super::faults::{Dice, Loss};
use super::image::Id;

/// The names in a directory. `durable` with all of `pending` is `live`.
#[derive(Debug, Default)]
pub(super) struct Folder {
    live: BTreeMap<String, Id>,
    durable: BTreeMap<String, Id>,
    pending: Vec<NameChange>,
}

/// One step in one directory.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Set(String, Id),
    Unset(String),
    Move { from: String, to: String, id: Id },
}

impl fmt::Display for NameChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, id) => write!(f, "name {name} of {id}"),
            Self::Unset(name) => write!(f, "no name {name}"),
            Self::Move { from, to, id } => write!(f, "name {from} to {to} of {id}"),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Id>) {
        match self {
            Self::Set(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Unset(name) => {
                names.remove(name);
            }
            Self::Move { from, to, id } => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl Folder {
    pub(super) fn live(&self) -> &BTreeMap<String, Id> {
        &self.live
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// What is there after a crash.
    pub(super) fn crash(&mut self, loss: Loss, dice: &mut Dice) {
        let stored = match loss {
            Loss::Everything => 0,
            Loss::Nothing => self.pending.len(),
            Loss::Random(_) => dice.below(self.pending.len() + 1),
        };
        self.pending.truncate(stored);
        self.sync();
        self.live.clone_from(&self.durable);
    }
}
