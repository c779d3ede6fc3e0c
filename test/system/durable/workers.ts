import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type HandledEvent, readEvents, readLines } from "./events.ts"
import { freePort } from "./serverProcess.ts"
import type { Store } from "./stores.ts"

export interface WorkerConfig<S extends Store = Store> {
  /** The name of a file in `roles`. */
  readonly role: "naive" | "inbox" | "durable" | "tracker" | "conflict"
  readonly store: S
  /** The number of the worker, from 0. */
  readonly index: number
  /** The API. */
  readonly baseUrl: string
  /** The file to which the handler appends its events. */
  readonly events: string
  /** The ids that this worker submits, and the file to which it appends those that are stored. */
  readonly ids: ReadonlyArray<string>
  readonly submitted: string
  /** The time between two submissions, in milliseconds. */
  readonly pace: number
  /** The numbers of concurrent submissions, polls and handlers. */
  readonly outbox: number
  readonly tracker: number
  readonly handlers: number
  /** Where this worker receives webhooks, if it does. */
  readonly port?: number | undefined
  readonly webhookSecret: string
  readonly readsDeadLetters: boolean
  /** The ids are those of tickets that exist, to be tracked. */
  readonly tracks: boolean
  /** How often the layer of the worker is closed at a random moment and built again. */
  readonly interruptions: number
  /** Times in milliseconds. */
  readonly spacing: number
  readonly deadline: number
}

/** What an attack decides about its workers. */
export interface WorkerOptions extends Pick<WorkerConfig, "role" | "store" | "baseUrl"> {
  /** The ids that are divided among the workers, and those that each of them has. */
  readonly ids?: ReadonlyArray<string>
  readonly sharedIds?: ReadonlyArray<string>
  readonly pace?: number
  readonly outbox?: number
  readonly tracker?: number
  readonly handlers?: number
  readonly receivesWebhooks?: boolean
  /** Whether all start at the same moment. Otherwise the first one creates the tables before the others start. */
  readonly startsTogether?: boolean
  readonly tracks?: boolean
  readonly interruptions?: number
  readonly spacing?: number
  readonly deadline?: number
}

export const webhookSecret = "a secret of the webhooks"

/** Several worker processes on one store. Disposing them kills them. */
export interface Workers extends AsyncDisposable {
  readonly size: number
  /** Where each worker receives webhooks. */
  readonly webhookUrls: ReadonlyArray<string>
  /** Kills a worker and waits for its end. Returns the milliseconds that it took. */
  readonly kill: (index: number, signal: "SIGKILL" | "SIGTERM") => Promise<number>
  readonly start: (index: number, changes?: Partial<WorkerConfig>) => Promise<void>
  readonly freeze: (index: number, milliseconds: number) => Promise<void>
  /** Lets workers begin that wait for the time to do so. */
  readonly release: () => void
  readonly events: () => ReadonlyArray<HandledEvent>
  readonly submitted: () => ReadonlyArray<string>
  /** Between which two times each id was stored. */
  readonly submittedAt: () => ReadonlyMap<string, readonly [from: number, to: number]>
  readonly log: () => string
  /** The end of the log of each worker. */
  readonly logs: () => string
}

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

// Processes start often. The cache saves a third of the time.
const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules", ".compile-cache") }

/** Starts `size` workers, among which the ids are divided. */
export const startWorkers = async (
  size: number,
  { ids = [], sharedIds = [], receivesWebhooks = false, startsTogether = false, ...options }: WorkerOptions
): Promise<Workers> => {
  const folder = mkdtempSync(join(tmpdir(), "workers-"))
  const events = join(folder, "events")
  const indices = Array.from({ length: size }, (_, index) => index)
  const submittedFile = (index: number) => join(folder, `submitted-${index}`)
  const logFile = (index: number) => join(folder, `log-${index}`)
  const children = new Map<number, ChildProcess>()
  const ports = receivesWebhooks ? await Promise.all(indices.map(freePort)) : []

  const start = async (index: number, changes: Partial<WorkerConfig> = {}) => {
    const config: WorkerConfig = {
      pace: 0,
      outbox: 8,
      tracker: 16,
      handlers: 4,
      tracks: false,
      interruptions: 0,
      spacing: 1000,
      deadline: 600_000,
      ...options,
      index,
      events,
      ids: [...sharedIds, ...ids.filter((_, position) => position % size === index)],
      submitted: submittedFile(index),
      port: ports[index],
      webhookSecret,
      readsDeadLetters: false,
      ...changes
    }
    const log = openSync(logFile(index), "a")
    const args = ["--no-warnings", join(import.meta.dirname, "workerProcess.ts"), JSON.stringify(config)]
    const child = spawn(process.execPath, args, { stdio: ["ignore", log, log, "ipc"], env })
    closeSync(log)
    children.set(index, child)
    const ended = once(child, "exit").then(() => {
      throw new Error(`Worker ${index} has ended:\n${readFileSync(logFile(index), "utf8").slice(-5000)}`)
    })
    ended.catch(() => {})
    await Promise.race([once(child, "message"), ended])
  }

  const kill = async (index: number, signal: "SIGKILL" | "SIGTERM") => {
    const child = children.get(index)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return 0
    const begin = performance.now()
    const exit = once(child, "exit")
    child.kill(signal)
    await exit
    return performance.now() - begin
  }

  const submittedAt = () =>
    new Map<string, readonly [number, number]>(
      indices
        .flatMap((index) => readLines(submittedFile(index)))
        .map((line) => {
          const [id = "", from, to] = line.split(" ")
          return [id, [Number(from), Number(to)]]
        })
    )

  const workers: Workers = {
    size,
    webhookUrls: ports.map((port) => `http://127.0.0.1:${port}/`),
    kill,
    start,
    freeze: async (index, milliseconds) => {
      children.get(index)?.kill("SIGSTOP")
      await sleep(milliseconds)
      children.get(index)?.kill("SIGCONT")
    },
    release: () => {
      for (const child of children.values()) child.send(Date.now() + 500)
    },
    events: () => readEvents(events),
    submitted: () => [...submittedAt().keys()],
    submittedAt,
    log: () => indices.map((index) => readFileSync(logFile(index), "utf8")).join("\n"),
    logs: () => indices.map((index) => readLines(logFile(index)).slice(-20).join("\n")).join("\n\n"),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(indices.map((index) => kill(index, "SIGKILL")))
      rmSync(folder, { recursive: true, force: true })
    }
  }
  try {
    if (!startsTogether) await start(0)
    await Promise.all(indices.slice(startsTogether ? 0 : 1).map((index) => start(index)))
  } catch (error) {
    await workers[Symbol.asyncDispose]()
    throw error
  }
  return workers
}

/** Waits until a condition holds. Throws after the timeout. */
export const waitUntil = async (
  condition: () => boolean | Promise<boolean>,
  { describe, timeout = 300_000 }: { readonly describe: () => string; readonly timeout?: number }
) => {
  const end = Date.now() + timeout
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not reached within ${timeout} ms: ${describe()}`)
    await sleep(100)
  }
}
