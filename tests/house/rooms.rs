//! The order of the rooms: a room uses only what its row allows, read from the paths in `src`.

use crate::support::source::{self, Source};

/// Each room, and what it may use besides itself. A new room gets a row here.
const ROOMS: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("clock", &[]),
    ("protocol", &["model"]),
    ("record", &["model"]),
    ("storage", &["model"]),
    ("log", &["model", "clock", "record", "storage"]),
    ("broker", &["model", "clock", "protocol", "record", "storage", "log"]),
    ("server", &["model", "clock", "protocol", "record", "storage", "log", "broker"]),
    ("cluster", &["model", "clock", "record", "storage", "log", "broker"]),
    ("inspect", &["model", "clock", "protocol", "record", "storage", "log"]),
    ("serde", &[]),
    ("filter", &["record", "serde"]),
    ("stream", &["model"]),
    ("job", &["model", "clock", "record", "storage", "cluster", "filter", "serde", "stream"]),
    (
        "cli",
        &[
            "model", "clock", "record", "storage", "log", "broker", "server", "cluster", "inspect",
            "serde", "filter", "stream", "job",
        ],
    ),
];

#[test]
fn a_room_uses_only_rooms_below_it() {
    let found: Vec<String> = source::files(&["src"]).iter().flat_map(violations).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    for file in source::files(&["src"]) {
        let Some(room) = room_of(&file.path) else { continue };
        assert!(
            may_use(room).is_some(),
            "{}: no row for {room} in tests/house/rooms.rs",
            file.path
        );
    }
}

/// The planted violations: without them, a check that finds nothing proves nothing.
#[test]
fn the_check_catches_every_form_of_a_path() {
    let bad = [
        ("src/model/x.rs", "use crate::clock::Clock;"),
        ("src/storage.rs", "use crate::{model::Offset, log::{Segment, Roll}};"),
        ("src/storage/x.rs", "use crate :: {\n    model,\n    record::Batch,\n};"),
        ("src/log/x.rs", "fn f() { crate::broker::start(); }"),
        ("src/log/mod.rs", "use super::broker::Broker;"),
        ("src/record/a/b.rs", "use super::super::super::storage::File;"),
        ("src/inspect/x.rs", "pub(crate) use crate::cluster as c;"),
        ("src/cluster/x.rs", "#[cfg(test)] mod tests { use crate::cli::Args; }"),
        ("src/broker/x.rs", "let x = y::<crate::inspect::Finding>();"),
        ("src/log/x.rs", "use runnel::cluster::Cluster;"),
    ];
    for (path, text) in bad {
        let found = violations(&Source { path: path.to_owned(), text: text.to_owned() });
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    }
    let good = [
        ("src/log/x.rs", "use crate::{clock, record::{Batch, storage}, storage};"),
        ("src/log/x.rs", "// see crate::broker\nconst S: &str = \"crate::cli\";"),
        ("src/log/x.rs", "/// [`crate::cli`]\nuse super::broker;"),
        ("src/model/x.rs", "pub(crate) fn f() {} use crate::model::limits;"),
        ("src/bin/runnel.rs", "fn main() { runnel::cli::main(); }"),
    ];
    for (path, text) in good {
        let found = violations(&Source { path: path.to_owned(), text: text.to_owned() });
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
}

fn may_use(room: &str) -> Option<&'static [&'static str]> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, rooms)| *rooms)
}

/// The room that a file belongs to; the root of the library and the binaries belong to none.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(room, "lib" | "bin")).then_some(room)
}

fn violations(file: &Source) -> Vec<String> {
    let Some(room) = room_of(&file.path) else { return Vec::new() };
    let allowed = may_use(room).unwrap_or(&[]);
    let wrong = |used: &String| used != room && !allowed.contains(&used.as_str());
    let known = |used: &String| may_use(used).is_some();
    let code = source::code(&file.text);
    let used = used_rooms(&code, depth(&file.path)).into_iter().filter(known).filter(wrong);
    used.map(|used| format!("{}: {room} may not use {used}", file.path)).collect()
}

/// How many `super`s lead from the file's module to the root of the crate.
fn depth(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').count()
}

/// First names of the paths that start at the crate's root, one for each time they stand there.
fn used_rooms(code: &str, depth: usize) -> Vec<String> {
    let tokens: String =
        code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" :: ", "::");
    let mut used = Vec::new();
    for root in ["crate::", "runnel::", &"super::".repeat(depth)] {
        for (at, _) in tokens.match_indices(root) {
            let before = tokens[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            used.extend(first_names(tokens[at + root.len()..].trim_start()));
        }
    }
    used
}

/// `a::b` gives `a`; `{a::b, c::{d, e}}` gives `a` and `c`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}
