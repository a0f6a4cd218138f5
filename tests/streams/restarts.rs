//! What a task leaves is all that another one needs: the state, or nothing but the changelog.

use crate::bench::{Bench, Out};
use crate::cases::{self, Params};
use crate::golden::{self, Input};
use crate::programs::count;
use crate::random::Random;

/// How a task ends in the middle of its work.
type Ending = fn(Bench, usize) -> Bench;

/// Feeds all inputs, ending the task and going on with another one now and then; gives what came out of each.
fn run(mut bench: Bench, inputs: &[Input<'_>], seed: u64, ending: Option<Ending>) -> Vec<Vec<Out>> {
    let mut random = Random::new(seed);
    let mut out = Vec::new();
    let mut changelog = Vec::new();
    for input in inputs {
        out.push(input.feed(&mut bench));
        if random.one_in(25) {
            assert_eq!(bench.commit(), [], "without a cache nothing waits for a commit");
            if let Some(ending) = ending {
                changelog.append(&mut bench.kept.changelog);
                bench.kept.changelog.clone_from(&changelog);
                bench = ending(bench, 0);
            }
        }
    }
    out.push(bench.close());
    out
}

/// Runs all cases twice and compares what comes out: in one go, and with endings.
fn endings_make_no_difference(ending: Ending) {
    let mut compared = 0;
    for (seed, case) in (0..).zip(golden::golden()) {
        let topology = golden::topology_of(&case);
        let Some(known) = cases::case(topology, &Params(&case["params"])) else { continue };
        let inputs = golden::inputs(&case, known.judge);
        let straight = run(Bench::new(&known.topology, 0), &inputs, seed, None);
        let ended = run(Bench::new(&known.topology, 0), &inputs, seed, Some(ending));
        for (at, (ended, straight)) in ended.iter().zip(&straight).enumerate() {
            assert_eq!(ended, straight, "{}: input {at}", case["case"]);
        }
        compared += 1;
    }
    assert!(compared > 120, "{compared} cases");
}

#[test]
fn another_task_goes_on_with_the_state() {
    endings_make_no_difference(Bench::restarted);
}

#[test]
fn another_task_goes_on_with_the_changelog_alone() {
    endings_make_no_difference(Bench::restored);
}

#[test]
fn the_same_inputs_give_the_same_changelog() {
    for case in golden::golden().iter().step_by(7) {
        let topology = golden::topology_of(case);
        let Some(known) = cases::case(topology, &Params(&case["params"])) else { continue };
        let run = || {
            let mut bench = Bench::new(&known.topology, 1000);
            for input in golden::inputs(case, known.judge) {
                input.feed(&mut bench);
            }
            bench.commit();
            bench.kept.changelog
        };
        assert_eq!(run(), run(), "{}", case["case"]);
    }
}

#[test]
fn what_an_aggregate_cannot_do_is_an_error() {
    let mut out = runnel::stream::Value::default();
    let reduce = crate::programs::reduce();
    let error = reduce.subtract(&Default::default(), b"1", &mut out).expect_err("it cannot");
    assert_eq!(error.to_string(), "this aggregate cannot take a value out again");
    count().subtract(&Default::default(), b"3", &mut out).expect("it can");
    assert_eq!(out.get(), Some(&b"2"[..]));
}
