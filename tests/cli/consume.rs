//! `runnel consume`: which records, in which form, and when it stops.

use crate::support::World;
use crate::support::record::{Record, Stored, to_lines};
use rustix::process::Signal;

/// A topic `t` of one partition: ten records a second apart, values v0 to v9, keys k0 to k2.
fn ten() -> World {
    let world = World::new();
    world.topic("t", 1, &["retention.ms=-1"]);
    let record = |n: i64| {
        let (key, value) = (format!("k{}", n % 3), format!("v{n}"));
        let record =
            Record::new(1_700_000_000_000 + n * 1000, Some(key.as_bytes()), Some(value.as_bytes()));
        record.header("parity", Some(if n % 2 == 0 { b"even" } else { b"odd" }))
    };
    world.produce(&["t", "-J"], to_lines(&(0..10).map(record).collect::<Vec<_>>()));
    world
}

/// The numbers of the values that these arguments give: `0 1 2` for v0, v1, v2.
fn numbers(world: &World, args: &[&str]) -> String {
    let text = world.consume(&[&["t"], args].concat());
    let numbers: Vec<_> = text.lines().map(|line| line.trim_start_matches('v')).collect();
    numbers.join(" ")
}

#[test]
fn offsets_and_ranges() {
    let world = ten();
    for (range, expected) in [
        ("beginning", "0 1 2 3 4 5 6 7 8 9"),
        ("earliest", "0 1 2 3 4 5 6 7 8 9"),
        ("end", ""),
        ("latest", ""),
        ("7", "7 8 9"),
        ("-2", "8 9"),
        ("2:4", "2 3"),
        (":2", "0 1"),
        ("8:", "8 9"),
        ("-3:-1", "7 8"),
        ("2:2", ""),
        ("0:100", "0 1 2 3 4 5 6 7 8 9"),
        ("100:200", ""),
        ("@1700000007000", "7 8 9"),
        ("@1700000002:@1700000004", "2 3"),
        ("s@1700000008000", "8 9"),
        ("5:end", "5 6 7 8 9"),
    ] {
        assert_eq!(numbers(&world, &["-o", range]), expected, "-o {range}");
    }
}

#[test]
fn times() {
    let world = ten();
    for (args, expected) in [
        (vec!["--since", "1700000007000"], "7 8 9"),
        (vec!["--since", "2023-11-14T22:13:28Z"], "8 9"),
        (vec!["--since", "2023-11-14T22:13:28.001Z"], "9"),
        (vec!["--until", "1700000002"], "0 1"),
        (vec!["--since", "2023-11-14 22:13:23", "--until", "2023-11-14 22:13:25"], "3 4"),
        (vec!["--since", "1h"], ""),
        (vec!["--until", "1h"], "0 1 2 3 4 5 6 7 8 9"),
    ] {
        assert_eq!(numbers(&world, &args), expected, "{args:?}");
    }
}

#[test]
fn counts_and_tails() {
    let world = ten();
    for (args, expected) in [
        (vec!["-n", "3"], "7 8 9"),
        (vec!["-n", "0"], ""),
        (vec!["-n", "100"], "0 1 2 3 4 5 6 7 8 9"),
        (vec!["-c", "2"], "0 1"),
        (vec!["-n", "3", "-c", "2"], "7 8"),
        (vec!["-n", "2", "--key", "k0"], "6 9"),
        (vec!["-n", "2", "--grep", "[0-4]"], "3 4"),
        (vec!["-o", "2:8", "-c", "1"], "2"),
        (vec!["-e", "-o", "9"], "9"),
    ] {
        assert_eq!(numbers(&world, &args), expected, "{args:?}");
    }
}

#[test]
fn filters() {
    let world = ten();
    for (args, expected) in [
        (vec!["--key", "k1"], "1 4 7"),
        (vec!["--key", "k"], ""),
        (vec!["--grep", "[37]$"], "3 7"),
        (vec!["--header", "parity=odd"], "1 3 5 7 9"),
        (vec!["--header", "parity=odd", "--key", "k1"], "1 7"),
        (vec!["--header", "nothing=1"], ""),
    ] {
        assert_eq!(numbers(&world, &args), expected, "{args:?}");
    }
}

#[test]
fn require_makes_too_few_a_status() {
    let world = ten();
    world.runnel(["consume", "t", "--key", "k1", "--require", "3"]).run();
    let said = world.runnel(["consume", "t", "--key", "k1", "--require", "4"]).status(3).run();
    assert_eq!(said.text(), "v1\nv4\nv7\n", "what there is is printed");
}

#[test]
fn the_envelope() {
    let world = ten();
    let line = "{\"topic\":\"t\",\"partition\":0,\"offset\":3,\"ts\":1700000003000,\
                \"time\":\"2023-11-14T22:13:23.000Z\",\"key\":\"k0\",\"value\":\"v3\",\
                \"headers\":[{\"key\":\"parity\",\"value\":\"odd\"}]}\n";
    world.runnel(["consume", "t", "-J", "-o", "3:4"]).stdout(line).stderr("").run();
    world.produce(&["n", "-J"], "{\"value_b64\":\"/w==\",\"ts\":0,\"headers\":[{\"key\":\"h\",\"value_b64\":\"gA==\"},{\"key\":\"n\",\"value\":null}]}\n");
    let line = "{\"topic\":\"n\",\"partition\":0,\"offset\":0,\"ts\":0,\
                \"time\":\"1970-01-01T00:00:00.000Z\",\"key\":null,\"value_b64\":\"/w==\",\
                \"headers\":[{\"key\":\"h\",\"value_b64\":\"gA==\"},{\"key\":\"n\",\"value\":null}]}\n";
    world.runnel(["consume", "n", "-J"]).stdout(line).stderr("").run();
}

#[test]
fn json_values_in_place_of_their_text() {
    let world = World::new();
    world.produce(&["t"], "{\"a\": 1.50}\n[1]\n7\ntrue\nplain\n\"quoted\"\n");
    let text = world.consume(&["t", "--json-value"]);
    for (line, value) in text.lines().zip([
        "\"value\":{\"a\":1.50}",
        "\"value\":[1]",
        "\"value\":7",
        "\"value\":true",
        "\"value\":\"plain\"",
        "\"value\":\"\\\"quoted\\\"\"",
    ]) {
        assert!(line.replace(": ", ":").contains(value), "{value}: {line}");
    }
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn plain_forms() {
    let world = World::new();
    world.produce(&["t", "-K", ":", "-Z"], "a:1\n:2\nc:\n");
    for (args, expected) in [
        (vec![], "1\n2\n\n"),
        (vec!["-K", "\\t"], "a\t1\n\t2\nc\t\n"),
        (vec!["-K", "=", "--null-marker", "NULL"], "a=1\nNULL=2\nc=NULL\n"),
        (vec!["-0"], "1\x002\x00\x00"),
        (vec!["--raw"], "12"),
    ] {
        let args = [vec!["t"], args].concat();
        assert_eq!(world.consume(&args), expected, "{args:?}");
    }
}

#[test]
fn format_tokens() {
    let world = ten();
    for (format, expected) in [
        ("%t/%p/%o %T %k=%s\\n", "t/0/3 1700000003000 k0=v3\n"),
        ("%S %K %%\\x21", "2 2 %!"),
        ("%h{ %k=%v }\\n", " parity=odd \n"),
        ("%s{hex} %k{base64} %s{json}\\n", "7633 azA= \"v3\"\n"),
        ("%T{iso}\\n", "2023-11-14T22:13:23.000Z\n"),
        ("%T{strftime[%Y-%m-%d %H:%M:%S]}\\n", "2023-11-14 22:13:23\n"),
        ("%e\\0", "0\0"),
    ] {
        let text = world.consume(&["t", "-o", "3:4", "--format", format]);
        assert_eq!(text, expected, "{format}");
    }
    world.produce(&["n", "-J"], "{}\n");
    assert_eq!(world.consume(&["n", "--format", "%K %S\\n"]), "-1 -1\n");
}

#[test]
fn several_topics_and_patterns() {
    let world = World::new();
    world.produce(&["a.1"], "x\n");
    world.produce(&["a.2"], "y\n");
    world.produce(&["ab.1"], "z\n");
    let sorted = |args: &[&str]| {
        let text = world.consume(args);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(sorted(&["a.1", "ab.1", "--format", "%t=%s\\n"]), "a.1=x ab.1=z");
    assert_eq!(sorted(&["^a\\..*"]), "x y");
    assert_eq!(sorted(&["^a"]), "", "the whole name must match");
}

#[test]
fn partitions_and_order_by_time() {
    let world = World::new();
    world.topic("t", 4, &["retention.ms=-1"]);
    for n in 0..40 {
        let (partition, ts) =
            ((n * 7 % 4).to_string(), (1_700_000_000_000 + n * 1000i64).to_string());
        world.produce(&["t", "-p", &partition, "--ts", &ts], format!("{n}\n"));
    }
    let in_time: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(world.consume(&["t", "--order", "time"]), in_time.join("\n") + "\n");
    assert_eq!(world.consume(&["t", "-n", "3"]), "37\n38\n39\n");
    let of = |args: &[&str]| -> Vec<i64> {
        let mut seen: Vec<_> = world.records(args).iter().map(|r| r.partition).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    assert_eq!(of(&["t", "-p", "0,2-3"]), [0, 2, 3]);
    assert_eq!(of(&["t", "-p", "1"]), [1]);
    assert_eq!(world.records(&["t", "-o", "-1"]).len(), 4, "per partition");
}

#[test]
fn follow_goes_on_and_an_interrupt_ends_it() {
    let world = ten();
    let mut follower = world.runnel(["consume", "t", "-n", "2", "-f"]).spawn();
    assert_eq!(follower.line(), "v8");
    assert_eq!(follower.line(), "v9");
    for n in 10..13 {
        world.produce(&["t"], format!("v{n}\n"));
        assert_eq!(follower.line(), format!("v{n}"), "each as it comes");
    }
    follower.signal(Signal::INT);
    let said = follower.wait();
    assert_eq!(said.status, 130, "{said}");
    assert_eq!(said.text().lines().count(), 5, "{said}");
}

#[test]
fn follow_from_the_beginning_until_a_count() {
    let world = ten();
    let mut follower = world.runnel(["consume", "t", "-f", "-c", "12"]).spawn();
    for n in 0..10 {
        assert_eq!(follower.line(), format!("v{n}"));
    }
    world.produce(&["t"], "v10\nv11\nv12\n");
    let said = follower.wait();
    assert_eq!(said.status, 0, "{said}");
    assert_eq!(said.text().lines().last(), Some("v11"));
}

#[test]
fn follow_sees_new_segments() {
    let world = World::new();
    world.topic("t", 2, &["internal.segment.bytes=5000"]);
    let mut follower = world.runnel(["consume", "t", "-f", "-c", "400"]).spawn();
    follower.close_stdin();
    for n in 0..20 {
        let lines: String = (0..20).map(|m| format!("{}\n", "x".repeat(50 + n + m))).collect();
        world.produce(&["t"], lines);
    }
    let said = follower.wait();
    assert_eq!(said.status, 0, "{said}");
    assert_eq!(said.text().lines().count(), 400);
}

#[test]
fn terminate_and_time_limits() {
    let world = ten();
    let mut follower = world.runnel(["consume", "t", "-f", "-o", "9"]).spawn();
    assert_eq!(follower.line(), "v9");
    follower.signal(Signal::TERM);
    assert_eq!(follower.wait().status, 143);
    let said = world.runnel(["consume", "t", "-f", "--timeout", "200ms"]).status(124).run();
    assert_eq!(said.text().lines().count(), 10);
    let said = world.runnel(["consume", "t", "-f", "--idle", "100ms"]).run();
    assert_eq!(said.text().lines().count(), 10);
    world.runnel(["consume", "t", "--timeout", "1h"]).run();
}

#[test]
fn a_closed_pipe_is_no_error() {
    let world = World::new();
    let lines: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    world.produce(&["t"], lines);
    let script = "set -o pipefail; runnel consume t | head -n 2; echo ${PIPESTATUS[0]}";
    world.command("bash").args(["-c", script]).stdout("0\n1\n0\n").stderr("").run();
}

#[test]
fn it_stops_where_the_log_ended_when_it_began() {
    let world = World::new();
    world.produce(&["t"], "a\nb\n");
    // What it prints goes in again: it would never end if the end moved.
    let script = "runnel consume t | runnel produce -q t; runnel consume t";
    world.command("bash").args(["-c", script]).stdout("a\nb\na\nb\n").run();
}

#[test]
fn control_characters_come_through_a_pipe_as_they_are() {
    let world = World::new();
    world.produce(&["t"], "\x1b[31mred\x07\n");
    assert_eq!(world.consume(&["t"]), "\x1b[31mred\x07\n");
    let text = world.consume(&["t", "-J"]);
    assert!(!text.contains('\x1b') && !text.contains('\x07'), "JSON escapes them: {text:?}");
}

/// An index narrows the search; the answer is that of a full scan.
#[test]
fn large_logs_are_searched_rightly() {
    let world = World::new();
    world.topic(
        "t",
        1,
        &["internal.segment.bytes=100000", "index.interval.bytes=2000", "retention.ms=-1"],
    );
    // Times go back and forth, as they do.
    let ts = |n: i64| 1_700_000_000_000 + n * 100 - (n % 17) * 300;
    let record =
        |n: i64| Record::new(ts(n), None, Some(format!("{n} {}", "x".repeat(60)).as_bytes()));
    let records: Vec<_> = (0..20_000).map(record).collect();
    for part in records.chunks(2500) {
        world.produce(&["t", "-J"], to_lines(part));
    }
    for offset in [0, 1, 2499, 2500, 9999, 19_999] {
        let range = format!("{offset}:{}", offset + 2);
        let got: Vec<i64> = world.records(&["t", "-o", &range]).iter().map(|r| r.offset).collect();
        let end = (offset + 2).min(20_000);
        assert_eq!(got, (offset..end).collect::<Vec<_>>(), "-o {range}");
    }
    for n in [0, 5, 7777, 19_990] {
        let since = ts(n);
        let got: Vec<Stored> = world.records(&["t", "--since", &since.to_string()]);
        let expected = records.iter().filter(|record| record.ts >= since).count();
        assert_eq!(got.len(), expected, "--since {since}");
        assert!(got.iter().all(|stored| stored.record.ts >= since));
    }
}
