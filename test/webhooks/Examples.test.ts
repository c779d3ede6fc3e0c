import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const pathOf = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

/** Runs an example in a process without configuration; its exit code and its output without the warnings. */
const run = (example: string) =>
  new Promise<{ readonly code: number | null; readonly lines: ReadonlyArray<string> }>((resolve) => {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("RIPIO_"))
    const child = spawn(
      process.execPath,
      ["--no-warnings", "--import", pathOf("test/support/source.ts"), pathOf(example)],
      {
        env: Object.fromEntries(environment),
        stdio: ["ignore", "pipe", "inherit"]
      }
    )
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("close", (code) => {
      // Each forged webhook logs a warning.
      const lines = Buffer.concat(chunks).toString().split("\n")
      resolve({ code, lines: lines.filter((line) => line !== "" && !line.includes("WARN")) })
    })
  })

const count = (lines: ReadonlyArray<string>, isCounted: (line: string) => boolean) => lines.filter(isCounted).length

describe("the example", () => {
  it("webhooks-router ends each wait and handles each event once", async () => {
    const { code, lines } = await run("examples/webhooks-router.ts")
    assert.strictEqual(code, 0)
    for (const outcome of ["Created", "Failed"]) {
      assert.strictEqual(
        count(lines, (line) => line.startsWith(`${outcome}, after `)),
        1
      )
    }
    for (const { expected, text } of [
      { text: "mail: your request is registered", expected: 1 },
      { text: "mail: your request could not", expected: 1 }
    ]) {
      assert.strictEqual(
        count(lines, (line) => line.includes(text)),
        expected
      )
    }
    for (const { ending, expected } of [
      { ending: "a forged webhook: response 401", expected: 2 },
      { ending: "a genuine webhook: response 200", expected: 4 }
    ]) {
      assert.strictEqual(
        count(lines, (line) => line.endsWith(ending)),
        expected
      )
    }
  }, 30_000)

  it("webhooks-hono handles each event once", async () => {
    const { code, lines } = await run("examples/webhooks-hono.ts")
    assert.strictEqual(code, 0)
    assert.strictEqual(
      count(lines, (line) => line.startsWith("handled ")),
      2
    )
    assert.strictEqual(lines.at(-1), "4 webhooks were sent, with the responses 200, 200, 200, 200")
  }, 30_000)

  it("webhooks-node accepts the genuine webhook and rejects the forged one", async () => {
    const { code, lines } = await run("examples/webhooks-node.ts")
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(lines.slice(1), ["a forged webhook: response 401", "a genuine webhook: response 200"])
    assert.match(lines[0] ?? "", /^received SUPPORT_TICKET.CREATED:/u)
  }, 30_000)
})
