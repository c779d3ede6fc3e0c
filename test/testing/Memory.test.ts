import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const child = fileURLToPath(new URL("memory.child.ts", import.meta.url))

const decode = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({
      status: Schema.Number,
      peak: Schema.Number,
      kept: Schema.Number,
      files: Schema.Array(Schema.Struct({ bytes: Schema.Number, size: Schema.Number }))
    })
  )
)

/** Sends a create of this size to a sandbox in a separate process. */
const usageOf = (transport: "web" | "http" | "form", place: "file" | "text", size: number) =>
  Effect.map(
    Effect.promise(() => promisify(execFile)(process.execPath, ["--expose-gc", child, transport, place, `${size}`])),
    ({ stdout }) => decode(stdout)
  )

const megabyte = 1_000_000

describe("the memory of a sandbox", () => {
  for (const [transport, name, peak] of [
    ["http", "in process, as a stream", 75],
    // Reading the file of a form leaves garbage.
    ["form", "in process, as a form", 250],
    ["web", "by the web handler", 75]
  ] as const) {
    it.live(`a file of 100 MB ${name}: takes less than ${peak} MB, and 16 MiB of it stay`, () =>
      Effect.gen(function* () {
        const usage = yield* usageOf(transport, "file", 100 * megabyte)
        assert.strictEqual(usage.status, 202)
        assert.deepStrictEqual(usage.files, [{ bytes: 16 * 1024 * 1024, size: 100 * megabyte }])
        assert.isBelow(usage.kept, 20 * megabyte)
        assert.isBelow(usage.peak, peak * megabyte)
      })
    )
  }

  it.live("a file of 16 MiB stays whole", () =>
    Effect.gen(function* () {
      const size = 16 * 1024 * 1024
      const { files } = yield* usageOf("http", "file", size)
      assert.deepStrictEqual(files, [{ bytes: size, size }])
    })
  )

  for (const transport of ["http", "web"] as const) {
    it.live(`a text of 100 MB is rejected, and nothing of it stays (${transport})`, () =>
      Effect.gen(function* () {
        const usage = yield* usageOf(transport, "text", 100 * megabyte)
        assert.strictEqual(usage.status, 400)
        assert.isBelow(usage.kept, megabyte)
        assert.isBelow(usage.peak, 75 * megabyte)
      })
    )
  }
})
