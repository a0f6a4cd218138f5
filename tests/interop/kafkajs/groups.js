// kafkajs: groups whose members join, leave and die, and what they commit.

const assert = require('node:assert')

const { Member, SERVER, eventually, run, same } = require('./checks')
const { createTopic, kafka, produce, withAdmin } = require('./client')

async function everyMemberGetsAShareAndEachRecordGoesToOne() {
  const topic = 'eager-topic'
  const members = []
  const sent = []
  await createTopic(SERVER, topic, 4)
  const join = () => members[members.push(new Member('eager', topic)) - 1]

  const settled = async (...shares) => {
    await eventually(() => shares.every(([member, share]) => member.has(share)), () => shares.map(([one]) => one.assignment))
    const batch = Array.from({ length: 40 }, (_, n) => ({ value: String(sent.length + n), partition: n % 4 }))
    await produce(SERVER, topic, batch)
    sent.push(...batch.map(message => message.value))
    const got = () => members.flatMap(member => member.records)
    await eventually(() => got().length >= sent.length, () => `${got().length} of ${sent.length}`)
    same(got().sort(), [...sent].sort())
  }

  const first = join()
  await settled([first, 4])
  const second = join()
  await settled([first, 2], [second, 2])
  await second.leave()
  await settled([first, 4])
  const third = join()
  await settled([first, 2], [third, 2])
  await third.die()
  await settled([first, 4])
  await first.leave()
}

async function commitsComeBackWithTheirMetadata() {
  const topic = 'commits'
  await createTopic(SERVER, topic)
  await produce(SERVER, topic, Array.from({ length: 10 }, (_, n) => ({ value: String(n) })))
  const consumer = kafka(SERVER).consumer({ groupId: 'commits', maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const offsets = []
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void offsets.push(message.offset) })
  await eventually(() => offsets.length === 10, () => `${offsets.length} of 10`)
  await consumer.commitOffsets([{ topic, partition: 0, offset: '4', metadata: "où j'en suis" }])
  await consumer.disconnect()
  await withAdmin(SERVER, async admin => {
    const [found] = await admin.fetchOffsets({ groupId: 'commits', topics: [topic] })
    same(found.partitions, [{ partition: 0, offset: '4', metadata: "où j'en suis" }])
  })
}

async function commitsComeOfThemselves() {
  const topic = 'automatic'
  await createTopic(SERVER, topic)
  await produce(SERVER, topic, Array.from({ length: 10 }, (_, n) => ({ value: String(n) })))
  const read = async expected => {
    const consumer = kafka(SERVER).consumer({ groupId: 'automatic', maxWaitTimeInMs: 100 })
    const found = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void found.push(message.value.toString()) })
    await eventually(() => found.length >= expected.length, () => `${found.length} of ${expected.length}`)
    await consumer.disconnect()
    same(found, expected)
  }
  await read(Array.from({ length: 10 }, (_, n) => String(n)))
  await produce(SERVER, topic, [{ value: 'new' }])
  await read(['new'])
}

async function aPausedTopicGivesNothingUntilItIsResumed() {
  const topic = 'pause'
  await createTopic(SERVER, topic)
  const consumer = kafka(SERVER).consumer({ groupId: 'pause', maxWaitTimeInMs: 100 })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message, pause }) => {
      found.push(message.value.toString())
      if (found.length === 1) setTimeout(pause(), 300)
    },
  })
  await produce(SERVER, topic, [{ value: '1' }])
  await eventually(() => found.length === 1, () => 'the first')
  await produce(SERVER, topic, [{ value: '2' }])
  await eventually(() => found.length === 2, () => 'the second')
  await consumer.disconnect()
  assert.deepStrictEqual(found, ['1', '2'])
}

run([
  everyMemberGetsAShareAndEachRecordGoesToOne,
  commitsComeBackWithTheirMetadata,
  commitsComeOfThemselves,
  aPausedTopicGivesNothingUntilItIsResumed,
])
