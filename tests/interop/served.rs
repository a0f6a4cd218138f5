//! A `runnel serve` that clients' scripts are run against, and what must hold of the directory that it leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::Signal;

use crate::corpus;
use crate::support::data::{Independent, read_all_independently};
use crate::support::record::{Record, plain};
use crate::support::running::Running;
use crate::support::{Output, PATIENCE, World, root};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A group's first member does not wait for others: that makes the checks quicker and no easier.
const CONFIG: &str = "group.initial.rebalance.delay.ms=0";

/// A client: its scripts below `tests/interop`, and what they are to send through each codec.
pub(crate) struct Client<'a> {
    pub(crate) scripts: &'a [&'a str],
    pub(crate) corpus: Option<Vec<Record>>,
}

/// The server at work.
pub(crate) struct Served {
    world: World,
    server: Running,
    address: String,
}

impl Served {
    /// Starts a server on a fresh directory and waits until it answers.
    pub(crate) fn start() -> Self {
        let world = World::new();
        let file = world.path("address");
        let args = ["serve", "-l", "127.0.0.1:0", "--addr-file"];
        let mut server = world.runnel(args).args([&file]).args(["-c", CONFIG]).spawn();
        let begun = Instant::now();
        while !file.exists() {
            assert!(!server.has_ended(), "the server ended: {}", server.wait());
            assert!(begun.elapsed() < PATIENCE, "the server does not answer");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let address = fs::read_to_string(file).expect("an address").trim().to_owned();
        Self { world, server, address }
    }

    /// Runs a client's scripts beside each other, stops the server, and looks at what it left.
    pub(crate) fn run(self, client: &Client<'_>) {
        let corpus = self.world.path("corpus");
        let records = client.corpus.as_deref().unwrap_or_default();
        fs::write(&corpus, corpus::to_hex_lines(records)).expect("written");
        let started: Vec<_> =
            client.scripts.iter().map(|name| self.script(name, &corpus)).collect();
        let said: Vec<Output> = started.into_iter().map(Running::wait).collect();
        let Self { world, server, .. } = self;
        server.signal(Signal::TERM);
        let server = server.wait();
        let failed: Vec<_> = said.iter().filter(|said| said.status != 0).map(told).collect();
        assert!(failed.is_empty(), "{}\nthe server said:\n{}", failed.join("\n"), server.stderr);
        assert_eq!(server.status, 0, "a server that is asked to stop stops well: {server}");
        is_sound(&world, client.corpus.as_deref());
    }

    /// Starts one script.
    fn script(&self, name: &str, corpus: &Path) -> Running {
        let interop = root().join("tests/interop");
        let script = interop.join(name);
        let interpreter = match script.extension().and_then(|ending| ending.to_str()) {
            Some("py") => present(root().join(".venv/bin/python")),
            Some("js") => {
                present(interop.join("kafkajs/node_modules"));
                PathBuf::from("node")
            }
            _ => PathBuf::from("bash"),
        };
        let command = self.world.command(interpreter).env("PYTHONPATH", &interop);
        let command = command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.args([&script]).args([&self.address]).args([corpus]).spawn()
    }
}

/// What scripts/test installs.
fn present(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run scripts/test once", path.display());
    path
}

/// All that a script said.
fn told(said: &Output) -> String {
    format!("`{}`\n{}\n{}", said.command, said.text(), said.stderr)
}

/// Holds the directory to be one of Kafka's, and to give the same to `consume` as to a reader that is not ours.
fn is_sound(world: &World, corpus: Option<&[Record]>) {
    let verified = world.runnel(["log", "verify"]).run();
    assert_eq!(verified.text(), "", "nothing to find: {verified}");
    let found = read_all_independently(&partitions(world), &[]).expect("sound");
    for (partition, independent) in &found {
        let (topic, number) = partition.rsplit_once('-').expect("topic-partition");
        if !topic.starts_with("__") {
            is_read_alike(world, topic, number, independent);
        }
        let codec = topic.strip_prefix("codec-");
        if let Some(codec) = codec.filter(|codec| CODECS.contains(codec)) {
            // kafka-python leaves a batch as it is where the codec gains nothing, as of one small record.
            let is_known = |used: &String| [codec, "none"].contains(&used.as_str());
            let codecs = &independent.codecs;
            assert!(codecs.iter().all(is_known), "{topic}: batches of another codec: {codecs:?}");
            assert!(codecs.iter().any(|used| used == codec), "{topic}: no batch of its codec");
            let records = plain(independent.records.clone());
            assert!(corpus.is_none_or(|corpus| corpus == records), "{topic} holds what was sent");
        }
    }
    let sends_all = corpus.is_none()
        || CODECS.iter().all(|codec| found.contains_key(&format!("codec-{codec}-0")));
    assert!(sends_all, "the corpus was sent through every codec");
}

/// The partitions on disk that belong to topics.
fn partitions(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.dir().join("log")).expect("a log directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let partition = |path: &PathBuf| path.is_dir() && !path.to_string_lossy().ends_with("-delete");
    let mut partitions: Vec<_> = paths.filter(partition).collect();
    partitions.sort();
    partitions
}

/// `consume` gives what the independent reader found, from where the log starts. What was aborted is in both.
fn is_read_alike(world: &World, topic: &str, partition: &str, found: &Independent) {
    let read = world.records(&[topic, "-p", partition, "--isolation", "read-uncommitted"]);
    let kept = found.records.len().checked_sub(read.len()).expect("no record is invented");
    let cut = &found.records[kept..];
    assert!(cut == read, "{topic}-{partition}: consume and the independent reader differ");
    let all = kept == 0 || topic.contains("cut");
    assert!(all, "{topic}-{partition}: consume leaves out {kept} records");
}
