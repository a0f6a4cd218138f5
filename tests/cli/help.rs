//! Help, man pages and completions: one declaration of each flag, and what is checked in is what it generates.

use std::fs;
use std::path::PathBuf;

use crate::support::{World, root};

#[test]
fn help_and_version() {
    let world = World::new();
    let version = format!("runnel {}\n", env!("CARGO_PKG_VERSION"));
    world.runnel(["--version"]).stdout(version).stderr("").run();
    for args in [
        vec!["--help"],
        vec!["topic", "--help"],
        vec!["topic", "create", "--help"],
        vec!["produce", "--help"],
        vec!["consume", "--help"],
        vec!["log", "verify", "--help"],
    ] {
        let said = world.runnel(args).stderr("").run().text();
        assert!(said.contains("Usage:"), "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 120), "a line is too wide: {said}");
    }
    assert!(!world.dir().exists(), "help makes no directory");
}

#[test]
fn no_command_is_wrong_usage_and_shows_the_way() {
    let world = World::new();
    let said = world.runnel([""; 0]).status(2).run();
    assert!(said.stdout.is_empty() && said.stderr.contains("Usage:"), "{said}");
}

/// Every command below one, as the words that call it.
fn commands_below(command: &clap::Command, path: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![path.to_vec()];
    for below in command.get_subcommands() {
        let path: Vec<_> = path.iter().cloned().chain([below.get_name().to_owned()]).collect();
        all.extend(commands_below(below, &path));
    }
    all
}

#[test]
fn the_man_pages_are_the_ones_checked_in() {
    let world = World::new();
    let mut expected = Vec::new();
    for path in commands_below(&runnel::cli::command(), &[]) {
        let name = ["runnel".to_owned()].iter().chain(&path).cloned().collect::<Vec<_>>().join("-");
        let page = world.runnel(["man"]).args(&path).stderr("").run().text();
        assert!(page.contains(".TH"), "roff: {page:.200}");
        let checked_in = fs::read_to_string(root().join(format!("man/{name}.1")));
        assert!(checked_in.unwrap_or_default() == page, "man/{name}.1 is stale: run `just man`");
        expected.push(format!("{name}.1"));
    }
    let pages = fs::read_dir(root().join("man")).expect("the pages");
    let mut found: Vec<_> =
        pages.map(|page| page.expect("one").file_name().into_string().expect("UTF-8")).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "a page for each command, and no other");
}

#[test]
fn the_completions_are_the_ones_checked_in() {
    let world = World::new();
    for (shell, file) in [("bash", "runnel.bash"), ("zsh", "_runnel"), ("fish", "runnel.fish")] {
        let script = world.runnel(["completions", shell]).stderr("").run().text();
        let path: PathBuf = root().join("completions").join(file);
        let checked_in = fs::read_to_string(&path).unwrap_or_default();
        assert!(script == checked_in, "completions/{file} is stale: run `just man`");
        assert!(script.contains("produce"), "{shell}");
    }
}

#[test]
fn bash_takes_its_completions() {
    let world = World::new();
    let script = "source <(runnel completions bash) && complete -p runnel";
    let said = world.command("bash").args(["-c", script]).stderr("").run().text();
    assert!(said.contains("runnel"), "{said}");
}
