// What the scripts of kafkajs share: the server, the records to send, and a runner of checks.
//
// A check is a named async function. It has topics and groups of its own, so all of a script run beside each other.
// One that fails is told with its trace; the script ends with status 1 then.
//
//     node tests/interop/kafkajs/SCRIPT.js HOST:PORT CORPUS [CHECK...]

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const { spawn } = require('node:child_process')

const [SERVER, CORPUS, ...NAMED] = process.argv.slice(2)
const PATIENCE_MS = 60_000

const bytes = hex => (hex === null ? null : Buffer.from(hex, 'hex'))

/** The records that every client sends with every codec: {timestamp, key, value, headers: [[name, value]]}. */
const corpus = () => {
  const lines = fs.readFileSync(CORPUS, 'utf8').trim().split('\n').map(line => JSON.parse(line))
  return lines.map(({ ts, key, value, headers }) => ({
    timestamp: String(ts),
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, value]) => [name, bytes(value)]),
  }))
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until the condition holds. */
const eventually = async (condition, what) => {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    assert(Date.now() < deadline, `not within ${PATIENCE_MS} ms: ${what()}`)
    await sleep(20)
  }
}

/** Holds two lists to be the same; tells the first difference, and not a megabyte. */
const same = (found, expected) => {
  const show = item => require('node:util').inspect(item, { maxStringLength: 200 }).slice(0, 400)
  found.slice(0, expected.length).forEach((item, at) => {
    const equal = require('node:util').isDeepStrictEqual(item, expected[at])
    assert(equal, `item ${at} is ${show(item)}, not ${show(expected[at])}`)
  })
  assert.strictEqual(found.length, expected.length, 'as many items')
}

/** A member of a group in a process of its own, which a kill -9 can hit: member.js. */
class Member {
  static started = []

  constructor(...args) {
    this.assignment = null
    this.records = []
    const script = path.join(__dirname, 'member.js')
    this.process = spawn(process.execPath, [script, SERVER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    Member.started.push(this.process)
    this.ended = new Promise(resolve => this.process.on('exit', (code, signal) => resolve(signal ?? code)))
    readline.createInterface({ input: this.process.stdout }).on('line', line => {
      const event = JSON.parse(line)
      if ('assignment' in event) this.assignment = event.assignment.sort()
      if ('record' in event) this.records.push(event.record)
    })
  }

  has(count) {
    return this.assignment !== null && this.assignment.length === count
  }

  /** Ends it as a good member ends: it says so. */
  async leave() {
    this.process.kill('SIGTERM')
    assert.strictEqual(await this.ended, 0)
  }

  /** Ends it so that nobody hears of it. */
  async die() {
    this.process.kill('SIGKILL')
    assert.strictEqual(await this.ended, 'SIGKILL')
  }
}

const runOne = async check => {
  const begun = Date.now()
  let trouble = null
  try {
    await check()
  } catch (error) {
    trouble = `\n== ${check.name}\n${error.stack}`
  }
  const seconds = ((Date.now() - begun) / 1000).toFixed(1).padStart(5)
  console.log(`${trouble ? 'FAILED' : 'ok    '} ${seconds} s  ${check.name}`)
  return trouble
}

/** Runs the checks, all or those that are named, and ends the script. */
const run = async checks => {
  setTimeout(() => {
    console.error('some checks do not end')
    process.exit(1)
  }, 2.5 * PATIENCE_MS).unref()
  const chosen = checks.filter(check => NAMED.length === 0 || NAMED.includes(check.name))
  assert(chosen.length > 0, `no such check: ${NAMED}`)
  const failures = (await Promise.all(chosen.map(runOne))).filter(Boolean)
  Member.started.forEach(member => member.kill('SIGKILL'))
  console.error(failures.join(''))
  console.log(`${chosen.length - failures.length} passed, ${failures.length} failed`)
  process.exit(failures.length > 0 ? 1 : 0)
}

module.exports = { SERVER, Member, corpus, eventually, run, same, sleep }
