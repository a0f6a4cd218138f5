//! Frames of real clients and of a real broker; see `tests/data/README.md`.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A request and its answer, each a whole frame without its length.
#[derive(Debug)]
#[allow(dead_code, reason = "each test file is a crate of its own and uses its part")]
pub(crate) struct Exchange {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// A file of `tests/data`, or of what `RUNNEL_TESTDATA` names.
fn testdata(name: &str) -> PathBuf {
    let place = std::env::var_os("RUNNEL_TESTDATA").map(PathBuf::from);
    let path = place.map(|place| place.join(name)).filter(|path| path.exists());
    path.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name))
}

/// All that were captured.
pub(crate) fn exchanges() -> Vec<Exchange> {
    let text = std::fs::read_to_string(testdata("frames-kafka-4.3.0.jsonl")).expect("the frames");
    text.lines().map(exchange).collect()
}

fn exchange(line: &str) -> Exchange {
    let line: Value = serde_json::from_str(line).expect("JSON");
    let number = |name: &str| {
        let number = line[name].as_i64().expect("a number");
        i16::try_from(number).expect("of 16 bits")
    };
    Exchange {
        api_key: number("api_key"),
        api_version: number("api_version"),
        request: unhex(line["request"].as_str().expect("hex")),
        response: unhex(line["response"].as_str().expect("hex")),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
    (0..digits.len()).step_by(2).map(byte).collect()
}
