/**
 * A real AT Protocol network on loopback: one PLC directory, kept in memory, and one or more PDSes with their OAuth
 * providers. It asks nothing outside this computer. Says "READY {json}" once all of it listens; SIGTERM ends it.
 *
 * Start it in the folder that holds node_modules (lab/servers.py does): the packages are looked up from there.
 */
import { createECDH } from 'node:crypto'
import dns from 'node:dns'
import fs from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const installed = createRequire(path.join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(installed.resolve(name)).href)
const { PDS } = await load('@atproto/pds')
const { verifyJwt } = await load('@atproto/xrpc-server')
const { PlcServer, Database } = installed('@did-plc/server')

const { values: options } = parseArgs({
  options: {
    plc: { type: 'string', default: '2582' }, // the directory's port, or "none"
    'plc-url': { type: 'string' }, // a directory that runs elsewhere
    pds: { type: 'string', default: '2583' }, // ports, with commas between
    domains: { type: 'string', default: '.test,.two.test,.three.test' }, // of handles, one for each PDS
    data: { type: 'string' }, // where a PDS keeps its data; a temporary folder unless said
    'rate-limits': { type: 'boolean', default: false }, // the limits of production
    'moved-clock': { type: 'boolean', default: false }, // SIGUSR2 moves time on by an hour
    hosts: { type: 'string', default: '' }, // names that lead to 127.0.0.1 in this process
  },
})
const words = (text) => text.split(',').filter((word) => word && word !== 'none')
const ports = words(options.pds).map(Number)
const domains = words(options.domains)
const plcUrl = options['plc-url'] ?? `http://localhost:${options.plc}`
const data = options.data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'lab-pds-'))

/** Lets time run an hour ahead with each SIGUSR2, as limits and tokens count it; says "AHEAD {hours}". */
function followTheClock() {
  const Real = Date
  let hours = 0
  const now = () => Real.now() + hours * 3_600_000
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length ? given : [now()]))
    }
    static now() {
      return now()
    }
    static [Symbol.hasInstance](one) {
      return one instanceof Real
    }
  }
  const { setTimeout: start, clearTimeout: end } = globalThis
  const running = new Map()
  globalThis.setTimeout = (act, wait, ...given) => {
    const ring = () => {
      running.delete(timer)
      act(...given)
    }
    const timer = start(ring, wait)
    running.set(timer, { at: now() + wait, ring })
    return timer
  }
  globalThis.clearTimeout = (timer) => {
    running.delete(timer)
    end(timer)
  }
  process.on('SIGUSR2', () => {
    hours += 1
    for (const [timer, { at, ring }] of [...running]) {
      if (at > now()) continue
      end(timer)
      ring()
    }
    console.log(`AHEAD ${hours}`)
  })
}
if (options['moved-clock']) followTheClock()

/** Lets a PDS fetch the documents of an https client that lives on this computer. */
function leadToLoopback(names) {
  const ask = dns.lookup
  dns.lookup = (host, given, callback) => {
    const done = callback ?? given
    const wanted = callback && typeof given === 'object' ? given : {}
    if (!names.has(host)) return ask(host, wanted, done)
    const address = '127.0.0.1'
    process.nextTick(() => (wanted.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)))
  }
}
leadToLoopback(new Set(words(options.hosts)))

/** The key with which a PDS signs for its people; kept beside its data, so that a restart finds it again. */
function rotationKey(folder) {
  const file = path.join(folder, 'rotation-key.hex')
  if (!fs.existsSync(file)) {
    const pair = createECDH('secp256k1')
    pair.generateKeys()
    fs.writeFileSync(file, pair.getPrivateKey('hex').padStart(64, '0'), { mode: 0o600 })
  }
  return fs.readFileSync(file, 'utf8')
}

/** Who shows people what others write; we have only the part of it that keeps mutes. */
const VIEW = 'did:web:api.bsky.app'
const mutes = new Map()

/** Answers what a PDS passes on, if it signed for its person; and anybody who asks whom somebody mutes. */
async function answer(request) {
  const url = new URL(request.url, 'http://localhost')
  if (url.pathname === '/mutes') return [...(mutes.get(url.searchParams.get('actor')) ?? [])]
  const verb = url.pathname.slice('/xrpc/'.length)
  const keyOf = (did, fresh) => pdses[0].ctx.idResolver.did.resolveAtprotoKey(did, fresh)
  const token = (request.headers.authorization ?? '').slice('Bearer '.length)
  const { iss } = await verifyJwt(token, VIEW, verb, keyOf)
  if (!mutes.has(iss)) mutes.set(iss, new Set())
  const mine = mutes.get(iss)
  if (verb === 'app.bsky.actor.getProfiles') {
    const dids = url.searchParams.getAll('actors')
    return { profiles: dids.map((did) => ({ did, handle: 'handle.invalid', viewer: { muted: mine.has(did) } })) }
  }
  const { actor } = JSON.parse(Buffer.concat(await Array.fromAsync(request)))
  if (verb === 'app.bsky.graph.muteActor') mine.add(actor)
  else if (verb === 'app.bsky.graph.unmuteActor') mine.delete(actor)
  else throw new Error(`not here: ${verb}`)
  return null
}

const view = http.createServer(async (request, response) => {
  try {
    const told = await answer(request)
    if (told === null) response.end()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(told))
  } catch (error) {
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: 'AuthMissing', message: String(error) }))
  }
})
await new Promise((done) => view.listen(0, '127.0.0.1', done))
const viewUrl = `http://127.0.0.1:${view.address().port}`

async function startPds(port, index) {
  const folder = path.join(data, `pds-${index}`)
  fs.mkdirSync(folder, { recursive: true })
  const pds = await PDS.fromEnv({
    port,
    hostname: 'localhost', // any other name makes its public address https
    devMode: true, // plain http, and it may call loopback
    serviceName: 'Lab PDS',
    serviceHandleDomains: [domains[index]],
    dataDirectory: folder,
    blobstoreDiskLocation: path.join(folder, 'blobs'),
    didPlcUrl: plcUrl,
    plcRotationKeyK256PrivateKeyHex: rotationKey(folder),
    jwtSecret: 'not-a-secret',
    adminPassword: 'not-a-secret',
    inviteRequired: false,
    enableDidDocWithSession: true,
    rateLimitsEnabled: options['rate-limits'],
    rateLimitBypassKey: 'lab-bypass',
    bskyAppViewUrl: viewUrl,
    bskyAppViewDid: VIEW,
    // A service it would call elsewhere: a name that leads nowhere.
    modServiceUrl: 'https://moderator.invalid',
    modServiceDid: 'did:example:invalid',
  })
  await pds.start()
  return pds
}

const plc = options.plc === 'none' ? null : PlcServer.create({ db: Database.mock(), port: Number(options.plc) })
await plc?.start()
const pdses = []
for (const [index, port] of ports.entries()) pdses.push(await startPds(port, index))

/** There is no DNS here: the PDS with the longest fitting domain is asked for a handle. */
async function resolveHandle(handle) {
  const fitting = ports
    .map((port, index) => ({ port, domain: domains[index] }))
    .filter(({ domain }) => handle.endsWith(domain))
    .sort((one, two) => two.domain.length - one.domain.length)[0]
  if (!fitting) return undefined
  const query = new URLSearchParams({ handle })
  const url = `http://localhost:${fitting.port}/xrpc/com.atproto.identity.resolveHandle?${query}`
  const answer = await fetch(url).catch(() => null)
  return answer?.ok ? (await answer.json()).did : undefined
}
for (const pds of pdses) pds.ctx.idResolver.handle.resolve = resolveHandle

const urls = ports.map((port) => `http://localhost:${port}`)
console.log('READY ' + JSON.stringify({ plc: plcUrl, pds: urls, view: viewUrl, data }))

let ending = false
async function end() {
  if (ending) return
  ending = true
  for (const pds of pdses) await pds.destroy()
  await plc?.destroy()
  view.close()
  if (!options.data) fs.rmSync(data, { recursive: true, force: true })
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
