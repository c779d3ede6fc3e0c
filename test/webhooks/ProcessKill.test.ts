import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { numberedEvent } from "./fixtures.ts"
import type { Role } from "./inboxProcess.ts"

const program = fileURLToPath(new URL("inboxProcess.ts", import.meta.url))
const running = new Set<ChildProcess>()
const folders: Array<string> = []

afterEach(() => {
  for (const child of running) child.kill("SIGKILL")
  running.clear()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const newDatabaseFile = () => {
  const folder = mkdtempSync(join(tmpdir(), "inbox-"))
  folders.push(folder)
  return join(folder, "inbox.sqlite")
}

/** Starts `inboxProcess.ts`. */
const start = (databaseFile: string, role: Role) => {
  const child = spawn(process.execPath, ["--no-warnings", program, databaseFile, role], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  running.add(child)
  const lines: Array<string> = []
  let wake = () => {}
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line)
    wake()
  })
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()))

  /** Waits until the lines that the process has written satisfy a condition. */
  const until = async (condition: (lines: ReadonlyArray<string>) => boolean) => {
    while (!condition(lines)) {
      if (child.exitCode !== null) throw new Error(`The process has exited. It wrote: ${lines.join()}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    lines,
    until,
    untilAll: (expected: ReadonlyArray<string>) => until((lines) => expected.every((line) => lines.includes(line))),
    receive: (number: number) => child.stdin.write(`${number}\n`),
    kill: async () => {
      child.kill("SIGKILL")
      await closed
      running.delete(child)
    }
  }
}

const query = (databaseFile: string, sql: string) => {
  const database = new DatabaseSync(databaseFile)
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}

const handledKeys = (databaseFile: string) =>
  query(databaseFile, "SELECT key FROM handled ORDER BY key").map(({ key }) => key)

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
const keyOf = (number: number) => numberedEvent(number).dedupeKey
const acceptedLine = (number: number) => `200 ${number}`
const handledLine = (number: number) => `handled ${keyOf(number)}`

describe("an inbox on SQLite whose process is killed", () => {
  it("while it receives, keeps every event whose response was 200, and each is handled once", async () => {
    const file = newDatabaseFile()
    const receiver = start(file, "receive")
    await receiver.untilAll(["ready"])
    // Each event is delivered twice. The process is killed somewhere among them.
    for (const number of numbers(60)) {
      receiver.receive(number)
      receiver.receive(number)
    }
    await receiver.until((lines) => lines.length > 50)
    await receiver.kill()
    const accepted = numbers(60).filter((number) => receiver.lines.includes(acceptedLine(number)))
    assert.isAbove(accepted.length, 20)

    const handler = start(file, "handle")
    await handler.untilAll(accepted.map(handledLine))
    const nextReceiver = start(file, "receive")
    await nextReceiver.untilAll(["ready"])
    for (const number of numbers(60)) nextReceiver.receive(number)
    await nextReceiver.untilAll(numbers(60).map(acceptedLine))
    await handler.untilAll(numbers(60).map(handledLine))
    await Promise.all([handler.kill(), nextReceiver.kill()])
    assert.deepStrictEqual(handledKeys(file), numbers(60).map(keyOf))
  }, 60_000)

  it("while it handles, leaves the events that it was handling to the next process", async () => {
    const file = newDatabaseFile()
    const receiver = start(file, "receive")
    await receiver.untilAll(["ready"])
    for (const number of numbers(6)) receiver.receive(number)
    await receiver.untilAll(numbers(6).map(acceptedLine))
    await receiver.kill()

    const hanging = start(file, "hang")
    await hanging.until((lines) => lines.filter((line) => line.startsWith("hanging")).length === 4)
    await hanging.kill()

    const handler = start(file, "handle")
    await handler.untilAll(numbers(6).map(handledLine))
    await handler.kill()
    assert.deepStrictEqual(handledKeys(file), numbers(6).map(keyOf))
    assert.deepStrictEqual(
      query(file, "SELECT COUNT(*) AS count FROM effect_queue").map(({ count }) => count),
      [6]
    )
  }, 60_000)
})
