import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as durable from "../../src/durable.ts"
import * as root from "../../src/index.ts"
import { reasons } from "./errorExamples.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8")
const anchors = new Set(Array.from(page.matchAll(/^#{2,4} (\w+)$/gmu), ([, heading = ""]) => heading.toLowerCase()))

/** The classes of the errors that the package exports, by name. */
const errors = Object.entries({ ...root, ...durable }).flatMap(([name, value]) =>
  typeof value === "function" && value.prototype instanceof Error ? [[name, value.prototype] as const] : []
)

// Their `docs` are those of the reason.
const withReason = ["RipioHttpError", "WebhookRejected"]

describe("the docs of an error", () => {
  it("are a section of the page about errors, for each error and each reason", () => {
    assert.isAbove(errors.length, 25)
    for (const [name, prototype] of errors) {
      assert.isTrue(anchors.has(name.toLowerCase()), name)
      if (withReason.includes(name)) continue
      assert.strictEqual(Reflect.get(prototype, "docs"), `effect-ripio-tickets/docs/errors.md#${name.toLowerCase()}`)
    }
  })

  it("are those of the reason", () => {
    const error = new root.RipioHttpError({ operation: "retrieve", attempts: 1, reason: reasons.TimedOut })
    assert.strictEqual(error.docs, "effect-ripio-tickets/docs/errors.md#timedout")
    const rejected = new root.WebhookRejected({ reason: new root.MissingSignature({}) })
    assert.strictEqual(rejected.docs, "effect-ripio-tickets/docs/errors.md#missingsignature")
  })
})
