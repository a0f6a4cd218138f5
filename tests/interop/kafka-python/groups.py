"""kafka-python: groups whose members join, leave and die, static members, and what they commit."""

from checks import Member, Record, check, eventually, everybody_gets_a_share, now_ms, raises, run, same
from client import admin_at_work, consumer, create_topic, produce, spread
from kafka import OffsetAndMetadata, TopicPartition
from kafka.admin import MemberToRemove
from kafka.errors import NoError, OffsetMetadataTooLargeError, UnknownMemberIdError


@check
def a_group_rebalances():
    everybody_gets_a_share([], spread, create_topic, "eager")


@check
def a_static_member_that_comes_back_disturbs_nobody():
    create_topic("static-topic", 4)
    stays = Member("static", "static-topic", "group_instance_id=one")
    eventually(lambda: stays.has(4), "one member has all")
    restarted = Member("static", "static-topic", "group_instance_id=two")
    eventually(lambda: stays.has(2) and restarted.has(2), "two members")
    before, share = stays.assigned_times, restarted.assignment
    restarted.die()
    again = Member("static", "static-topic", "group_instance_id=two")
    eventually(lambda: again.has(2), "it has its share again")
    assert again.assignment == share, (again.assignment, share)
    assert stays.assigned_times == before, "the other one was not rebalanced"
    stays.leave()
    again.leave()


@check
def a_static_member_is_removed_by_the_admin():
    create_topic("removed-topic", 2)
    removed = Member("removed", "removed-topic", "group_instance_id=one")
    eventually(lambda: removed.has(2), "it has joined")
    removed.die()
    with admin_at_work() as admin:
        answer = admin.remove_group_members("removed", [MemberToRemove(group_instance_id="one")])
        assert [error.errno for error in answer.values()] == [0], answer
        group = admin.describe_groups(["removed"])["removed"]
        assert group["group_state"] == "Empty", group


@check
def commits_come_back_with_their_metadata():
    produce("commits", [Record(now_ms(), None, b"%d" % n, []) for n in range(10)])
    partition, other = TopicPartition("commits", 0), TopicPartition("commits", 1)
    reader = consumer("commits")
    reader.assign([partition])
    reader.commit({partition: OffsetAndMetadata(4, "où j'en suis", -1)})
    reader.close()
    reader = consumer("commits")
    found = reader.committed(partition, metadata=True)
    assert (found.offset, found.metadata) == (4, "où j'en suis"), found
    assert reader.committed(other) is None
    reader.subscribe(["commits"])
    assert [record.offset for record in reader.poll(30_000, max_records=1)[partition]] == [4]
    assert reader.position(partition) == 5
    reader.commit()
    assert reader.committed(partition) == 5
    reader.close()


@check
def metadata_that_is_too_long_is_refused():
    create_topic("long-metadata")
    reader, partition = consumer("long-metadata"), TopicPartition("long-metadata", 0)
    reader.assign([partition])
    long = {partition: OffsetAndMetadata(0, "x" * 5000, -1)}
    raises(OffsetMetadataTooLargeError, reader.commit, long)
    reader.close()


@check
def a_stranger_can_not_commit_for_a_group_at_work():
    create_topic("busy-topic")
    member = Member("busy", "busy-topic")
    eventually(lambda: member.has(1), "it has joined")
    partition = TopicPartition("busy-topic", 0)
    with admin_at_work() as admin:
        offsets = {partition: OffsetAndMetadata(1, "", -1)}
        same(list(admin.alter_group_offsets("busy", offsets).values()), [UnknownMemberIdError])
        member.leave()
        set_offsets = lambda: list(admin.alter_group_offsets("busy", offsets).values())
        eventually(lambda: set_offsets() == [NoError], "the member has left")


@check
def members_notice_new_partitions():
    create_topic("growing-topic", 1)
    member = Member("growing", "growing-topic")
    eventually(lambda: member.has(1), "it has joined")
    with admin_at_work() as admin:
        admin.create_partitions({"growing-topic": 3})
    eventually(lambda: member.has(3), "it has the new ones")
    spread("growing-topic", ["a", "b", "c"])
    eventually(lambda: len(member.records) == 3, "it reads them")
    same(sorted(member.records), ["a", "b", "c"])
    member.leave()


run()
