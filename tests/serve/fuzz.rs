//! A live server under mutated requests of real clients: it closes connections, and stays up for the others.
//!
//! `RUNNEL_FUZZ_ITERATIONS` says how many requests, `RUNNEL_FUZZ_SEED` which.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::frames;
use crate::mutation::mutated;
use crate::random::Random;
use crate::support::World;
use crate::words::{batch, make_topic, produce, read_all};

const ITERATIONS: u64 = 3_000;

#[test]
fn mutated_requests_leave_it_up_and_its_records_whole() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let iterations: u64 = number("RUNNEL_FUZZ_ITERATIONS").unwrap_or(ITERATIONS);
    let seed = number("RUNNEL_FUZZ_SEED").unwrap_or(1);
    let corpus: Vec<Vec<u8>> = frames::exchanges().into_iter().map(|one| one.request).collect();
    let world = World::new();
    let server = world.serve(&["-q"]);
    let mut client = server.connect();
    make_topic(&mut client, "kept");
    produce(&mut client, "kept", -1, &batch(&["a", "b"], None));
    let mut answered = 0;
    for iteration in 0..iterations {
        let frame = mutated(&corpus, &mut Random::new(seed << 40 | iteration));
        let mut stream = TcpStream::connect(&server.address)
            .unwrap_or_else(|error| panic!("seed {seed}, before iteration {iteration}: {error}"));
        let len = u32::try_from(frame.len()).expect("fits").to_be_bytes();
        let _ = stream.write_all(&[&len[..], &frame].concat());
        // Whatever waits, for records or for the members of a group, is given up with the connection.
        let _ = stream.shutdown(Shutdown::Write);
        answered += u64::from(matches!(stream.read(&mut [0]), Ok(1)));
    }
    assert!(
        answered > iterations / 100,
        "no request is answered: the mutations don't reach the handlers"
    );
    assert_eq!(read_all(&mut server.connect(), "kept").len(), 2);
    server.stop();
    world.runnel(["log", "verify"]).stdout("").run();
}
