// kafkajs: how the scripts beside this one use it.

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const lz4 = require('lz4js')
const xxh32 = require('lz4js/xxh32')
const snappy = require('kafkajs-snappy')
const { ZstdCodec } = require('zstd-codec')

const { eventually } = require('./checks')

CompressionCodecs[CompressionTypes.Snappy] = snappy

/** A frame of one block. lz4js does not say that it depends on no other; Kafka takes none that does not say so. */
const lz4Frame = bytes => {
  const frame = Buffer.from(lz4.compress(bytes))
  frame[4] |= 0x20
  frame[6] = xxh32.hash(0, frame, 4, 2) >> 8
  return frame
}

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4Frame(encoder.buffer),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})

const zstd = new Promise(resolve => ZstdCodec.run(binding => resolve(new binding.Simple())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd).decompress(buffer)),
})

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const kafka = server => {
  const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 50 }
  return new Kafka({ brokers: [server], clientId: 'kafkajs', logLevel: logLevel.NOTHING, retry })
}

/** Runs what needs the admin client. */
const withAdmin = async (server, action) => {
  const admin = kafka(server).admin()
  await admin.connect()
  try {
    return await action(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Makes a topic with these configs. */
const createTopic = (server, topic, numPartitions = 1, configs = {}) =>
  withAdmin(server, admin => {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    return admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }] })
  })

/** Sends messages, to partition 0 unless they name another; what they were acknowledged with. */
const produce = async (server, topic, messages, { compression, acks, ...config } = {}) => {
  const producer = kafka(server).producer({ retry: { retries: config.idempotent ? 5 : 0 }, ...config })
  await producer.connect()
  try {
    const placed = messages.map(message => ({ partition: 0, ...message }))
    return await producer.send({ topic, messages: placed, compression, acks })
  } finally {
    await producer.disconnect()
  }
}

/** The first records of a topic, as many as asked for. */
const consume = async (server, topic, count, { seek, ...config } = {}) => {
  const consumer = kafka(server).consumer({ groupId: `reads-${topic}-${Math.random()}`, maxWaitTimeInMs: 100, ...config })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void found.push(message) })
  if (seek !== undefined) consumer.seek({ topic, partition: 0, offset: String(seek) })
  await eventually(() => found.length >= count, () => `${found.length} of ${count} records of ${topic}`)
  await consumer.disconnect()
  return found
}

module.exports = { CODECS, consume, createTopic, kafka, produce, withAdmin }
