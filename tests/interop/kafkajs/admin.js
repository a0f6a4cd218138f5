// kafkajs: every call of its admin client that a single node without security answers.

const assert = require('node:assert')
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ConfigResourceTypes, ResourcePatternTypes } = require('kafkajs')

const { Member, SERVER, eventually, run, same } = require('./checks')
const { createTopic, produce, withAdmin } = require('./client')

const numbered = count => Array.from({ length: count }, (_, n) => ({ value: String(n) }))

/** A check that is given an admin client. */
const check = action => {
  const checked = () => withAdmin(SERVER, action)
  Object.defineProperty(checked, 'name', { value: action.name })
  return checked
}

const isType = type => error => {
  const all = [error, error.cause, ...(error.errors ?? []), ...(error.groups ?? []).map(group => group.error)]
  assert(all.some(one => one?.type === type), `${type} is not ${error.stack}`)
  return true
}

async function topicsAreCreatedDescribedAndDeleted(admin) {
  const made = await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 3 }], waitForLeaders: true })
  assert.strictEqual(made, true)
  assert((await admin.listTopics()).includes('made'))
  const { topics } = await admin.fetchTopicMetadata({ topics: ['made'] })
  same(topics[0].partitions.map(one => one.partitionId).sort(), [0, 1, 2])
  for (const { leader, replicas, isr } of topics[0].partitions) same([replicas, isr], [[leader], [leader]])
  assert.strictEqual(await admin.createTopics({ topics: [{ topic: 'made' }] }), false, 'it is there already')
  await admin.deleteTopics({ topics: ['made'] })
  assert(!(await admin.listTopics()).includes('made'))
}

async function topicsThatCanNotBeAreRefused(admin) {
  const create = topic => () => admin.createTopics({ topics: [topic] })
  await assert.rejects(create({ topic: 'no/slash' }), isType('INVALID_TOPIC_EXCEPTION'))
  await assert.rejects(create({ topic: 'none', numPartitions: 0 }), isType('INVALID_PARTITIONS'))
  const configEntries = [{ name: 'retention.ms', value: 'soon' }]
  await assert.rejects(create({ topic: 'soon', configEntries }), isType('INVALID_CONFIG'))
  const validateOnly = { topics: [{ topic: 'validated' }], validateOnly: true, waitForLeaders: false }
  assert.strictEqual(await admin.createTopics(validateOnly), true)
  assert(!(await admin.listTopics()).includes('validated'))
}

async function partitionsAreAdded(admin) {
  await createTopic(SERVER, 'grows', 1)
  await admin.createPartitions({ topicPartitions: [{ topic: 'grows', count: 4 }] })
  const { topics } = await admin.fetchTopicMetadata({ topics: ['grows'] })
  assert.strictEqual(topics[0].partitions.length, 4)
  const fewer = () => admin.createPartitions({ topicPartitions: [{ topic: 'grows', count: 2 }] })
  await assert.rejects(fewer, isType('INVALID_PARTITIONS'))
}

async function configsAreDescribedAndAltered(admin) {
  await createTopic(SERVER, 'configured', 1, { 'retention.ms': '1000000' })
  const resource = { type: ConfigResourceTypes.TOPIC, name: 'configured' }
  const configs = async () => {
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: true })
    return Object.fromEntries(resources[0].configEntries.map(entry => [entry.configName, entry.configValue]))
  }
  const before = await configs()
  same([before['retention.ms'], before['cleanup.policy']], ['1000000', 'delete'])
  assert(Object.keys(before).length > 25, 'every key, set or not')
  const configEntries = [{ name: 'segment.bytes', value: '3000000' }]
  await admin.alterConfigs({ resources: [{ ...resource, configEntries }] })
  const after = await configs()
  same([after['segment.bytes'], after['retention.ms']], ['3000000', '604800000'])
  const wrong = [{ ...resource, configEntries: [{ name: 'retention.ms', value: 'soon' }] }]
  await assert.rejects(() => admin.alterConfigs({ resources: wrong }), isType('INVALID_CONFIG'))
}

async function theBeginningOfAPartitionIsDeleted(admin) {
  await createTopic(SERVER, 'cut')
  await produce(SERVER, 'cut', numbered(10))
  same(await admin.fetchTopicOffsets('cut'), [{ partition: 0, offset: '10', high: '10', low: '0' }])
  await admin.deleteTopicRecords({ topic: 'cut', partitions: [{ partition: 0, offset: '4' }] })
  same(await admin.fetchTopicOffsets('cut'), [{ partition: 0, offset: '10', high: '10', low: '4' }])
  await admin.deleteTopicRecords({ topic: 'cut', partitions: [{ partition: 0, offset: '-1' }] })
  same(await admin.fetchTopicOffsets('cut'), [{ partition: 0, offset: '10', high: '10', low: '10' }])
}

async function theClusterIsDescribed(admin) {
  const { brokers, controller, clusterId } = await admin.describeCluster()
  same(brokers.map(broker => broker.nodeId), [controller])
  assert.strictEqual(`${brokers[0].host}:${brokers[0].port}`, SERVER)
  assert.strictEqual(clusterId.length, 22)
}

async function groupsAreListedDescribedAndDeleted(admin) {
  await createTopic(SERVER, 'seen-topic')
  const member = new Member('seen', 'seen-topic')
  await eventually(() => member.has(1), () => 'it has joined')
  const { groups: listed } = await admin.listGroups()
  assert(listed.some(group => group.groupId === 'seen' && group.protocolType === 'consumer'))
  const { groups: described } = await admin.describeGroups(['seen'])
  same([described[0].state, described[0].members.length], ['Stable', 1])
  assert.match(described[0].members[0].clientHost, /127\.0\.0\.1/)
  await assert.rejects(() => admin.deleteGroups(['seen']), isType('NON_EMPTY_GROUP'))
  await member.leave()
  assert.strictEqual((await admin.describeGroups(['seen'])).groups[0].state, 'Empty')
  await admin.deleteGroups(['seen'])
  assert(!(await admin.listGroups()).groups.some(group => group.groupId === 'seen'))
}

async function offsetsOfAGroupAreSetAndReset(admin) {
  await createTopic(SERVER, 'offsets-topic')
  await produce(SERVER, 'offsets-topic', numbered(10))
  const offset = async () => {
    const [found] = await admin.fetchOffsets({ groupId: 'offsets', topics: ['offsets-topic'] })
    return found.partitions[0].offset
  }
  assert.strictEqual(await offset(), '-1')
  await admin.setOffsets({ groupId: 'offsets', topic: 'offsets-topic', partitions: [{ partition: 0, offset: '3' }] })
  assert.strictEqual(await offset(), '3')
  await admin.resetOffsets({ groupId: 'offsets', topic: 'offsets-topic' })
  const [found] = await admin.fetchOffsets({ groupId: 'offsets', topics: ['offsets-topic'], resolveOffsets: true })
  assert.strictEqual(found.partitions[0].offset, '10')
}

async function partitionsStayWhereTheyAre(admin) {
  await createTopic(SERVER, 'placed')
  const { topics } = await admin.listPartitionReassignments({ topics: [{ topic: 'placed', partitions: [0] }] })
  same(topics, [])
}

async function thereIsNoSecurityToDescribe(admin) {
  const anything = {
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  }
  await assert.rejects(
    () => admin.describeAcls(anything),
    error => error.type === 'SECURITY_DISABLED' || error.name === 'KafkaJSServerDoesNotSupportApiKey'
  )
}

run(
  [
    topicsAreCreatedDescribedAndDeleted,
    topicsThatCanNotBeAreRefused,
    partitionsAreAdded,
    configsAreDescribedAndAltered,
    theBeginningOfAPartitionIsDeleted,
    theClusterIsDescribed,
    groupsAreListedDescribedAndDeleted,
    offsetsOfAGroupAreSetAndReset,
    partitionsStayWhereTheyAre,
    thereIsNoSecurityToDescribe,
  ].map(check)
)
