//! Log directories that a real Apache Kafka broker wrote, what they hold, and the reader that is not ours.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use super::record::{Record, Stored};
use super::{World, root};

/// The partitions of the test data without transactions.
pub(crate) const PARTITIONS: [&str; 8] = [
    "codec-none-0",
    "codec-gzip-0",
    "codec-snappy-0",
    "codec-lz4-0",
    "codec-zstd-0",
    "segments-0",
    "logappend-0",
    "compacted-0",
];

/// Those with transactions, each of committed and of aborted ones.
pub(crate) const TRANSACTIONAL: [&str; 2] = ["tx-0", "tx-1"];

/// `tests/data`, or what `RUNNEL_TESTDATA` names.
fn testdata(name: &str) -> PathBuf {
    let place = std::env::var_os("RUNNEL_TESTDATA");
    let place = place.map_or_else(|| root().join("tests/data"), PathBuf::from);
    let path = place.join("kafka-4.3.0").join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// One file of the broker's directory, `clean` or `unclean`, straight from the archive.
pub(crate) fn broker_file(kind: &str, path: &str) -> Vec<u8> {
    let tar = testdata(&format!("{kind}.tar.xz"));
    let member = format!("{kind}/{path}");
    let out = Command::new("tar").arg("-xJOf").arg(tar).arg(&member).output().expect("tar runs");
    assert!(out.status.success(), "{member}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Unpacks the broker's directory, `clean` or `unclean`, into the world.
pub(crate) fn unpack(world: &World, kind: &str) -> PathBuf {
    let tar = testdata(&format!("{kind}.tar.xz"));
    world.command("tar").args(["-xJf"]).args([tar]).run();
    world.path(kind)
}

/// What a consumer of the broker got, by partition.
pub(crate) fn expected() -> &'static BTreeMap<String, Vec<Stored>> {
    static EXPECTED: LazyLock<BTreeMap<String, Vec<Stored>>> = LazyLock::new(read_expected);
    &EXPECTED
}

fn read_expected() -> BTreeMap<String, Vec<Stored>> {
    let out = Command::new("xz").arg("-dc").arg(testdata("expected.json.xz")).output();
    let all: Value = serde_json::from_slice(&out.expect("xz runs").stdout).expect("JSON");
    let partition = |(name, list): (&String, &Value)| {
        let (topic, number) = name.rsplit_once('-').expect("topic-partition");
        let number = number.parse().expect("a number");
        let one = |item: &Value| stored(topic, number, item);
        (name.clone(), list.as_array().expect("a list").iter().map(one).collect())
    };
    all.as_object().expect("an object").iter().map(partition).collect()
}

fn stored(topic: &str, partition: i64, item: &Value) -> Stored {
    let record = Record {
        ts: item[1].as_i64().expect("a timestamp"),
        key: unhex(&item[2]),
        value: unhex(&item[3]),
        headers: headers(&item[4]),
    };
    let offset = item[0].as_i64().expect("an offset");
    Stored { topic: topic.to_owned(), partition, offset, record }
}

fn headers(list: &Value) -> Vec<(String, Option<Vec<u8>>)> {
    let header = |pair: &Value| (pair[0].as_str().expect("a name").to_owned(), unhex(&pair[1]));
    list.as_array().expect("a list").iter().map(header).collect()
}

fn unhex(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
    Some((0..digits.len()).step_by(2).map(byte).collect())
}

/// What `tests/segment_reader.py` found in a partition directory.
#[derive(Default)]
pub(crate) struct Independent {
    pub(crate) records: Vec<Stored>,
    pub(crate) codecs: Vec<String>,
}

/// Reads a partition with kafka-python's classes; `Err` is what that reader complains about.
pub(crate) fn read_independently(partition: &Path, flags: &[&str]) -> Result<Independent, String> {
    let all = read_all_independently(&[partition.to_owned()], flags)?;
    Ok(all.into_values().next().expect("one partition was read"))
}

/// Reads several in one go, by their names: starting that reader takes longer than reading.
pub(crate) fn read_all_independently(
    partitions: &[PathBuf],
    flags: &[&str],
) -> Result<BTreeMap<String, Independent>, String> {
    let python = root().join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test once", python.display());
    let script = root().join("tests/segment_reader.py");
    let out = Command::new(python).arg(script).args(flags).args(partitions).output().expect("runs");
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned());
    }
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut all: BTreeMap<_, _> =
        partitions.iter().map(|path| (name(path), Independent::default())).collect();
    for line in String::from_utf8(out.stdout).expect("UTF-8").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["control"] == Value::Bool(true) {
            continue;
        }
        let name = line["name"].as_str().expect("a partition's name");
        let (topic, partition) = name.rsplit_once('-').expect("topic-partition");
        let independent = all.get_mut(name).expect("a partition that was asked for");
        independent.codecs.push(line["codec"].as_str().expect("a codec").to_owned());
        independent.records.push(Stored {
            topic: topic.to_owned(),
            partition: partition.parse().expect("a number"),
            offset: line["offset"].as_i64().expect("an offset"),
            record: Record {
                ts: line["ts"].as_i64().expect("a timestamp"),
                key: unhex(&line["key"]),
                value: unhex(&line["value"]),
                headers: headers(&line["headers"]),
            },
        });
    }
    Ok(all)
}

/// Everything below a directory: size, mode, times of change, and a checksum of the bytes.
pub(crate) fn fingerprint(path: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).expect("it is there");
        let mut line = format!("{:o} {}.{}", meta.mode(), meta.mtime(), meta.mtime_nsec());
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).expect("a directory").map(|e| e.expect("it").path()));
        } else {
            line += &format!(" {} {:08x}", meta.len(), checksum(&path).expect("readable"));
        }
        all.insert(path, line);
    }
    all
}

fn checksum(path: &Path) -> io::Result<u32> {
    let (mut file, mut buffer, mut crc) = (File::open(path)?, vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(crc),
            read => crc = crc32c::crc32c_append(crc, &buffer[..read]),
        }
    }
}
