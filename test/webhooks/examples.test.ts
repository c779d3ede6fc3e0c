/** The examples of webhooks, run as their readers run them. */
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

const run = (example: string) =>
  new Promise<{ readonly code: number | null; readonly lines: ReadonlyArray<string> }>((resolve) => {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("RIPIO_"))
    const child = spawn(
      process.execPath,
      ["--no-warnings", "--import", path("test/support/source.ts"), path(example)],
      {
        env: Object.fromEntries(environment),
        stdio: ["ignore", "pipe", "inherit"]
      }
    )
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("close", (code) => {
      // A warning in the log for each forgery is as it should be.
      const lines = Buffer.concat(chunks).toString().split("\n")
      resolve({ code, lines: lines.filter((line) => line !== "" && !line.includes("WARN")) })
    })
  })

describe("the examples", () => {
  it("the router: the waits end, and each event is handled once", async () => {
    const { code, lines } = await run("examples/webhooks-router.ts")
    assert.strictEqual(code, 0)
    for (const outcome of ["Created", "Failed"]) {
      assert.strictEqual(lines.filter((line) => line.startsWith(`${outcome}, after `)).length, 1)
    }
    assert.strictEqual(lines.filter((line) => line.includes("mail: your request is registered")).length, 1)
    assert.strictEqual(lines.filter((line) => line.includes("mail: your request could not")).length, 1)
    assert.strictEqual(lines.filter((line) => line.endsWith("a forged webhook was answered 401")).length, 2)
    assert.strictEqual(lines.filter((line) => line.endsWith("a true webhook was answered 200")).length, 4)
  }, 30_000)

  it("Hono: each event is handled once", async () => {
    const { code, lines } = await run("examples/webhooks-hono.ts")
    assert.strictEqual(code, 0)
    assert.strictEqual(lines.filter((line) => line.startsWith("handled ")).length, 2)
    assert.strictEqual(lines.at(-1), "4 webhooks were sent, and answered 200, 200, 200, 200")
  }, 30_000)

  it("a server of Node.js", async () => {
    const { code, lines } = await run("examples/webhooks-node.ts")
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(lines.slice(1), ["a forged webhook was answered 401", "a true webhook was answered 200"])
    assert.match(lines[0] ?? "", /^took SUPPORT_TICKET.CREATED:/u)
  }, 30_000)
})
