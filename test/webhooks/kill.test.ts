/** The inbox on SQLite, in processes that are killed without warning. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { ticketNumber } from "./support.ts"

const program = fileURLToPath(new URL("inbox-process.ts", import.meta.url))
const running = new Set<ChildProcess>()
const folders: Array<string> = []

afterEach(() => {
  for (const child of running) child.kill("SIGKILL")
  running.clear()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const database = () => {
  const folder = mkdtempSync(join(tmpdir(), "inbox-"))
  folders.push(folder)
  return join(folder, "inbox.sqlite")
}

/** A process of its own, what it says, and its violent end. */
const start = (file: string, role: "receive" | "handle" | "hang") => {
  const child = spawn(process.execPath, ["--no-warnings", program, file, role], { stdio: ["pipe", "pipe", "inherit"] })
  running.add(child)
  const said: Array<string> = []
  let wake = () => {}
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(line)
    wake()
  })
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))
  const until = async (enough: (said: ReadonlyArray<string>) => boolean) => {
    while (!enough(said)) {
      if (child.exitCode !== null) throw new Error(`It ended by itself: ${said.join()}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    said,
    until,
    ready: () => until((lines) => lines.includes("ready")),
    tell: (line: string) => child.stdin.write(`${line}\n`),
    kill: async () => {
      child.kill("SIGKILL")
      await ended
      running.delete(child)
    }
  }
}

const keyOf = (number: number) => `SUPPORT_TICKET.FAILED:${ticketNumber(number)}`
const handled = (file: string) => {
  const db = new DatabaseSync(file)
  try {
    return db
      .prepare("SELECT key FROM handled ORDER BY key")
      .all()
      .map(({ key }) => key)
  } finally {
    db.close()
  }
}
const statesOf = (file: string) => {
  const db = new DatabaseSync(file)
  try {
    return db
      .prepare("SELECT state, COUNT(*) AS count FROM effect_queue GROUP BY state")
      .all()
      .map((row) => ({ ...row }))
  } finally {
    db.close()
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe("kill -9", () => {
  it("between receipt and handling: no event that was answered 2xx is lost, each is handled once", async () => {
    const file = database()
    const receiver = start(file, "receive")
    await receiver.ready()
    // Each event twice: the second time it is a duplicate. The process dies somewhere among them.
    for (const number of numbers(60).flatMap((number) => [number, number])) receiver.tell(`${number}`)
    await receiver.until((said) => said.length > 50)
    await receiver.kill()
    const answered = new Set(receiver.said.flatMap((line) => (line.startsWith("200 ") ? [Number(line.slice(4))] : [])))
    assert.isAbove(answered.size, 20)

    const handler = start(file, "handle")
    // What was stored but not answered may be handled too; wait until nothing is left.
    await handler.until((said) => [...answered].every((number) => said.includes(`handled ${keyOf(number)}`)))
    const again = start(file, "receive")
    await again.ready()
    for (const number of numbers(60)) again.tell(`${number}`)
    await again.until((said) => numbers(60).every((number) => said.includes(`200 ${number}`)))
    await handler.until((said) => numbers(60).every((number) => said.includes(`handled ${keyOf(number)}`)))
    await Promise.all([handler.kill(), again.kill()])
    assert.deepStrictEqual(handled(file), numbers(60).map(keyOf))
  }, 60_000)

  it("in the middle of handling: the next process handles what this one had in its hands", async () => {
    const file = database()
    const receiver = start(file, "receive")
    await receiver.ready()
    for (const number of numbers(6)) receiver.tell(`${number}`)
    await receiver.until((said) => numbers(6).every((number) => said.includes(`200 ${number}`)))
    await receiver.kill()

    const hanging = start(file, "hang")
    await hanging.until((said) => said.filter((line) => line.startsWith("hanging")).length === 4)
    await hanging.kill()

    const handler = start(file, "handle")
    await handler.until((said) => numbers(6).every((number) => said.includes(`handled ${keyOf(number)}`)))
    await handler.kill()
    assert.deepStrictEqual(handled(file), numbers(6).map(keyOf))
    assert.strictEqual(
      statesOf(file).reduce((sum, { count }) => sum + Number(count), 0),
      6
    )
  }, 60_000)
})
