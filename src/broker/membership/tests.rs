//! Members over real locks: each a process of its own, as far as locks can tell.

use super::*;
use crate::broker::{Access, Broker, NewTopic};
use crate::clock::SystemClock;

struct Ground {
    dir: tempfile::TempDir,
    topics: Vec<TopicInfo>,
    now: Instant,
}

struct Member {
    home: Home,
    membership: Membership,
}

impl Ground {
    fn new(topics: &[(&str, i32)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let broker = Broker::new(home, Arc::new(SystemClock));
        let make = |(name, partitions): &(&str, i32)| {
            let name = TopicName::new(name).expect("a name");
            let new = NewTopic { name, partitions: *partitions, configs: BTreeMap::new() };
            broker.create_topic(&new).expect("is made")
        };
        let topics = topics.iter().map(make).collect();
        Self { dir, topics, now: Instant::now() }
    }

    fn member(&self, topics: &[usize]) -> Member {
        let home = Home::open_path(self.dir.path(), Access::Write, true, "test").expect("opens");
        let mut membership = Membership::join(&home, "g").expect("joins");
        for topic in topics {
            membership.subscribe(&self.topics[*topic]).expect("subscribes");
        }
        Member { home, membership }
    }

    /// Each looks around a few times, and gives up what it is to.
    fn settle(&mut self, members: &mut [Member]) -> Vec<usize> {
        for _ in 0..8 {
            self.now += Duration::from_millis(250);
            for member in &mut *members {
                let found = member.membership.rebalance(self.now, |_| true).expect("looks");
                let both = found.taken.iter().any(|taken| found.surplus.contains(taken));
                assert!(!both, "taken and to be given up: {found:?}");
                for partition in found.surplus {
                    assert!(member.membership.owns(&partition));
                    member.membership.give_up(&partition);
                }
            }
        }
        members.iter().map(Member::held).collect()
    }
}

impl Member {
    fn held(&self) -> usize {
        self.membership.topics.iter().map(|topic| topic.owned.len()).sum()
    }
}

#[test]
fn newcomers_get_a_share_and_the_dead_leave_theirs() {
    let mut ground = Ground::new(&[("t", 8)]);
    let mut members = vec![ground.member(&[0])];
    assert_eq!(ground.settle(&mut members), [8]);
    members.push(ground.member(&[0]));
    assert_eq!(ground.settle(&mut members), [4, 4]);
    members.push(ground.member(&[0]));
    let mut held = ground.settle(&mut members);
    held.sort_unstable();
    assert_eq!(held, [2, 3, 3]);
    // One dies: its locks go with its handle.
    drop(members.remove(0));
    assert_eq!(ground.settle(&mut members), [4, 4]);
    drop(members.remove(0));
    assert_eq!(ground.settle(&mut members), [8]);
}

#[test]
fn more_members_than_partitions_rest() {
    let mut ground = Ground::new(&[("t", 2)]);
    let mut members: Vec<_> = (0..4).map(|_| ground.member(&[0])).collect();
    let held = ground.settle(&mut members);
    assert_eq!(held.iter().sum::<usize>(), 2);
    assert!(held.iter().all(|held| *held <= 1), "{held:?}");
    assert_eq!(ground.settle(&mut members), held, "nobody moves without need");
}

#[test]
fn many_topics_of_one_partition_are_shared_too() {
    let mut ground = Ground::new(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let mut members = vec![ground.member(&[0, 1, 2, 3])];
    assert_eq!(ground.settle(&mut members), [4]);
    members.push(ground.member(&[0, 1, 2, 3]));
    assert_eq!(ground.settle(&mut members), [2, 2]);
}

/// Members need not read the same topics; no partition is left to nobody.
#[test]
fn overlapping_subscriptions_leave_nothing_alone() {
    let mut ground = Ground::new(&[("a", 4), ("b", 4)]);
    let mut members = vec![ground.member(&[0, 1]), ground.member(&[0])];
    let held = ground.settle(&mut members);
    assert_eq!(held.iter().sum::<usize>(), 8, "{held:?}");
    assert!(held[1] >= 1, "{held:?}");
}

#[test]
fn a_group_in_use_says_so() {
    let mut ground = Ground::new(&[("t", 2)]);
    let mut members = vec![ground.member(&[0])];
    ground.settle(&mut members);
    let home = Home::open_path(ground.dir.path(), Access::Write, true, "test").expect("opens");
    let topic = ground.topics[0].id;
    let partitions = |group| Unused::partitions(&home, group, topic, 0..2).expect("asks");
    assert!(Unused::group(&home, "g").expect("asks").is_none());
    assert_eq!(partitions("g").map(drop), Err(0));
    assert!(partitions("h").is_ok());
    let owners = Owners::of(&home, "g", i64::MAX).expect("looks");
    let owner = owners.owner(topic, "t", 1).expect("looks").expect("has one");
    assert_eq!(owner.map(|note| note.process), Some(std::process::id()));
    assert_eq!(owners.owner(topic, "t", 2).expect("looks"), None);
    assert!(members[0].home.locks().is_some());
    drop(members);
    assert!(Unused::group(&home, "g").expect("asks").is_some());
    assert_eq!(partitions("g").map(drop), Ok(()));
}

/// Only what is wanted is taken, and others' partitions are not waited for once it is done.
#[test]
fn what_is_done_is_not_taken_again() {
    let ground = Ground::new(&[("t", 4)]);
    let mut member = ground.member(&[0]);
    let found = member.membership.rebalance(ground.now, |it| it.partition < 2).expect("looks");
    assert_eq!((found.taken.len(), found.is_short), (2, false));
    member.membership.give_up(&found.taken[0]);
    let found = member.membership.rebalance(ground.now, |_| false).expect("looks");
    assert_eq!((found.taken.len(), found.surplus.len()), (0, 0));
}

/// Once it was both: the partition was then read without its lock.
#[test]
fn what_was_just_taken_is_not_given_up() {
    let ground = Ground::new(&[("t", 4)]);
    let [mut one, mut two, mut three] = [(); 3].map(|()| ground.member(&[0]));
    let lower = |it: &TopicPartition| it.partition < 2;
    let look = |member: &mut Member, is_wanted: &dyn Fn(&TopicPartition) -> bool| {
        member.membership.rebalance(ground.now, is_wanted).expect("looks")
    };
    assert_eq!(look(&mut one, &lower).taken.len(), 2);
    assert!(look(&mut two, &lower).is_short, "it calls");
    let found = look(&mut three, &|_| true);
    assert_eq!((found.taken.len(), found.surplus.len()), (2, 0));
    assert_eq!(look(&mut three, &|_| true).surplus.len(), 1, "it hears the call");
}
