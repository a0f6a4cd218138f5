//! What must not break it: full disks, read-only directories, wrong words, hostile bytes.
//!
//! Everywhere: a clear error, the status of `docs/cli.md`, nothing lost, no panic, no huge allocation.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::record::to_lines;
use crate::support::{Output, Runnel, World, record::Record};

/// Address space that is enough for any of these commands, in KiB: hostile lengths must not ask for more.
const LIMITED: &str = "ulimit -v 1500000";

fn numbers(count: usize) -> String {
    (0..count).map(|n| format!("{n} {}\n", "padding ".repeat(10))).collect()
}

/// What was stored before is still there, and what came of the failed command is a prefix.
fn nothing_lost(world: &World, before: &str, sent: &str) {
    let log = world.consume(&["t"]);
    let rest = log.strip_prefix(before).expect("what was there before is there");
    assert!(sent.starts_with(rest), "only a prefix of what was sent: {rest:.200}");
    // And the log takes records again.
    world.produce(&["t"], "again\n");
    assert_eq!(world.consume(&["t"]), format!("{log}again\n"));
    world.runnel(["log", "verify", "t"]).run();
}

/// A limit on the size of files stands for the full disk where nobody may mount one.
#[test]
fn a_file_that_cannot_grow() {
    let world = World::new();
    world.topic("t", 1, &["retention.ms=-1"]);
    world.produce(&["t"], "first\n");
    let sent = numbers(20_000);
    let limited = world.runnel(["produce", "t"]).stdin(sent.clone());
    let said = limited.after("trap '' XFSZ; ulimit -f 200").run_any();
    assert!(matches!(said.status, 1 | 4), "{said}");
    said.has_error();
    assert!(said.stdout.is_empty(), "{said}");
    nothing_lost(&world, "first\n", &sent);
}

/// Whoever may make a mount namespace (root, in CI) also fills a real file system.
#[test]
fn a_full_disk() {
    let world = World::new();
    if !rustix::process::geteuid().is_root() {
        println!("not root: `a_file_that_cannot_grow` stands in");
        return;
    }
    let sent = numbers(100_000);
    fs::write(world.path("sent"), &sent).expect("written");
    fs::create_dir(world.path("small")).expect("made");
    let script = "
        mount -t tmpfs -o size=2m,mode=0700 tmpfs small || exit 99
        export RUNNEL_DIR=$PWD/small/d
        echo first | runnel produce -q t || exit 98
        runnel produce t < sent > out 2> err; echo $? > status
        runnel consume t > during || exit 97
        head -c 4000000 < /dev/zero > small/rest 2> zero
        head -n 2000 sent | runnel produce t > out2 2> err2; echo $? > status2
        runnel topic create -q another > out3 2> err3; echo $? > status3
        rm small/rest
        runnel consume t > log || exit 96
        echo again | runnel produce -q -z gzip t; echo $? > status4
        runnel log verify t || exit 95
    ";
    let script = format!("cd {}; {script}", world.path("").display());
    world.command("unshare").args(["-m", "bash", "-c", &script]).run();
    let text = |name: &str| fs::read_to_string(world.path(name)).expect(name);
    for (status, out, err) in [("status", "out", "err"), ("status2", "out2", "err2")] {
        assert!(matches!(text(status).trim(), "1" | "4"), "{}: {}", text(status), text(err));
        assert!(text(err).contains("error: "), "{}", text(err));
        assert!(!text(err).contains("panicked"), "{}", text(err));
        assert_eq!(text(out), "");
    }
    assert!(!text("err3").contains("panicked"), "{}", text("err3"));
    let (during, log) = (text("during"), text("log"));
    let first = during.strip_prefix("first\n").expect("what was there before");
    assert!(sent.starts_with(first), "only a prefix of the first input");
    let second = log.strip_prefix(&during).expect("what was there before");
    assert!(sent.starts_with(second), "only a prefix of the second");
    assert_eq!(text("status4"), "0\n", "with room again it takes records again");
}

/// What frees space needs some itself. Each of these finds a disk on which not one block is free.
#[test]
fn a_full_disk_is_emptied() {
    if !rustix::process::geteuid().is_root() {
        println!("not root: nobody else may fill a disk of their own");
        return;
    }
    // Without the reserve, too, where segments may go before what notes it.
    let (keep, lose) = ("true", "rm small/d/run/reserve");
    let ways = [
        (keep, "log retain -q"),
        (lose, "log retain -q"),
        (keep, "topic truncate t --before end --yes -q"),
        (lose, "topic truncate t --before end --yes -q"),
        (lose, "topic truncate t --before 30000 --yes -q"),
        (keep, "topic delete t --yes -q"),
    ];
    for (reserve, way) in ways {
        let world = World::new();
        fs::write(world.path("sent"), numbers(60_000)).expect("written");
        fs::create_dir(world.path("small")).expect("made");
        let script = format!(
            "
            cd {}
            mount -t tmpfs -o size=8m,mode=0700 tmpfs small || exit 99
            export RUNNEL_DIR=$PWD/small/d
            runnel topic create -q t -c segment.bytes=1048576 -c retention.bytes=1048576 || exit 98
            runnel produce -q t < sent || exit 97
            {reserve} || exit 89
            dd if=/dev/zero of=small/rest bs=4096 2> zero
            test $(stat -f -c %f small) = 0 || exit 96
            head -n 50000 sent | runnel produce -q t 2> err && exit 95
            runnel {way} || exit 94
            test $(stat -f -c %f small) -gt 200 || exit 93
            head -n 10000 sent | runnel produce -q t || exit 92
            runnel log verify -q || exit 91
            test -s small/d/run/reserve || exit 90
            ",
            world.path("").display()
        );
        let said = world.command("unshare").args(["-m", "bash", "-c", &script]).run_any();
        assert_eq!(said.status, 0, "{reserve}, {way}: {said}");
    }
}

/// Root is bound by no mode bits, unless it gives up the capability that lifts them.
fn bound_by_modes(command: Runnel) -> Runnel {
    if rustix::process::geteuid().is_root() {
        command.under(["setpriv", "--bounding-set=-dac_override,-dac_read_search"])
    } else {
        command
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Takes or gives the right to write to everything below.
fn read_only(path: &Path, yes: bool) {
    if path.is_dir() {
        chmod(path, 0o700);
        for entry in fs::read_dir(path).expect("a directory") {
            read_only(&entry.expect("an entry").path(), yes);
        }
        chmod(path, if yes { 0o500 } else { 0o700 });
    } else {
        chmod(path, if yes { 0o400 } else { 0o600 });
    }
}

#[test]
fn a_read_only_directory_is_read_but_not_written() {
    let world = World::new();
    world.produce(&["t"], "a\nb\n");
    read_only(&world.dir(), true);
    let touch = world.command("touch").args([world.dir().join("probe")]);
    assert_ne!(bound_by_modes(touch).run_any().status, 0, "the directory is not read-only");
    let before = crate::support::data::fingerprint(&world.dir());
    bound_by_modes(world.runnel(["consume", "t"])).stdout("a\nb\n").stderr("").run();
    bound_by_modes(world.runnel(["topic", "list"])).stdout("t\n").run();
    bound_by_modes(world.runnel(["log", "verify"])).run();
    bound_by_modes(world.runnel(["produce", "t"])).stdin("c\n").fails(1);
    bound_by_modes(world.runnel(["topic", "create", "u"])).fails(1);
    bound_by_modes(world.runnel(["topic", "delete", "t", "--yes"])).fails(1);
    assert!(crate::support::data::fingerprint(&world.dir()) == before, "nothing changed");
    read_only(&world.dir(), false);
    world.runnel(["consume", "t"]).stdout("a\nb\n").run();
}

#[test]
fn a_directory_that_cannot_be_made() {
    let world = World::new();
    fs::write(world.path("file"), "x").expect("written");
    let below = world.path("file").join("data");
    let said = world.runnel(["produce", "t", "-d"]).args([&below]).stdin("a\n").fails(1);
    said.says("file");
    assert_eq!(fs::read(world.path("file")).expect("it is there"), b"x");
    world.runnel(["produce", "t", "-d"]).args([world.path("file")]).stdin("a\n").fails(1);
}

#[test]
fn reading_what_is_not_there() {
    let world = World::new();
    world.runnel(["consume", "nothing"]).fails(1).says("nothing").has_hint();
    assert!(!world.dir().exists(), "reading makes no directory");
    world.produce(&["t"], "a\n");
    for topic in ["nothing", "./nowhere", "/nonexistent/t-0", "missing.log"] {
        world.runnel(["consume", topic]).fails(1);
    }
    for command in ["describe", "delete"] {
        let mut args = vec!["topic", command, "nothing"];
        args.extend((command == "delete").then_some("--yes"));
        world.runnel(args).fails(1).says("nothing");
    }
    world.runnel(["topic", "alter", "nothing", "-c", "retention.ms=1"]).fails(1);
    world.runnel(["produce", "nothing", "--no-create"]).stdin("a\n").fails(1).has_hint();
    world.runnel(["topic", "list"]).stdout("t\n").run();
    world.runnel(["produce", "t", "no-such-file"]).fails(1).says("no-such-file");
}

/// A name that would leave the directory is refused before anything is made.
#[test]
fn names_that_are_no_topic_names() {
    let world = World::new();
    let long = "x".repeat(250);
    for name in ["a/b", "..", ".", "../t", "/etc/t", "a b", "é", "a\nb", &long, ""] {
        for args in [vec!["topic", "create", name], vec!["produce", name]] {
            let said = world.runnel(args).stdin("x\n").run_any();
            assert!(matches!(said.status, 1 | 2), "{said}");
            said.has_error();
        }
    }
    let made = fs::read_dir(world.path("")).expect("the world").map(|e| e.expect("it").file_name());
    let mut made: Vec<_> = made.filter(|name| name != "home" && name != "data").collect();
    made.sort();
    assert!(made.is_empty(), "{made:?}");
    world.runnel(["topic", "list"]).stdout("").run();
    world.topic(&"y".repeat(249), 1, &[]);
}

#[test]
fn partitions_out_of_range() {
    let world = World::new();
    world.topic("t", 3, &[]);
    for partition in ["3", "2147483647"] {
        // Before stdin is read: it stays open here, and the command must end all the same.
        let process = world.runnel(["produce", "t", "-p", partition]).spawn();
        let said = wait_with_open_stdin(process);
        assert_eq!(said.status, 1, "{said}");
        said.has_error();
        world.runnel(["consume", "t", "-p", partition]).fails(1);
    }
    for partition in ["-1", "x", "99999999999"] {
        let said = world.runnel(["produce", "t", &format!("-p={partition}")]).run_any();
        assert!(matches!(said.status, 1 | 2), "{said}");
        said.has_error();
    }
    for partitions in ["0", "-1", "x", "1000001"] {
        let said =
            world.runnel(["topic", "create", "u", &format!("--partitions={partitions}")]).run_any();
        assert!(matches!(said.status, 1 | 2), "{said}");
        said.has_error();
    }
    world.runnel(["topic", "list"]).stdout("t\n").run();
    assert_eq!(world.consume(&["t"]), "");
}

/// Its stdin is held open until its stdout has ended.
fn wait_with_open_stdin(mut process: crate::support::running::Running) -> Output {
    process.wait_for_end();
    process.wait()
}

#[test]
fn a_record_that_is_too_large_is_named_and_the_others_are_stored() {
    let world = World::new();
    world.topic("t", 1, &["max.message.bytes=10000"]);
    let large = "x".repeat(20_000);
    let input = format!("one\n{large}\nthree\n");
    let said = world.runnel(["produce", "t"]).stdin(input).status(4).run();
    said.has_error();
    assert!(said.stderr.contains('2'), "the record's number is told: {said}");
    assert!(said.stderr.len() < 2000, "the record itself is not: {said}");
    assert_eq!(world.consume(&["t"]), "one\nthree\n");
}

#[test]
fn broken_json_in_the_middle() {
    let world = World::new();
    let broken = [
        "{\"value\":\"x\"",
        "nonsense",
        "[1]",
        "\"text\"",
        "{\"value\":\"a\",\"value_b64\":\"YQ==\"}",
        "{\"value_b64\":\"***\"}",
        "{\"value\":\"x\",\"ts\":\"yesterday-ish\"}",
        "{\"value\":\"x\",\"headers\":7}",
        "{\"value\":\"x\",\"headers\":[{\"value\":\"no key\"}]}",
        "{\"value\":\"\\ud800\"}",
    ];
    let mut input = String::new();
    for (n, line) in broken.iter().enumerate() {
        input += &format!("{{\"value\":\"good {n}\"}}\n{line}\n");
    }
    input += "{\"value\":\"last\"}\n";
    let said = world.runnel(["produce", "t", "-J"]).stdin(input).status(4).run();
    said.has_error();
    for (n, line) in broken.iter().enumerate() {
        let number = (2 * n + 2).to_string();
        assert!(said.stderr.contains(&number), "record {number}, {line}, is not named: {said}");
    }
    let mut expected: String = (0..broken.len()).map(|n| format!("good {n}\n")).collect();
    expected += "last\n";
    assert_eq!(world.consume(&["t"]), expected);
}

#[test]
fn broken_frames_end_it_without_harm() {
    let world = World::new();
    world.produce(&["t"], "a\n");
    let frame = world.runnel(["consume", "t", "--frame"]).run().stdout;
    let mut huge = frame.clone();
    huge.extend([0xff; 64]);
    let mut huge_first = vec![0x7f, 0xff, 0xff, 0xff];
    huge_first.extend(&frame);
    for (what, input) in
        [("cut", frame[..frame.len() - 1].to_vec()), ("huge", huge), ("first", huge_first)]
    {
        let said = world.runnel(["produce", "u", "--frame"]).stdin(input).after(LIMITED).run_any();
        assert!(matches!(said.status, 1 | 4), "{what}: {said}");
        said.has_error();
    }
}

#[test]
fn wrong_usage_is_status_2() {
    let world = World::new();
    world.produce(&["t"], "a\n");
    for args in [
        vec!["consume"],
        vec!["nonsense"],
        vec!["consume", "t", "--nonsense"],
        vec!["consume", "t", "-o", "nonsense"],
        vec!["consume", "t", "--since", "nonsense"],
        vec!["consume", "t", "-n", "x"],
        vec!["consume", "t", "-p", "x"],
        vec!["consume", "t", "--grep", "("],
        vec!["consume", "t", "--format", "%z"],
        vec!["produce", "t", "--format", "%k%s"],
        vec!["produce", "t", "-z", "nonsense"],
        vec!["produce", "t", "--acks", "2"],
        vec!["topic", "delete", "t"],
        vec!["completions", "nonsense"],
    ] {
        let shown = args.join(" ");
        let said = world.runnel(args).run_any();
        assert_eq!(said.status, 2, "{shown}: {said}");
        said.has_error();
        assert!(said.stdout.is_empty(), "{said}");
    }
    assert_eq!(world.consume(&["t"]), "a\n");
}

#[test]
fn configs_that_are_none() {
    let world = World::new();
    for config in
        ["nonsense=1", "retention.ms=soon", "max.message.bytes=-5", "cleanup.policy=keep", "x"]
    {
        let said = world.runnel(["topic", "create", "t", "-c", config]).run_any();
        assert!(matches!(said.status, 1 | 2), "{config}: {said}");
        said.has_error();
    }
    world.runnel(["topic", "list"]).stdout("").run();
}

/// Every file of a log, each with every kind of nonsense in it.
#[test]
fn hostile_bytes_in_every_file() {
    let world = World::new();
    world.topic(
        "t",
        1,
        &["internal.segment.bytes=20000", "index.interval.bytes=500", "retention.ms=-1"],
    );
    let records: Vec<Record> = (0..2000)
        .map(|n| Record::new(1_700_000_000_000 + n, None, Some(format!("value {n}").as_bytes())))
        .collect();
    for part in records.chunks(100) {
        world.produce(&["t", "-J", "-z", "none"], to_lines(part));
    }
    let sound = world.consume(&["t", "-J"]);
    let sound: Vec<&str> = sound.lines().map(carried).collect();
    assert_eq!(sound.len(), records.len());
    let partition = world.partition("t", 0);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&partition).expect("it").map(|e| e.expect("it").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    assert!(files.len() >= 6, "several segments: {files:?}");
    let picked = files.iter().step_by(files.len().div_ceil(8));
    let indexes = files.iter().filter(|path| path.extension().is_some_and(|e| e != "log")).take(3);
    for path in picked.chain(indexes) {
        for (kind, damaged) in damage(&fs::read(path).expect("readable")) {
            let copy = World::new();
            copy.command("cp").args(["-a"]).args([world.dir(), copy.dir()]).run();
            let inside = path.strip_prefix(world.dir()).expect("below the directory");
            fs::write(copy.dir().join(inside), damaged).expect("written");
            survives(&copy, &sound, &format!("{kind} in {}", inside.display()));
        }
    }
}

fn damage(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut state = 0x1234_5678_9abc_def0u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let all_noise: Vec<u8> = (0..bytes.len().max(100)).map(|_| noise()).collect();
    let mut lengths = bytes.to_vec();
    lengths.iter_mut().skip(8).step_by(12).take(4).for_each(|byte| *byte = 0x7f);
    let mut middle = bytes.to_vec();
    let half = middle.len() / 2;
    middle.iter_mut().skip(half).take(40).for_each(|byte| *byte = noise());
    let mut tail = bytes.to_vec();
    tail.extend(&all_noise[..90]);
    vec![
        ("noise", all_noise),
        ("hostile lengths", lengths),
        ("a noisy middle", middle),
        ("a noisy tail", tail),
        ("half of it", bytes[..half].to_vec()),
        ("ones", vec![0xff; 300]),
        ("nothing", Vec::new()),
    ]
}

/// What a record carries, as its envelope has it: offsets stand outside the checksum.
fn carried(line: &str) -> &str {
    line.split_once(",\"ts\":").expect("an envelope").1
}

/// Whatever is in the files: statuses of the contract, and of the records only true ones, in order.
fn survives(world: &World, sound: &[&str], what: &str) {
    for args in [
        vec!["consume", "t", "-J"],
        vec!["consume", "t", "-J", "-o", "1500"],
        vec!["consume", "t", "-J", "--since", "1700000001000"],
        vec!["consume", "t", "-J", "-n", "5"],
    ] {
        let said = world.runnel(args).after(LIMITED).run_any();
        assert!(matches!(said.status, 0 | 1 | 5), "{what}: {said}");
        if said.status != 0 {
            said.has_error();
        }
        let got = said.text();
        let mut rest = sound.iter();
        let true_ones = got.lines().all(|line| rest.any(|record| *record == carried(line)));
        assert!(got.is_empty() || got.ends_with('\n'), "{what}: the last line is whole: {said}");
        assert!(true_ones, "{what}: a record that was never written: {said}");
    }
    let verdict = world.runnel(["log", "verify", "t"]).after(LIMITED).run_any();
    assert!(matches!(verdict.status, 0 | 1 | 5), "{what}: {verdict}");
    // A writer may go on or refuse; it must neither crash nor spoil what can be read.
    let written = world.runnel(["produce", "-q", "t"]).stdin("next\n").after(LIMITED).run_any();
    assert!(matches!(written.status, 0 | 1 | 4 | 5), "{what}: {written}");
    if written.status == 0 {
        let last = world.runnel(["consume", "t", "-n", "1"]).after(LIMITED).run_any();
        assert!(matches!(last.status, 0 | 5), "{what}: {last}");
    }
}

/// Small compressed batches that would unpack to gigabytes must not take gigabytes.
#[test]
fn a_line_without_end_is_held_to_the_record_limit() {
    let world = World::new();
    world.topic("t", 1, &["max.message.bytes=100000"]);
    let endless = world
        .command("bash")
        .args(["-c", "head -c 300000000 /dev/zero | { ulimit -v 250000; runnel produce t; }"]);
    let said = endless.run_any();
    assert!(matches!(said.status, 1 | 4), "{said}");
    said.has_error();
    world.produce(&["t"], "next\n");
    assert_eq!(world.consume(&["t"]), "next\n");
}
