//! Jobs: tables and streams that have a name. What a job is to do stands in the catalog, as whoever made it wrote it down; the
//! engine does not look inside. Names of jobs and topics are one name space.
//!
//! A job's state is in `state/jobs/<id>`, or in `state/jobs/<id>/<task>` for each of its tasks: a cache, which can be made
//! again. One process at a time runs a job, and holds its lock; or several share it, and each of its tasks is in the hands of
//! one. How far a job is stands in the group of its name.
//! Dropping a job takes that out first, then its entry; what a crash leaves of its state is removed with the next job that is
//! dropped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::home::{job_lock, make_dir, task_lock};
use super::topics::random_id;
use super::{Broker, GroupOffsets};
use crate::model::{TopicName, Uuid};
use crate::storage::{self, Kind, LockGuard, LockKind, Wait};

const STATE_DIR: &str = "state";
const JOBS_DIR: &str = "state/jobs";

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id: a job made anew under an old name has a new one.
    pub id: Uuid,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// What it is to do.
    pub definition: serde_json::Value,
    /// What a later version put here, kept as it is.
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

impl Job {
    pub(super) fn new(id: Uuid, created_ms: i64, definition: serde_json::Value) -> Self {
        Self { id, created_ms, definition, other: serde_json::Map::new() }
    }

    /// What a job notes with the offsets that it commits in the group of its name: its id, and what else it wants to know. A
    /// group of that name which somebody else made says nothing of the job.
    #[must_use]
    pub fn note(&self, more: Option<&str>) -> String {
        match more {
            None => self.id.to_string(),
            Some(more) => format!("{}:{more}", self.id),
        }
    }

    /// Whether the job noted this.
    #[must_use]
    pub fn has_noted(&self, note: &str) -> bool {
        note.split_once(':').map_or(note, |(id, _)| id) == self.id.to_string()
    }

    /// What the job noted beside its id; `None` where it was not the job, or nothing.
    #[must_use]
    pub fn noted_in<'n>(&self, note: &'n str) -> Option<&'n str> {
        let (id, more) = note.split_once(':')?;
        (id == self.id.to_string()).then_some(more)
    }
}

/// A job that this process runs, or a task of one, until this is dropped.
#[derive(Debug)]
pub struct JobLease {
    _lock: Option<LockGuard>,
}

impl Broker {
    /// The jobs by name.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a catalog that can't be read.
    pub fn jobs(&self) -> Result<BTreeMap<TopicName, Job>> {
        Ok(self.catalog.read(&self.home)?.jobs.clone())
    }

    /// A job, if there is one of this name.
    ///
    /// # Errors
    /// As for [`Broker::jobs`].
    pub fn job(&self, name: &TopicName) -> Result<Option<Job>> {
        Ok(self.catalog.read(&self.home)?.jobs.get(name).cloned())
    }

    /// Makes a job. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::JobExists`], [`Error::TopicExists`].
    pub fn create_job(&self, name: &TopicName, definition: serde_json::Value) -> Result<Job> {
        self.catalog.change(&self.home, |catalog| {
            if catalog.jobs.contains_key(name) {
                return Err(Error::JobExists(name.clone()));
            }
            if catalog.topics.contains_key(name)
                || self.adoptable_topics(catalog)?.contains_key(name)
            {
                return Err(Error::TopicExists(name.clone()));
            }
            let job = Job::new(random_id()?, self.clock().now_ms(), definition);
            catalog.jobs.insert(name.clone(), job.clone());
            Ok(job)
        })
    }

    /// Takes a job out of the catalog, with its state, and with the group of its name where that is its own.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`]; [`Error::JobRuns`] where a process runs it. After any other error the job may be gone,
    /// and its state in part.
    pub fn drop_job(self: &Arc<Self>, name: &TopicName) -> Result<()> {
        let job = self.job(name)?.ok_or_else(|| Error::NoSuchJob(name.clone()))?;
        let lease = self.lease_job(name, &job, Wait::No)?;
        let mut offsets = GroupOffsets::open(Arc::clone(self), name)?;
        if offsets.all().any(|committed| job.has_noted(&committed.metadata)) {
            offsets.delete(self.clock().now_ms())?;
        }
        self.catalog.change(&self.home, |catalog| {
            if catalog.jobs.get(name).is_some_and(|found| found.id == job.id) {
                catalog.jobs.remove(name);
            }
            Ok(())
        })?;
        let storage = self.storage();
        let entries = storage::found(storage.list(JOBS_DIR))?.unwrap_or_default();
        // Read after that: a job is in the catalog before it has a directory.
        let kept: Vec<_> = self.jobs()?.values().map(|job| job.id.to_string()).collect();
        for entry in entries {
            if entry.kind == Kind::Directory && !kept.contains(&entry.name) {
                self.remove_state(&format!("{JOBS_DIR}/{}", entry.name))?;
            }
        }
        drop(lease);
        Ok(())
    }

    /// Removes a directory of a state, and what is in it.
    fn remove_state(&self, path: &str) -> Result<()> {
        let storage = self.storage();
        for entry in storage::found(storage.list(path))?.unwrap_or_default() {
            let inside = format!("{path}/{}", entry.name);
            match entry.kind {
                Kind::Directory => self.remove_state(&inside)?,
                _ => storage.remove_file(&inside)?,
            }
        }
        Ok(storage.remove_dir(path)?)
    }

    /// Takes a job for this process. It is not dropped meanwhile.
    ///
    /// # Errors
    /// [`Error::JobRuns`] where another has it and this one does not wait; [`Error::NoSuchJob`] where it was dropped by now.
    pub fn lease_job(&self, name: &TopicName, job: &Job, wait: Wait) -> Result<JobLease> {
        self.lease(name, job, LockKind::Exclusive, wait)
    }

    /// Takes part in a job that several processes share. It is not dropped meanwhile.
    ///
    /// # Errors
    /// As for [`Broker::lease_job`].
    pub fn share_job(&self, name: &TopicName, job: &Job) -> Result<JobLease> {
        self.lease(name, job, LockKind::Shared, Wait::No)
    }

    fn lease(&self, name: &TopicName, job: &Job, kind: LockKind, wait: Wait) -> Result<JobLease> {
        let locks = self.home.require_write()?;
        let lock = locks.acquire(job_lock(job.id), kind, wait)?;
        let lease = match lock {
            None => return Err(Error::JobRuns(name.clone())),
            lock => JobLease { _lock: lock },
        };
        match self.job(name)? {
            Some(found) if found.id == job.id => Ok(lease),
            _ => Err(Error::NoSuchJob(name.clone())),
        }
    }

    /// Takes a task of a job that several processes share; `None` where another one has it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn lease_task(&self, job: &Job, task: u32) -> Result<Option<JobLease>> {
        let locks = self.home.require_write()?;
        let lock = locks.acquire(task_lock(job.id, task), LockKind::Exclusive, Wait::No)?;
        Ok(lock.map(|lock| JobLease { _lock: Some(lock) }))
    }

    /// Where the state of a job is, or of one of its tasks; made if it is not there. `None` where the directory is not of the file
    /// system.
    ///
    /// # Errors
    /// As the file system says.
    pub fn make_job_state(&self, job: &Job, task: Option<u32>) -> Result<Option<PathBuf>> {
        let storage = self.storage();
        make_dir(storage, STATE_DIR)?;
        make_dir(storage, JOBS_DIR)?;
        let mut path = format!("{JOBS_DIR}/{}", job.id);
        make_dir(storage, &path)?;
        if let Some(task) = task {
            path = format!("{path}/{task}");
            make_dir(storage, &path)?;
        }
        Ok(storage.real_path(&path)?)
    }

    /// Where a job's state is; `None` where nothing was written yet.
    ///
    /// # Errors
    /// As the file system says.
    pub fn job_state(&self, job: &Job) -> Result<Option<PathBuf>> {
        let path = format!("{JOBS_DIR}/{}", job.id);
        Ok(storage::found(self.storage().real_path(&path))?.flatten())
    }

    /// Where the states of a job's tasks are, in the order of the tasks, as far as something was written.
    ///
    /// # Errors
    /// As the file system says.
    pub fn task_states(&self, job: &Job) -> Result<Vec<PathBuf>> {
        let (storage, path) = (self.storage(), format!("{JOBS_DIR}/{}", job.id));
        let entries = storage::found(storage.list(&path))?.unwrap_or_default();
        let tasks = entries.iter().filter_map(|entry| entry.name.parse::<u32>().ok());
        let tasks: std::collections::BTreeSet<_> = tasks.collect();
        let mut states = Vec::with_capacity(tasks.len());
        for task in tasks {
            states.extend(storage::found(storage.real_path(&format!("{path}/{task}")))?.flatten());
        }
        Ok(states)
    }

    /// Removes a job's state, if it has one. It is made again.
    ///
    /// # Errors
    /// As the file system says.
    pub fn forget_job_state(&self, job: &Job) -> Result<()> {
        match self.job_state(job)? {
            Some(_) => self.remove_state(&format!("{JOBS_DIR}/{}", job.id)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Access, Home};
    use crate::clock::SystemClock;

    #[test]
    fn notes_of_others_say_nothing() {
        let job = |id| Job::new(Uuid([id; 16]), 0, serde_json::Value::Null);
        let (one, other) = (job(1), job(2));
        let (plain, numbered) = (one.note(None), one.note(Some("7:a")));
        assert_eq!((one.noted_in(&plain), one.noted_in(&numbered)), (None, Some("7:a")));
        assert!(one.has_noted(&plain) && one.has_noted(&numbered));
        for note in ["", "7", &*plain, &*numbered] {
            assert!(!other.has_noted(note) && other.noted_in(note).is_none());
        }
    }

    #[test]
    fn a_job_that_was_dropped_is_not_run() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let broker = Arc::new(Broker::new(home, Arc::new(SystemClock)));
        let name = TopicName::new("job").expect("a name");
        let job = broker.create_job(&name, serde_json::Value::Null).expect("is made");
        let shared = broker.share_job(&name, &job).expect("is shared");
        assert!(matches!(broker.lease_job(&name, &job, Wait::No), Err(Error::JobRuns(_))));
        assert!(matches!(broker.drop_job(&name), Err(Error::JobRuns(_))));
        drop(shared);
        broker.drop_job(&name).expect("is dropped");
        let again = broker.create_job(&name, serde_json::Value::Null).expect("is made");
        assert!(matches!(broker.lease_job(&name, &job, Wait::No), Err(Error::NoSuchJob(_))));
        assert!(matches!(broker.share_job(&name, &job), Err(Error::NoSuchJob(_))));
        assert!(broker.lease_job(&name, &again, Wait::No).is_ok());
    }
}
