//! `runnel stream`: programs, joins, branches, what becomes of records that fail.

use rustix::process::Signal;

use crate::support::World;

const ATTEMPTS: &str = concat!(
    r#"{"key":"ann","value":"{\"user\":\"ann\",\"app\":1,\"ok\":true}","ts":1000}"#,
    "\n",
    r#"{"key":"bob","value":"{\"user\":\"bob\",\"app\":2,\"ok\":false}","ts":2000,"headers":[{"key":"h","value":"1"}]}"#,
    "\n",
    r#"{"key":"ann","value":"{\"user\":\"ann\",\"app\":3,\"ok\":false}","ts":3000}"#,
    "\n",
);

fn attempts() -> World {
    let world = World::new();
    world.topic("login", 1, &[]);
    world.produce(&["login", "-J"], ATTEMPTS);
    world.topic("apps", 1, &[]);
    let apps = "{\"key\":\"1\",\"value\":\"{\\\"name\\\":\\\"Mail\\\"}\",\"ts\":0}\n{\"key\":\"2\",\"value\":\"Wiki\",\"ts\":0}\n";
    world.produce(&["apps", "-J"], apps);
    world
}

fn prints(world: &World, args: &[&str], expected: &str) {
    world.runnel([&["stream"], args].concat()).stdout(expected).stderr("").run();
}

#[test]
fn results_are_none_one_or_several() {
    let world = attempts();
    let two =
        "{\"user\":\"bob\",\"app\":2,\"ok\":false}\n{\"user\":\"ann\",\"app\":3,\"ok\":false}\n";
    for (args, expected) in [
        (vec!["login", "select(.ok | not)"], two),
        (vec!["login", "select(.ok)"], "{\"user\":\"ann\",\"app\":1,\"ok\":true}\n"),
        (vec!["login", "empty"], ""),
        (vec!["login", ".user, .app"], "ann\n1\nbob\n2\nann\n3\n"),
        (vec!["login", "null", "-K", "="], "ann=\nbob=\nann=\n"),
        (vec!["login", "$offset, $ts"], "0\n1000\n1\n2000\n2\n3000\n"),
        (
            vec!["login", ".app", "--key", "$key + \"-\" + tostring", "-K", " "],
            "ann-1 1\nbob-2 2\nann-3 3\n",
        ),
        (vec!["login", ".app", "--key", "null", "-K", " "], " 1\n 2\n 3\n"),
        (vec!["login", "apps", "$topic"], "apps\napps\nlogin\nlogin\nlogin\n"),
        (vec!["apps"], "{\"name\":\"Mail\"}\nWiki\n"),
        (vec!["apps", "."], "{\"name\":\"Mail\"}\nWiki\n"),
    ] {
        prints(&world, &args, expected);
    }
}

#[test]
fn to_a_topic_with_headers_and_times() {
    let world = attempts();
    let args = [
        "stream",
        "login",
        "{user}",
        "--header",
        "n=.user",
        "--ts-from",
        ".app * 1e11",
        "--to",
        "out",
    ];
    let said = world.runnel(args).stdout("").run();
    said.says("note: without --id it starts at the beginning each time");
    let lines = world.consume(&["out", "--format", "%k %T %h{%k=%v;} %s\\n"]);
    let expected = concat!(
        "ann 100000000000 n=ann; {\"user\":\"ann\"}\n",
        "bob 200000000000 h=1;n=bob; {\"user\":\"bob\"}\n",
        "ann 300000000000 n=ann; {\"user\":\"ann\"}\n",
    );
    assert_eq!(lines, expected);
    world.runnel(args).run();
    assert_eq!(world.consume(&["out"]).lines().count(), 6, "each time from the beginning");
}

#[test]
fn branches_take_the_first_that_holds() {
    let world = attempts();
    let args = [
        "stream",
        "login",
        "--branch",
        ".user == \"bob\"=bobs",
        "--branch",
        ".ok=good",
        "--to",
        "rest",
        "-q",
    ];
    world.runnel(args).stdout("").stderr("").run();
    for (topic, app) in [("good", 1), ("bobs", 2), ("rest", 3)] {
        let text = world.consume(&[topic]);
        assert!(
            text.contains(&format!("\"app\":{app}")) && text.lines().count() == 1,
            "{topic}: {text}"
        );
    }
    world.runnel(["stream", "login", "--branch", ".ok"]).fails(2).says("JQ=TOPIC");
}

/// The whole of it: attempts to log in, with the name of the application beside, for others to read.
#[test]
fn login_attempts_get_the_name_of_their_application() {
    let world = attempts();
    let join = ["stream", "login", "--join", "apps", "--global", "--on", ".app | tostring"];
    let program = ". + {app: ($apps.name? // $apps)}";
    world.runnel([&join[..], &[program, "--to", "enriched", "-q"]].concat()).stderr("").run();
    let expected = concat!(
        "ann {\"user\":\"ann\",\"app\":\"Mail\",\"ok\":true}\n",
        "bob {\"user\":\"bob\",\"app\":\"Wiki\",\"ok\":false}\n",
    );
    assert_eq!(
        world.consume(&["enriched", "-K", " "]),
        expected,
        "who knows no application is left out"
    );
    let left = [&join[..], &["--left", "$apps"]].concat();
    prints(&world, &left[1..], "{\"name\":\"Mail\"}\nWiki\n\n");
}

#[test]
fn a_table_is_joined_as_of_the_time_of_the_record() {
    let world = attempts();
    let later = "{\"key\":\"3\",\"value\":\"later\",\"ts\":9000}\n";
    world.produce(&["apps", "-J"], later);
    let join = ["login", "--join", "apps=app", "--on", ".app | tostring", "[$key, $app]"];
    prints(&world, &join, "[\"1\",{\"name\":\"Mail\"}]\n[\"2\",\"Wiki\"]\n");
    let left = [&join[..5], &["--left", "[$key, $app]"]].concat();
    prints(&world, &left, "[\"1\",{\"name\":\"Mail\"}]\n[\"2\",\"Wiki\"]\n[\"3\",null]\n");
    let same = [
        "login",
        "--join",
        "login=again",
        "--join",
        "apps",
        "--on",
        ".app|tostring",
        "[$again.app, $apps]",
    ];
    prints(&world, &same, "[1,{\"name\":\"Mail\"}]\n[2,\"Wiki\"]\n");
}

#[test]
fn streams_meet_within_a_window() {
    let world = World::new();
    for topic in ["l", "r"] {
        world.topic(topic, 2, &[]);
    }
    let record = |key: &str, value: &str, ts: u32| {
        format!("{{\"key\":\"{key}\",\"value\":\"{value}\",\"ts\":{ts}}}\n")
    };
    world.produce(
        &["l", "-J"],
        record("a", "l1", 1000) + &record("b", "l2", 1000) + &record("a", "l3", 9000),
    );
    world.produce(
        &["r", "-J"],
        record("a", "r1", 1500) + &record("a", "r2", 2500) + &record("c", "r3", 1000),
    );
    let args = |more: &[&'static str]| {
        [&["l", "--join-stream", "r", "--within", "1s"], more, &["[., $r]"]].concat()
    };
    prints(&world, &args(&[]), "[\"l1\",\"r1\"]\n");
    let lines = |more| {
        let text = world.runnel([&["stream"], &args(more)[..]].concat()).stderr("").run().text();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&["--left"]), ["[\"l1\",\"r1\"]", "[\"l2\",null]", "[\"l3\",null]"]);
    let outer =
        ["[\"l1\",\"r1\"]", "[\"l2\",null]", "[\"l3\",null]", "[null,\"r2\"]", "[null,\"r3\"]"];
    assert_eq!(lines(&["--outer"]), outer);
    let same =
        ["l", "--join-stream", "l=again", "--within", "0ms", "[., $again]", "--on-error", "skip"];
    prints(&world, &same, "[\"l1\",\"l1\"]\n[\"l2\",\"l2\"]\n[\"l3\",\"l3\"]\n");
}

#[test]
fn records_that_fail() {
    let world = attempts();
    let bad = "{\"key\":\"bad\",\"value\":\"no JSON\",\"ts\":7,\"headers\":[{\"key\":\"x\",\"value\":null}]}\n";
    world.produce(&["login", "-J"], bad);
    let args = ["stream", "login", ".app + 1"];
    let said = world.runnel(args).stdout("2\n3\n4\n").status(1).run();
    said.says("cannot process login-0 offset 3: JQ: cannot index \"no JSON\"").has_hint();
    let with = |what: &'static str| world.runnel([&args[..], &["--on-error", what]].concat());
    let said = with("skip").stdout("2\n3\n4\n").status(4).run();
    said.says("summary: 4 records in, 3 records out, 1 failed").says("login-0 offset 3");
    with("dead-letter=dead").stdout("2\n3\n4\n").status(4).run();
    let dead = world.runnel(["consume", "dead", "-J"]).run().text();
    let headers = concat!(
        r#""headers":[{"key":"x","value":null},{"key":"runnel.error","value":"JQ: cannot index \"no JSON\" with \"app\""},"#,
        r#"{"key":"runnel.topic","value":"login"},{"key":"runnel.partition","value":"0"},{"key":"runnel.offset","value":"3"}]"#,
    );
    assert!(dead.contains(headers), "{dead}");
    assert!(
        dead.contains(r#""ts":7,"#) && dead.contains(r#""key":"bad","value":"no JSON""#),
        "{dead}"
    );
    with("dead-letter").fails(2);
}

#[test]
fn wrong_usage() {
    let world = attempts();
    let fails = |args: &[&str], status, says: &str| {
        world.runnel([&["stream"], args].concat()).stdout("").fails(status).says(says);
    };
    fails(&["login", ".x ="], 2, "cannot compile JQ");
    fails(&["login", "--key", "$none"], 2, "cannot compile --key");
    fails(&["nothing"], 1, "no topic named nothing");
    fails(&["login", "--join", "nothing"], 1, "no topic named nothing");
    fails(&["login", "--on", ".app"], 2, "--on stands behind the join");
    fails(&["login", "--join", "apps", "--join", "apps"], 2, "$apps would be two things");
    fails(&["login", "--join", "apps=key"], 2, "$key would be two things");
    fails(&["login", "--join", "apps=a-b"], 2, "alias");
    fails(&["login", "--join", "apps", "--global"], 2, "--global needs --on");
    fails(&["login", "--join", "apps", "--outer"], 2, "--outer is for --join-stream");
    fails(&["login", "--join", "apps", "--within", "1s"], 2, "--within is for --join-stream");
    fails(&["login", "--join-stream", "apps"], 2, "needs --within");
    for (time, says) in [
        ("1e30", "\"1e30\", which is no time"),
        ("null", "null or nothing"),
        ("empty", "null or nothing"),
    ] {
        fails(&["login", "--ts-from", time], 1, says);
    }
    fails(&["login", "--on-error", "ignore"], 2, "fail, skip or dead-letter=TOPIC");
    fails(&["login", "--value-serde", "text"], 2, "the serdes are");
    let nowhere = World::new();
    nowhere.runnel(["stream", "t", "--to", "u"]).fails(1);
    assert!(!nowhere.dir().exists(), "what can't be read makes nothing");
}

#[test]
fn serdes_read_and_write() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t", "--key-serde", "int", "--value-serde", "long", "-K", "="], "7=5\n");
    let args = ["stream", "t", ". * 2", "--key", "$key + 1", "--to", "u", "-q"];
    let serdes = ["--key-serde", "int:long", "--value-serde", "long:double"];
    world.runnel([&args[..], &serdes[..]].concat()).stderr("").run();
    let consume = ["u", "-K", "=", "--key-serde", "long", "--value-serde", "double"];
    assert_eq!(world.consume(&consume), "8=10.0\n");
}

#[test]
fn a_follower_goes_on_and_stops_when_told() {
    let world = attempts();
    let running = world.runnel(["stream", "login", ".app", "-f", "--to", "out", "-q"]).spawn();
    world.until_consume_prints("out", "1\n2\n3\n");
    world.produce(&["login"], "{\"app\":4}\n");
    world.until_consume_prints("out", "1\n2\n3\n4\n");
    running.signal(Signal::TERM);
    let said = running.wait();
    assert_eq!(said.status, 143, "{said}");
    world.runnel(["stream", "login", ".app", "-f", "--idle", "50ms"]).stdout("1\n2\n3\n4\n").run();
}

/// A topic gets more partitions while a stream follows it.
#[test]
fn partitions_that_come_later_are_read() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.produce(&["in"], "1\n");
    let streams = [&[][..], &["--id", "named"][..]].map(|more| {
        let mut running = world.runnel([&["stream", "in", "-f"], more].concat()).spawn();
        assert_eq!(running.line(), "1");
        running
    });
    world.runnel(["topic", "alter", "in", "--partitions", "2", "-q"]).run();
    world.produce(&["in", "-p", "1"], "2\n");
    for mut running in streams {
        assert_eq!(running.line(), "2");
    }
}

#[test]
fn a_stream_with_a_name_goes_on_where_it_stood() {
    let world = attempts();
    let args = ["stream", "login", ".app", "--id", "apps-seen", "--to", "out", "-q"];
    world.runnel(args).stderr("").run();
    world.runnel(args).stderr("").run();
    assert_eq!(world.consume(&["out"]), "1\n2\n3\n");
    world.produce(&["login"], "{\"app\":4}\n");
    world.runnel(args).stderr("").run();
    assert_eq!(world.consume(&["out"]), "1\n2\n3\n4\n");
    world.runnel(["group", "lag", "apps-seen", "--max-lag", "0"]).run();
    let other = ["stream", "login", ".user", "--id", "apps-seen", "--to", "out"];
    world.runnel(other).fails(2).says("other than it was: program").has_hint();
    world.runnel(["table", "create", "apps-seen", "--from", "login", "--agg", "count"]).fails(1);
    // All that it keeps are the offsets of its group.
    assert!(!world.dir().join("state/jobs").exists());
    world.runnel(["group", "set", "apps-seen", "login", "--to", "3", "--yes"]).run();
    world.runnel(args).stderr("").run();
    assert_eq!(world.consume(&["out"]), "1\n2\n3\n4\n4\n");
    world.produce(&["login"], "{\"app\":5}\n{\"app\":{}\n");
    world.runnel(args).fails(1).says("login-0 offset 5");
    world.runnel([&args[..], &["--on-error", "skip"]].concat()).status(4).run();
    assert_eq!(world.consume(&["out"]), "1\n2\n3\n4\n4\n5\n");
    for circle in [&["--to", "login"][..], &["--on-error", "dead-letter=login"]] {
        world.runnel([&["stream", "login"], circle].concat()).fails(2).says("comes back");
    }
    let at_least = ["stream", "login", ".app", "--id", "often", "--to", "seen", "-q"];
    let at_least =
        [&at_least[..], &["--guarantee", "at-least-once", "--on-error", "skip"]].concat();
    world.runnel(&at_least).status(4).run();
    world.runnel(&at_least).run();
    assert_eq!(world.consume(&["seen"]), "1\n2\n3\n4\n5\n");
    let own = ["stream", "login", "--id", "new", "--to", "new"];
    world.runnel(own).fails(2).says("results cannot go to new").has_hint();
    world.runnel(["stream", "login", "--id", "login"]).fails(1).says("login is a topic").has_hint();
    world.runnel(["stream", "login", "--guarantee", "exactly-once"]).fails(2).says("needs --id");
    world.runnel(["stream", "--drop", "apps-seen"]).stderr("").run();
    world.runnel(["stream", "--drop", "apps-seen"]).fails(1).says("no stream named apps-seen");
    world.runnel([&other[..], &["--on-error", "skip"]].concat()).status(4).run();
    let printed = ["stream", "login", ".app", "--id", "printed", "-q"];
    world
        .runnel([&printed[..], &["--on-error", "skip"]].concat())
        .stdout("1\n2\n3\n4\n5\n")
        .status(4)
        .run();
    world.runnel(printed).stdout("").run();
}

#[test]
fn windows_stay_open_from_one_run_to_the_next() {
    let world = World::new();
    for topic in ["l", "r"] {
        world.topic(topic, 1, &[]);
    }
    let args = [
        "stream",
        "l",
        "--join-stream",
        "r",
        "--within",
        "1m",
        "--left",
        "[., $r]",
        "--id",
        "j",
        "-q",
    ];
    let record =
        |value: &str, ts: u32| format!("{{\"key\":\"k\",\"value\":\"{value}\",\"ts\":{ts}}}\n");
    world.produce(&["l", "-J"], record("l1", 1000));
    world.runnel(args).stdout("").run();
    world.produce(&["r", "-J"], record("r1", 2000));
    world.runnel(args).stdout("[\"l1\",\"r1\"]\n").run();
    world.produce(&["l", "-J"], record("l2", 90_000));
    world.runnel(args).stdout("").run();
    world.runnel([&args[..], &["--close"]].concat()).stdout("[\"l2\",null]\n").run();
}

#[test]
fn values_go_through_a_command() {
    let world = attempts();
    let upper = "while read -r line; do echo \"$line\" | tr a-z A-Z; done";
    prints(&world, &["login", ".user", "--exec", upper, "-K", "="], "ann=ANN\nbob=BOB\nann=ANN\n");
    let args = ["stream", "login", ".user", "--exec", "read -r x; echo $x; read -r x; exit 7"];
    world.runnel(args).stdout("ann\n").status(1).run().says("the command ended (exit status: 7)");
    let skip = [&args[..], &["--on-error", "skip"]].concat();
    world.runnel(skip).stdout("ann\nann\n").status(4).run();
}

/// Each of many records fails, and each time what was done before it is kept: it does not begin again and again.
#[test]
fn results_that_a_topic_refuses_are_left_out_one_by_one() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.topic("small", 1, &["max.message.bytes=100"]);
    let long = "x".repeat(200);
    let lines: String = (0..400).map(|n| format!("{n}\n\"{long}\"\n")).collect();
    world.produce(&["in"], lines);
    for (id, program) in [("once", "."), ("twice", "., .")] {
        let args = ["stream", "in", program, "--to", "small", "--id", id, "--on-error", "skip"];
        let said = world.runnel(args).status(4).run();
        let count = if id == "once" { "400" } else { "800" };
        said.says(&format!("summary: 800 records in, {count} records out, 400 failed"));
        said.says("390 more records failed");
    }
    let mixed = ["stream", "in", "1, .", "--to", "small", "--id", "mixed", "--on-error", "skip"];
    let said = world.runnel(mixed).status(4).run();
    said.says("summary: 800 records in, 800 records out, 400 failed");
    assert_eq!(world.consume(&["small"]).lines().count(), 400 + 800 + 800);
}

/// A command that hangs does not keep a signal from stopping the run, and the value in hand is taken up by the next one.
#[test]
fn a_command_that_hangs_is_interrupted() {
    let world = attempts();
    let hung = world.path("hung");
    let file = hung.display();
    let command = format!(
        "[ -e {file} ] && exec cat; read -r line; echo \"$line\"; read -r line; touch {file}; sleep 600"
    );
    let args = [
        "stream",
        "login",
        ".app",
        "--exec",
        &command,
        "--id",
        "slow",
        "--to",
        "out",
        "--on-error",
        "skip",
        "-q",
    ];
    let running = world.runnel(args).spawn();
    while !hung.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.signal(Signal::TERM);
    let said = running.wait();
    assert_eq!(said.status, 143, "{said}");
    assert_eq!(world.consume(&["out"]), "1\n");
    world.runnel(args).run();
    assert_eq!(world.consume(&["out"]), "1\n2\n3\n");
}

#[test]
fn a_stream_beside_a_named_table() {
    let world = attempts();
    let args = ["table", "create", "per-user", "--from", "login", "--agg", "count"];
    world.runnel(args).run();
    let join = ["login", "--join", "per-user=n", "[$offset, $n]"];
    prints(&world, &join, "[0,1]\n[1,1]\n[2,2]\n");
}
