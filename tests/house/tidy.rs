//! The rules of the house that a machine can hold. Each rule is shown a violation that it must catch.

use crate::support::source::{self, Source};

const LINES_MAX: usize = 500;

type Rule = fn(&Source) -> Vec<String>;

/// Name, rule, and where it is broken: a file and a text that it must object to.
const RULES: [(&str, Rule, &str, &str); 7] = [
    ("no file is too long", short, "src/log/a.rs", "LONG"),
    (
        "no unwrap",
        no_unwrap,
        "src/log/a.rs",
        "fn f() { x()\n.unwrap(); }\n#[cfg(test)]\nmod tests {}",
    ),
    ("unsafe has one home", unsafe_at_home, "src/log/a.rs", "// SAFETY: fine\nunsafe { x() }"),
    ("unsafe is argued for", unsafe_argued, "src/storage/a.rs", "// fine\n\nunsafe { x() }"),
    ("only cli prints", only_cli_prints, "src/log/a.rs", "fn f() { eprintln!(\"{x}\"); }"),
    (
        "only cli sees the process",
        only_cli_sees,
        "src/log/a.rs",
        "use std::env; fn f() { env::var(\"X\"); }",
    ),
    ("nothing is left for later", nothing_left, "src/log/a.rs", concat!("// TO", "DO: later")),
];

#[test]
fn the_house_is_tidy() {
    let files = source::files(&["src", "tests"]);
    assert!(files.len() > 10, "the files were found");
    let found: Vec<String> = RULES.iter().flat_map(|rule| files.iter().flat_map(rule.1)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_catches_its_violation() {
    for (name, rule, path, text) in RULES {
        let text = if text == "LONG" { "\n".repeat(LINES_MAX + 1) } else { text.to_owned() };
        let found = rule(&Source { path: path.to_owned(), text });
        assert_eq!(found.len(), 1, "{name}: {found:?}");
    }
}

#[test]
fn no_rule_objects_to_what_is_right() {
    let good = "// SAFETY: the map is\n// only read\nunsafe { x() }\nfn f<'a>(x: &'a str) { x.expect(\"'}\"); }\n\
                // .unwrap() println!\n#[cfg(test)]\nmod tests { fn t() { '{'; x.unwrap(); println!(); } }\n";
    for (name, rule, ..) in RULES {
        let found = rule(&Source { path: "src/storage/a.rs".to_owned(), text: good.to_owned() });
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    let after = format!("{good}fn g() {{ x.unwrap(); }}");
    let found = no_unwrap(&Source { path: "src/storage/a.rs".to_owned(), text: after });
    assert_eq!(found.len(), 1, "what follows the tests counts: {found:?}");
}

fn in_library(file: &Source) -> bool {
    file.path.starts_with("src/")
        && !file.path.starts_with("src/cli")
        && !file.path.starts_with("src/bin/")
}

fn told(file: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", file.path)
}

fn short(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    let what = format!("{lines} lines, at most {LINES_MAX}: split it");
    (lines > LINES_MAX).then(|| told(file, lines, &what)).into_iter().collect()
}

/// The lines of code, tests left out, that hold one of these.
fn with_any(file: &Source, words: &[&str], what: &str) -> Vec<String> {
    let code = source::without_tests(&source::code(&file.text));
    let lines = words.iter().flat_map(|word| source::lines_with(&code, word));
    lines.map(|line| told(file, line, what)).collect()
}

fn no_unwrap(file: &Source) -> Vec<String> {
    if !file.path.starts_with("src/") {
        return Vec::new();
    }
    with_any(file, &[".unwrap()"], "`unwrap`: use `?`, or `expect` with the invariant")
}

fn unsafe_at_home(file: &Source) -> Vec<String> {
    if !in_library(file) && !file.path.starts_with("src/") || file.path.starts_with("src/storage") {
        return Vec::new();
    }
    with_any(file, &["unsafe"], "`unsafe` lives below src/storage only")
}

fn unsafe_argued(file: &Source) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let argued = |line: &usize| {
        let above = lines[..line - 1].iter().rev().map(|text| text.trim());
        above.take_while(|text| text.starts_with("//")).any(|text| text.starts_with("// SAFETY:"))
    };
    let code = source::code(&file.text);
    let bare = source::lines_with(&code, "unsafe").into_iter().filter(|line| !argued(line));
    bare.map(|line| told(file, line, "`unsafe` without a `// SAFETY:` above it")).collect()
}

fn only_cli_prints(file: &Source) -> Vec<String> {
    if !in_library(file) {
        return Vec::new();
    }
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    with_any(file, &words, "only src/cli prints")
}

fn only_cli_sees(file: &Source) -> Vec<String> {
    if !in_library(file) {
        return Vec::new();
    }
    let words =
        ["process::exit", "env::var", "env::var_os", "env::args", "io::stdout", "io::stderr"];
    with_any(file, &words, "only src/cli exits, reads the environment or touches the terminal")
}

fn nothing_left(file: &Source) -> Vec<String> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!")];
    let lines = words.iter().flat_map(|word| source::lines_with(&file.text, word));
    lines.map(|line| told(file, line, "do it now or file an issue")).collect()
}
