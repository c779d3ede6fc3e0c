import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import busboy from "busboy"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { pending } from "../../support/fixtures.ts"
import { serve } from "../../support/server.ts"

const size = 50_000_000

const child = fileURLToPath(new URL("memory.child.ts", import.meta.url))

const decodeUsage = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ rss: Schema.Number, external: Schema.Number }))
)

/** Runs Node.js with arguments, and returns its output. */
const run = (...args: ReadonlyArray<string>) =>
  Effect.callback<string>((resume) => {
    const process_ = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let errors = ""
    process_.stdout.on("data", (chunk) => (output += String(chunk)))
    process_.stderr.on("data", (chunk) => (errors += String(chunk)))
    process_.on("close", (code) => resume(code === 0 ? Effect.succeed(output) : Effect.die(new Error(errors))))
    return Effect.sync(() => process_.kill())
  })

/** A file of pseudorandom bytes, until the scope closes. */
const fileOnDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "create-memory-"))
    const path = join(folder, "film.bin")
    const words = new Uint32Array(size / 4)
    for (let index = 0, word = 1; index < words.length; index++) {
      word = Math.imul(word, 1_664_525) + 1_013_904_223
      words[index] = word
    }
    const bytes = new Uint8Array(words.buffer)
    writeFileSync(path, bytes)
    return { folder, path, hash: createHash("sha256").update(bytes).digest("hex") }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** A server that accepts tickets and records their files. */
const receivingServer = Effect.gen(function* () {
  const received: Array<{ readonly name: string; readonly size: number; readonly hash: string }> = []
  const url = yield* serve((request, response) => {
    const parser = busboy({ headers: request.headers })
    parser.on("file", (_, stream, { filename }) => {
      const hash = createHash("sha256")
      let length = 0
      stream.on("data", (chunk: Buffer) => {
        length += chunk.length
        hash.update(chunk)
      })
      stream.on("end", () => received.push({ name: filename ?? "", size: length, hash: hash.digest("hex") }))
    })
    parser.on("close", () => {
      response.writeHead(202, { "content-type": "application/json" })
      response.end(JSON.stringify(pending))
    })
    request.pipe(parser)
  })
  return { received, url }
})

describe("creating a ticket with a file of 50 MB on disk", () => {
  const usageOf = Effect.fnUntraced(function* (transport: "fetch" | "undici", ...flags: ReadonlyArray<string>) {
    const { hash, path } = yield* fileOnDisk
    const { received, url } = yield* receivingServer
    const usage = decodeUsage(yield* run(...flags, child, transport, url, path))
    assert.deepStrictEqual(received.at(-1), { name: "film.bin", size, hash })
    return usage
  }, Effect.scoped)

  // Node's `fetch` keeps a copy of each request body in case of a redirect, so its memory use exceeds the file's size.
  for (const transport of ["fetch", "undici"] as const) {
    it.live(`sends it whole by ${transport}, in less memory than twice its size`, () =>
      Effect.gen(function* () {
        const usage = yield* usageOf(transport)
        assert.isBelow(usage.rss, 2 * size)
        assert.isBelow(usage.external, 2 * size)
      })
    )
  }

  it.live("never holds it in memory by undici", () =>
    Effect.map(usageOf("undici", "--expose-gc"), ({ external }) => assert.isBelow(external, size / 2))
  )
})
