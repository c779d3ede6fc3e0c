import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type NewTicket, SupportTickets } from "../../../src/index.ts"
import { Sandbox } from "../../../src/testing/index.ts"
import { sockets } from "../../support/server.ts"
import { assertAmbiguous, clientAt, cuttingProxy, type Going, layerSandboxOnPort, sandboxPort } from "./support.ts"

const ways: ReadonlyArray<Going> = ["closed", "reset"]

const ticketFor = (customerId: Sandbox["Service"]["customer"], ...files: ReadonlyArray<File>): NewTicket => ({
  customerId,
  summary: "A deposit is missing",
  description: "Since Monday.",
  files
})

let third = 0

for (const [name, client] of sockets) {
  const setUp = Effect.gen(function* () {
    const sandbox = yield* Sandbox
    const { port, state } = yield* cuttingProxy(yield* sandboxPort)
    const layer = yield* Layer.build(clientAt(sandbox, `http://127.0.0.1:${port}`, client))
    const tickets = yield* SupportTickets.pipe(Effect.provide(layer))
    const stored = Effect.map(sandbox.tickets, ({ length }) => length)
    return { sandbox, state, tickets, stored }
  })

  describe(`a connection cut over a real socket, by ${name}`, () => {
    for (const going of ways) {
      it.live(
        `${going} after every byte of the answer: one ticket each time, and nobody claims to know`,
        () =>
          Effect.gen(function* () {
            const { sandbox, state, stored, tickets } = yield* setUp
            const ticket = ticketFor(sandbox.customer)
            let answer = 0
            for (;;) {
              state.plan = { answer, going }
              const exit = yield* Effect.exit(tickets.create(ticket))
              const creates = answer + 1
              assert.deepStrictEqual(
                [answer, yield* stored, yield* sandbox.count("create"), state.creates],
                [answer, creates, creates, creates]
              )
              if (answer >= state.answerLength) {
                const last = (yield* sandbox.tickets).at(-1)
                assert.propertyVal(yield* exit, "ticketId", last?.ticketId)
                break
              }
              yield* assertAmbiguous(yield* Effect.flip(exit), ticket)
              answer++
            }
            // Some hundred bytes of headers, and the ticket.
            assert.isAbove(answer, 250)
          }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped),
        30_000
      )

      it.live(
        `${going} within the request, byte by byte: sent once, no ticket, and nobody claims to know`,
        () =>
          Effect.gen(function* () {
            const { sandbox, state, stored, tickets } = yield* setUp
            const ticket = ticketFor(sandbox.customer, new File(["a receipt"], "receipt.txt"))
            yield* tickets.create(ticket)
            const { requestLength } = state
            assert.isAbove(requestLength, 700)
            let creates = 1
            // Each way of each client takes a third of the bytes, and all of them together take each more than once.
            for (let request = third++ % 3; request < requestLength; request += 3) {
              state.plan = { request, going }
              yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket)
              assert.deepStrictEqual([request, yield* stored, state.creates], [request, 1, ++creates])
              assert.isAtMost(yield* sandbox.count("create"), creates)
            }
            state.plan = undefined
            yield* tickets.create(ticket)
            assert.deepStrictEqual([yield* stored, state.creates], [2, creates + 1])
          }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped),
        30_000
      )
    }

    for (const [size, name] of [
      [1_000_000, "in one piece"],
      [9_000_000, "streamed"]
    ] as const) {
      it.live(`${ways.join(" or ")} in the middle of a file that is sent ${name}: the same`, () =>
        Effect.gen(function* () {
          const { sandbox, state, stored, tickets } = yield* setUp
          const ticket = ticketFor(sandbox.customer, new File([new Uint8Array(size)], "big.bin"))
          let creates = 0
          for (const request of [0, 1, 300, 1000, 65_536, 65_537, size / 2, size - 1, size, size + 500]) {
            for (const going of ways) {
              state.plan = { request, going }
              yield* assertAmbiguous(yield* Effect.flip(tickets.create(ticket)), ticket)
              assert.deepStrictEqual([request, yield* stored, state.creates], [request, 0, ++creates])
            }
          }
          assert.isAtMost(yield* sandbox.count("create"), creates)
          state.plan = undefined
          yield* tickets.create(ticket)
          assert.deepStrictEqual([yield* stored, state.creates], [1, creates + 1])
        }).pipe(Effect.provide(layerSandboxOnPort), Effect.scoped)
      )
    }
  })
}
