import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { Fault } from "../../../src/testing/index.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { quick } from "./quick.ts"

const throwing = (): never => {
  throw new Error("a broken tracer or logger")
}

const tracerWith = (override: (span: Tracer.NativeSpan) => void) =>
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      override(span)
      return span
    }
  })

const tracers: Record<string, Tracer.Tracer> = {
  "that throws when a span begins": Tracer.make({ span: throwing }),
  "that throws when a span ends": tracerWith((span) => (span.end = throwing)),
  "that throws when a span gets an attribute": tracerWith((span) => (span.attribute = throwing)),
  "that throws when a span gets an event": tracerWith((span) => (span.event = throwing))
}

const brokenLogger = Logger.layer([Logger.make(throwing), Logger.tracerLogger])

for (const [name, tracer] of Object.entries(tracers)) {
  describe(`a tracer ${name}, with a logger that throws`, () => {
    it.live("changes neither the result of create and raise nor the number of requests", () =>
      onSandbox(
        ({ sandbox, tickets }) =>
          Effect.gen(function* () {
            const ticket = newTicket({ customerId: sandbox.customer })
            const observed = <A, E>(effect: Effect.Effect<A, E>) =>
              Effect.provide(Effect.withTracer(effect, tracer), brokenLogger)
            yield* sandbox.onCreate({ outcome: "Created", after: 0 })
            const { ticketId } = yield* observed(tickets.create(ticket))
            const raised = yield* observed(tickets.raise(ticket))
            assert.deepStrictEqual(
              (yield* sandbox.tickets).map((stored) => stored.ticketId),
              [ticketId, raised.ticketId]
            )
            yield* sandbox.inject(Fault.dropped, { on: "create" })
            assert.propertyVal(yield* Effect.flip(observed(tickets.create(ticket))), "_tag", "CreateAmbiguous")
            yield* sandbox.inject(Fault.tokenExpired, { on: "retrieve", times: 2 })
            const pending = yield* Effect.flip(observed(tickets.raise(ticket)))
            assert.propertyVal(pending, "_tag", "OutcomePending")
            assert.strictEqual(yield* sandbox.count("create"), 4)
          }),
        quick
      )
    )
  })
}

const run = promisify(execFile)
const child = fileURLToPath(new URL("webCrypto.child.ts", import.meta.url))

describe("a runtime without WebCrypto, such as a browser on a page of http", () => {
  it.live("has typed errors: before the form is made nothing is sent, after that the hash is unavailable", () =>
    Effect.gen(function* () {
      const { stdout } = yield* Effect.promise(() => run(process.execPath, [child]))
      assert.deepStrictEqual(JSON.parse(stdout), {
        sent: 1,
        withoutRandomUuid: "the request was not sent: crypto: expected a runtime with WebCrypto",
        withoutSubtle: { _tag: "CreateAmbiguous", contentHash: "unavailable" },
        contentHashOf: "the request was not sent: crypto: expected a runtime with WebCrypto"
      })
    })
  )
})
