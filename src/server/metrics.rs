//! What the server counts, and how Prometheus is told.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::model::TopicPartition;
use crate::protocol::ApiKey;

/// One more than the largest key of an API that is served.
const API_KEYS: usize = 96;

/// Counters of the server since its start.
#[derive(Debug)]
pub struct Metrics {
    pub(super) connections_open: AtomicI64,
    pub(super) connections_total: AtomicU64,
    pub(super) connections_refused: AtomicU64,
    pub(super) connections_failed: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) produced_batches: AtomicU64,
    pub(super) produced_records: AtomicU64,
    pub(super) produced_bytes: AtomicU64,
    pub(super) fetched_bytes: AtomicU64,
    pub(super) transactions_committed: AtomicU64,
    pub(super) transactions_aborted: AtomicU64,
    /// By API key.
    requests: [PerApi; API_KEYS],
}

#[derive(Debug, Default)]
struct PerApi {
    count: AtomicU64,
    microseconds: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections_open: AtomicI64::new(0),
            connections_total: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_failed: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            produced_batches: AtomicU64::new(0),
            produced_records: AtomicU64::new(0),
            produced_bytes: AtomicU64::new(0),
            fetched_bytes: AtomicU64::new(0),
            transactions_committed: AtomicU64::new(0),
            transactions_aborted: AtomicU64::new(0),
            requests: std::array::from_fn(|_| PerApi::default()),
        }
    }
}

impl Metrics {
    /// Counts a request that was answered.
    pub(super) fn answered(&self, api: ApiKey, microseconds: u64) {
        if let Some(per_api) = self.requests.get(api as usize) {
            per_api.count.fetch_add(1, Relaxed);
            per_api.microseconds.fetch_add(microseconds, Relaxed);
        }
    }

    /// The counters in Prometheus' text form. Source: its exposition format 0.0.4.
    pub(super) fn exposition(&self) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, value: String| {
            let name = format!("runnel_{name}");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        let open = self.connections_open.load(Relaxed).to_string();
        metric("connections", "gauge", "Connections that are open.", open);
        for (name, help, counter) in [
            ("connections_total", "Connections that were taken.", &self.connections_total),
            ("connections_refused_total", "Connections over the limit.", &self.connections_refused),
            (
                "connections_failed_total",
                "Connections that broke a rule.",
                &self.connections_failed,
            ),
            ("received_bytes_total", "Bytes of requests.", &self.received_bytes),
            ("sent_bytes_total", "Bytes of responses.", &self.sent_bytes),
            ("produced_batches_total", "Batches appended.", &self.produced_batches),
            ("produced_records_total", "Records appended.", &self.produced_records),
            ("produced_bytes_total", "Bytes of batches appended.", &self.produced_bytes),
            ("fetched_bytes_total", "Bytes of batches sent.", &self.fetched_bytes),
            (
                "transactions_committed_total",
                "Commits that were answered.",
                &self.transactions_committed,
            ),
            (
                "transactions_aborted_total",
                "Aborts that were answered.",
                &self.transactions_aborted,
            ),
        ] {
            metric(name, "counter", help, counter.load(Relaxed).to_string());
        }
        self.expose_requests(&mut text);
        text
    }

    fn expose_requests(&self, text: &mut String) {
        let asked = || {
            let used = ApiKey::ALL.iter().filter_map(|api| {
                let per_api = self.requests.get(*api as usize)?;
                let count = per_api.count.load(Relaxed);
                (count > 0).then(|| (api.name(), count, per_api.microseconds.load(Relaxed)))
            });
            used.collect::<Vec<_>>()
        };
        text.push_str("# HELP runnel_request_seconds Time from a request to its answer.\n");
        text.push_str("# TYPE runnel_request_seconds summary\n");
        for (api, count, microseconds) in asked() {
            let seconds = microseconds as f64 / 1e6;
            let _ = writeln!(text, "runnel_request_seconds_count{{api=\"{api}\"}} {count}");
            let _ = writeln!(text, "runnel_request_seconds_sum{{api=\"{api}\"}} {seconds}");
        }
    }
}

/// Where each partition's log begins and ends, for those that were used since the start.
pub(super) fn expose_partitions(text: &mut String, partitions: &[(TopicPartition, i64, i64)]) {
    for (name, help, of) in [
        ("log_start_offset", "First offset that can be read.", 0),
        ("log_end_offset", "Offset that the next record gets.", 1),
    ] {
        let _ = writeln!(text, "# HELP runnel_{name} {help}\n# TYPE runnel_{name} gauge");
        for (TopicPartition { topic, partition }, start, end) in partitions {
            let value = if of == 0 { start } else { end };
            let labels = format!("topic=\"{topic}\",partition=\"{partition}\"");
            let _ = writeln!(text, "runnel_{name}{{{labels}}} {value}");
        }
    }
}
