import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { SupportTickets } from "../../../src/index.ts"
import { Sandbox } from "../../../src/testing/index.ts"
import { clientAt } from "../../support/clients.ts"
import { newTicket } from "../../support/newTicket.ts"
import { layerSandboxOnPort, sandboxPort } from "../../support/ports.ts"
import { sockets } from "../../support/server.ts"
import { assertAmbiguous } from "./assertAmbiguous.ts"
import { cuttingProxy, type Ending } from "./cuttingProxy.ts"

const endings: ReadonlyArray<Ending> = ["closed", "reset"]

const bodies = [
  { size: 1_000_000, sending: "in one piece" },
  { size: 9_000_000, sending: "as a stream" }
]

const setUp = Effect.fnUntraced(function* (client: Layer.Layer<HttpClient>) {
  const sandbox = yield* Sandbox
  const { port, state } = yield* cuttingProxy(yield* sandboxPort)
  const layer = yield* Layer.build(clientAt(sandbox, `http://127.0.0.1:${port}`, client))
  const { create } = yield* SupportTickets.pipe(Effect.provide(layer))
  const stored = Effect.map(sandbox.tickets, ({ length }) => length)
  return { sandbox, state, create, stored }
})

let nextOffset = 0

for (const [name, client] of sockets) {
  describe(`creating a ticket by ${name}`, () => {
    for (const ending of endings) {
      it.live(`with a connection ${ending} after each byte of the response: one ticket, CreateAmbiguous`, () =>
        Effect.gen(function* () {
          const { create, sandbox, state, stored } = yield* setUp(client)
          const ticket = newTicket({ customerId: sandbox.customer })
          let response = 0
          for (;;) {
            state.cut = { response, ending }
            const exit = yield* Effect.exit(create(ticket))
            const creates = response + 1
            assert.deepStrictEqual(
              {
                response,
                stored: yield* stored,
                received: yield* sandbox.count("create"),
                sent: state.creates
              },
              { response, stored: creates, received: creates, sent: creates }
            )
            if (response >= state.responseLength) {
              const last = (yield* sandbox.tickets).at(-1)
              assert.propertyVal(yield* exit, "ticketId", last?.ticketId)
              break
            }
            yield* assertAmbiguous(yield* Effect.flip(exit), ticket)
            response++
          }
          // The loop covered both the headers and the body.
          assert.isAbove(response, 250)
        }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
      )

      it.live(`with a connection ${ending} after each byte of the request: sent once, no ticket, CreateAmbiguous`, () =>
        Effect.gen(function* () {
          const { create, sandbox, state, stored } = yield* setUp(client)
          const ticket = newTicket({
            customerId: sandbox.customer,
            files: [new File(["a receipt"], "receipt.txt")]
          })
          yield* create(ticket)
          const { requestLength } = state
          assert.isAbove(requestLength, 700)
          let creates = 1
          // Each combination of client and ending covers a third of the bytes. Together they cover each more than once.
          for (let request = nextOffset++ % 3; request < requestLength; request += 3) {
            state.cut = { request, ending }
            yield* assertAmbiguous(yield* Effect.flip(create(ticket)), ticket)
            creates++
            assert.deepStrictEqual(
              { request, stored: yield* stored, sent: state.creates },
              { request, stored: 1, sent: creates }
            )
            assert.isAtMost(yield* sandbox.count("create"), creates)
          }
          state.cut = undefined
          yield* create(ticket)
          assert.deepStrictEqual({ stored: yield* stored, sent: state.creates }, { stored: 2, sent: creates + 1 })
        }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
      )
    }

    for (const { sending, size } of bodies) {
      it.live(
        `with a connection ${endings.join(" or ")} within a file sent ${sending}: sent once, no ticket, CreateAmbiguous`,
        () =>
          Effect.gen(function* () {
            const { create, sandbox, state, stored } = yield* setUp(client)
            const ticket = newTicket({
              customerId: sandbox.customer,
              files: [new File([new Uint8Array(size)], "big.bin")]
            })
            let creates = 0
            for (const request of [0, 1, 300, 1000, 65_536, 65_537, size / 2, size - 1, size, size + 500]) {
              for (const ending of endings) {
                state.cut = { request, ending }
                yield* assertAmbiguous(yield* Effect.flip(create(ticket)), ticket)
                creates++
                assert.deepStrictEqual(
                  { request, stored: yield* stored, sent: state.creates },
                  { request, stored: 0, sent: creates }
                )
              }
            }
            assert.isAtMost(yield* sandbox.count("create"), creates)
            state.cut = undefined
            yield* create(ticket)
            assert.deepStrictEqual({ stored: yield* stored, sent: state.creates }, { stored: 1, sent: creates + 1 })
          }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
      )
    }
  })
}
