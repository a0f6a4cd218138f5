//! Jobs: tables and streams that have a name. What a job is to do stands in the catalog, as whoever made it wrote it down; the
//! engine does not look inside. Names of jobs and topics are one name space.
//!
//! A job's state is below `state/jobs/<id>`: a cache, which can be made again. One process at a time runs a job, and holds
//! its lock; or several share it, and each of its tasks is in the hands of one. Dropping a job takes its entry out first; what a crash leaves of its state is removed with the next
//! job that is dropped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Broker;
use super::error::{Error, Result};
use super::home::{job_lock, make_dir, task_lock};
use super::topics::random_id;
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

    /// Takes a job out of the catalog, and removes its state.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`]; [`Error::JobRuns`] where a process runs it. After any other error the job may be gone,
    /// and its state in part.
    pub fn drop_job(&self, name: &TopicName) -> Result<()> {
        let job = self.job(name)?.ok_or_else(|| Error::NoSuchJob(name.clone()))?;
        let lease = self.lease_job(name, &job, Wait::No)?;
        let kept: Vec<Uuid> = self.catalog.change(&self.home, |catalog| {
            if catalog.jobs.get(name).is_some_and(|found| found.id == job.id) {
                catalog.jobs.remove(name);
            }
            Ok(catalog.jobs.values().map(|job| job.id).collect())
        })?;
        let storage = self.storage();
        for entry in storage::found(storage.list(JOBS_DIR))?.unwrap_or_default() {
            if entry.kind == Kind::Directory && !kept.iter().any(|id| id.to_string() == entry.name)
            {
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

    /// Takes a job for this process.
    ///
    /// # Errors
    /// [`Error::JobRuns`] where another has it and this one does not wait.
    pub fn lease_job(&self, name: &TopicName, job: &Job, wait: Wait) -> Result<JobLease> {
        let locks = self.home.require_write()?;
        match locks.acquire(job_lock(job.id), LockKind::Exclusive, wait)? {
            None => Err(Error::JobRuns(name.clone())),
            lock => Ok(JobLease { _lock: lock }),
        }
    }

    /// Takes part in a job that several processes share. It is not dropped meanwhile.
    ///
    /// # Errors
    /// [`Error::JobRuns`] where another has it alone.
    pub fn share_job(&self, name: &TopicName, job: &Job) -> Result<JobLease> {
        let locks = self.home.require_write()?;
        match locks.acquire(job_lock(job.id), LockKind::Shared, Wait::No)? {
            None => Err(Error::JobRuns(name.clone())),
            lock => Ok(JobLease { _lock: lock }),
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

    /// Where a job's state is; made if it is not there. `None` where the directory is not of the file system.
    ///
    /// # Errors
    /// As the file system says.
    pub fn make_job_state(&self, job: &Job) -> Result<Option<PathBuf>> {
        let storage = self.storage();
        make_dir(storage, STATE_DIR)?;
        make_dir(storage, JOBS_DIR)?;
        let path = format!("{JOBS_DIR}/{}", job.id);
        make_dir(storage, &path)?;
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

    /// Removes a job's state, which is made again.
    ///
    /// # Errors
    /// As the file system says.
    pub fn forget_job_state(&self, job: &Job) -> Result<()> {
        self.remove_state(&format!("{JOBS_DIR}/{}", job.id))
    }
}
