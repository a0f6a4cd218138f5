// kafkajs: what is produced comes back, and what is refused is refused with the right error.

const assert = require('node:assert')

const { SERVER, corpus, run, same } = require('./checks')
const { CODECS, consume, createTopic, produce, withAdmin } = require('./client')

const numbered = count => Array.from({ length: count }, (_, n) => ({ key: 'k', value: String(n) }))
const values = messages => messages.map(message => message.value.toString())

/** kafkajs knows headers by name: those of one name are a list, one alone is bare. */
const byName = headers => {
  const named = {}
  for (const [name, value] of headers) {
    if (!(name in named)) named[name] = value
    else named[name] = [].concat(named[name], [value])
  }
  return named
}

const plain = ({ timestamp, key, value, headers, offset }) => ({ timestamp, key, value, headers, offset })

const codecChecks = Object.entries(CODECS).map(([codec, compression]) => {
  const check = async () => {
    const topic = `codec-${codec}`
    const records = corpus().map(record => ({ ...record, headers: byName(record.headers) }))
    await createTopic(SERVER, topic)
    const [sent] = await produce(SERVER, topic, records, { compression, acks: -1 })
    assert.strictEqual(sent.baseOffset, '0')
    const received = (await consume(SERVER, topic, records.length)).map(plain)
    same(received, records.map((record, offset) => ({ ...record, offset: String(offset) })))
  }
  Object.defineProperty(check, 'name', { value: `everyRecordComesBackThrough_${codec}` })
  return check
})

async function eachKindOfAcknowledgementStoresTheRecord() {
  for (const acks of [0, 1, -1]) {
    const topic = `acks-${acks}`
    await createTopic(SERVER, topic)
    await produce(SERVER, topic, numbered(10), { acks })
    same(values(await consume(SERVER, topic, 10)), values(numbered(10)))
  }
}

async function anIdempotentProducerStoresRecordsInOrder() {
  await createTopic(SERVER, 'idempotent')
  await produce(SERVER, 'idempotent', numbered(500), { idempotent: true, maxInFlightRequests: 1 })
  same(values(await consume(SERVER, 'idempotent', 500)), values(numbered(500)))
}

async function aTopicWithAppendTimeStampsRecordsItself() {
  await createTopic(SERVER, 'append-time', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const before = Date.now()
  const [sent] = await produce(SERVER, 'append-time', [{ value: 'v', timestamp: '1000000' }])
  const after = Date.now()
  const [received] = await consume(SERVER, 'append-time', 1)
  for (const time of [Number(sent.logAppendTime), Number(received.timestamp)]) {
    assert(before <= time && time <= after, `${before} ${time} ${after}`)
  }
}

const refused = (type, action) => assert.rejects(action, error => (error.cause ?? error).type === type || error.type === type)

async function whatATopicDoesNotTakeIsRefused() {
  await createTopic(SERVER, 'small', 1, { 'max.message.bytes': '1000' })
  await refused('MESSAGE_TOO_LARGE', () => produce(SERVER, 'small', [{ value: 'x'.repeat(2000) }]))
  await createTopic(SERVER, 'ahead', 1, { 'message.timestamp.after.max.ms': '1000' })
  const ahead = [{ value: 'v', timestamp: String(Date.now() + 100_000) }]
  await refused('INVALID_TIMESTAMP', () => produce(SERVER, 'ahead', ahead))
}

async function aConsumerSeeksAnywhere() {
  await createTopic(SERVER, 'seek')
  await produce(SERVER, 'seek', numbered(100))
  for (const offset of [0, 42, 99]) {
    const found = await consume(SERVER, 'seek', 100 - offset, { seek: offset })
    assert.strictEqual(found.at(-1).offset, '99')
    assert(found.some(message => message.offset === String(offset)), `offset ${offset}`)
  }
}

async function recordsAreFoundByTime() {
  await createTopic(SERVER, 'times')
  const base = Date.now() - 100_000
  const times = Array.from({ length: 60 }, (_, n) => base + n * 100 - (n % 3 === 2 ? 50 : 0))
  for (let n = 0; n < times.length; n += 7) {
    await produce(SERVER, 'times', times.slice(n, n + 7).map(time => ({ value: 'v', timestamp: String(time) })))
  }
  await withAdmin(SERVER, async admin => {
    for (const wanted of [base, base + 150, base + 151, times[58], times[58] + 1, Math.max(...times)]) {
      const [found] = await admin.fetchTopicOffsetsByTimestamp('times', wanted)
      assert.strictEqual(found.offset, String(times.findIndex(time => time >= wanted)), `at ${wanted}`)
    }
    const [found] = await admin.fetchTopicOffsetsByTimestamp('times', Math.max(...times) + 1)
    assert.strictEqual(found.offset, '60', 'kafkajs takes the end where no record is that late')
  })
}

async function aSmallFetchStillGivesALargeRecord() {
  await createTopic(SERVER, 'large')
  await produce(SERVER, 'large', [{ value: 'x'.repeat(900_000) }, { value: 'y' }])
  const found = await consume(SERVER, 'large', 2, { maxBytes: 1000, maxBytesPerPartition: 1000 })
  same(found.map(message => message.value.length), [900_000, 1])
}

run([
  ...codecChecks,
  eachKindOfAcknowledgementStoresTheRecord,
  anIdempotentProducerStoresRecordsInOrder,
  aTopicWithAppendTimeStampsRecordsItself,
  whatATopicDoesNotTakeIsRefused,
  aConsumerSeeksAnywhere,
  recordsAreFoundByTime,
  aSmallFetchStillGivesALargeRecord,
])
