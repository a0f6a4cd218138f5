// kafkajs: a member of a group, in a process of its own. See Member in checks.js.

const { kafka } = require('./client')

const [server, groupId, topic] = process.argv.slice(2)
const tell = event => process.stdout.write(JSON.stringify(event) + '\n')

const main = async () => {
  const session = { sessionTimeout: 6000, heartbeatInterval: 300, maxWaitTimeInMs: 100, metadataMaxAge: 300 }
  const consumer = kafka(server).consumer({ groupId, ...session })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    tell({ assignment: payload.memberAssignment[topic] ?? [] })
  })
  process.on('SIGTERM', async () => {
    await consumer.disconnect()
    process.exit(0)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }])
      tell({ record: message.value.toString() })
    },
  })
}

main()
