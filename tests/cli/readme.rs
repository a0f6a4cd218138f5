//! The README tells the truth: every block of it runs, here, and prints what it shows.
//!
//! In a `console` block a line that begins with `$ ` is run by bash, lines after it that begin with `> ` go on with
//! the command, and what follows is its stdout and stderr; a line `...` stands for any number of lines, and `...`
//! in a line for anything. All blocks share one directory, from top to bottom. An `sh` block must succeed; one
//! marked `sh no_run` may only name scripts of the project, and those must be there.

use std::fs;

use crate::support::{World, root};
use regex::Regex;

#[derive(Debug, PartialEq, Eq)]
struct Block {
    kind: String,
    text: String,
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        let text = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
        let text: String = text.flat_map(|line| [line, "\n"]).collect();
        blocks.push(Block { kind: kind.trim().to_owned(), text });
    }
    blocks
}

/// Commands of a console block, each with what it is to print.
fn session(text: &str) -> Vec<(String, String)> {
    let mut session: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let goes_on = session.last().is_some_and(|(_, output)| output.is_empty());
        match (line.strip_prefix("$ "), line.strip_prefix("> "), session.last_mut()) {
            (Some(command), ..) => session.push((command.to_owned(), String::new())),
            (_, Some(more), Some((command, _))) if goes_on => {
                command.push('\n');
                command.push_str(more);
            }
            (_, _, Some((_, output))) => {
                output.push_str(line);
                output.push('\n');
            }
            (_, _, None) => panic!("output before any command: {line}"),
        }
    }
    session
}

fn matches(expected: &str, got: &str) -> bool {
    let pattern = regex::escape(expected);
    let pattern = pattern.replace("\\.\\.\\.\n", "(?:.*\n)*?").replace("\\.\\.\\.", ".*");
    Regex::new(&format!("^{pattern}$")).expect("a pattern").is_match(got)
}

#[test]
fn every_block_of_the_readme_is_true() {
    let page = fs::read_to_string(root().join("README.md")).expect("a README");
    let world = World::new();
    fs::create_dir(world.path("work")).expect("made");
    let mut ran = 0;
    for block in blocks(&page) {
        match block.kind.as_str() {
            "console" => {
                for (command, expected) in session(&block.text) {
                    let script = format!("exec 2>&1\n{command}");
                    let bash = world.command("bash").args(["-c", &script]);
                    let said = bash.current_dir(&world.path("work")).run_any();
                    let got = said.text();
                    assert!(
                        matches(&expected, &got),
                        "$ {command}\nis to print:\n{expected}\nbut: {said}"
                    );
                    ran += 1;
                }
            }
            "sh" => {
                let bash = world.command("bash").args(["-ec", &block.text]);
                bash.current_dir(&world.path("work")).run();
                ran += 1;
            }
            "sh no_run" => these_scripts_exist(&block.text),
            "" | "text" | "json" => {}
            kind => panic!("a block of kind {kind:?}"),
        }
    }
    assert!(ran >= 5, "only {ran} commands were found");
}

fn these_scripts_exist(text: &str) {
    for line in text.lines().filter(|line| !line.is_empty()) {
        let word = line.split_whitespace().find(|word| word.starts_with("scripts/"));
        let Some(script) = word else {
            assert!(line.starts_with("cargo install --path ."), "not run, not a script: {line}");
            continue;
        };
        assert!(root().join(script).is_file(), "{script} is not there");
    }
}

#[test]
fn at_most_two_blocks_are_not_run() {
    let page = fs::read_to_string(root().join("README.md")).expect("a README");
    let not_run = blocks(&page).iter().filter(|block| block.kind == "sh no_run").count();
    assert!(not_run <= 2, "{not_run} blocks are marked no_run");
}

/// The checker itself: it must see blocks, sessions and differences.
#[test]
fn the_checker_sees() {
    let page = "text\n```console\n$ a\n> b\nout\n$ c\n```\n```sh no_run\nscripts/test\n```\n";
    let found = blocks(page);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].kind, "sh no_run");
    let expected = [("a\nb".to_owned(), "out\n".to_owned()), ("c".to_owned(), String::new())];
    assert_eq!(session(&found[0].text), expected);
    assert!(matches("a\n...\nz\n", "a\nb\nc\nz\n"));
    assert!(matches("a\n...\nz\n", "a\nz\n"));
    assert!(matches("t ... 3\n", "t anything 3\n"));
    assert!(!matches("a\n", "a\nb\n"));
    assert!(!matches("a.c\n", "abc\n"));
    assert!(!matches("t ... 3\n", "t \n 3\n"));
}
