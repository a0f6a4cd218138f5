// kafkajs: transactions, their readers, and offsets within them.

const assert = require('node:assert')

const { SERVER, eventually, run, same } = require('./checks')
const { createTopic, kafka, produce, withAdmin } = require('./client')

const producer = async transactionalId => {
  const made = kafka(SERVER).producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, retry: { retries: 5 } })
  await made.connect()
  return made
}

const send = (transaction, topic, ...values) =>
  transaction.send({ topic, messages: values.map(value => ({ value, partition: 0 })) })

/** What a reader of committed records, or of all, gets of a topic up to a last record. */
const values = async (topic, last, readUncommitted) => {
  const consumer = kafka(SERVER).consumer({ groupId: `reads-${topic}-${Math.random()}`, maxWaitTimeInMs: 100, readUncommitted })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void found.push(String(message.value)) })
  await eventually(() => found.includes(last), () => `${found}`)
  await consumer.disconnect()
  return found
}

async function commitsAreSeenAndAbortsAreNot() {
  await createTopic(SERVER, 'txn-ends')
  const maker = await producer('ends')
  for (const number of [0, 1, 2, 3]) {
    const transaction = await maker.transaction()
    await send(transaction, 'txn-ends', `${number} a`, `${number} b`)
    await (number % 2 ? transaction.abort() : transaction.commit())
  }
  await maker.disconnect()
  await produce(SERVER, 'txn-ends', [{ value: 'last' }])
  const all = ['0 a', '0 b', '1 a', '1 b', '2 a', '2 b', '3 a', '3 b', 'last']
  same(await values('txn-ends', 'last', true), all)
  same(await values('txn-ends', 'last', false), ['0 a', '0 b', '2 a', '2 b', 'last'])
}

async function theSecondOfAnIdFencesTheFirst() {
  await createTopic(SERVER, 'txn-fenced')
  const first = await producer('fenced')
  const old = await first.transaction()
  await send(old, 'txn-fenced', 'of the first')
  const second = await producer('fenced')
  const transaction = await second.transaction()
  await send(transaction, 'txn-fenced', 'of the second')
  await transaction.commit()
  await assert.rejects(old.commit())
  same(await values('txn-fenced', 'of the second', false), ['of the second'])
  await Promise.all([first.disconnect(), second.disconnect()])
}

async function offsetsCountWithTheirTransaction() {
  await createTopic(SERVER, 'txn-in')
  await produce(SERVER, 'txn-in', Array.from({ length: 10 }, (_, n) => ({ value: String(n) })))
  const maker = await producer('transforms')
  for (const [commits, expected] of [[false, '-1'], [true, '10']]) {
    const transaction = await maker.transaction()
    const topics = [{ topic: 'txn-in', partitions: [{ partition: 0, offset: '10' }] }]
    await transaction.sendOffsets({ consumerGroupId: 'txn-group', topics })
    await (commits ? transaction.commit() : transaction.abort())
    await withAdmin(SERVER, async admin => {
      const [found] = await admin.fetchOffsets({ groupId: 'txn-group', topics: ['txn-in'] })
      same(found.partitions.map(it => it.offset), [expected])
    })
  }
  await maker.disconnect()
}

run([commitsAreSeenAndAbortsAreNot, theSecondOfAnIdFencesTheFirst, offsetsCountWithTheirTransaction])
