import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Fault } from "../../src/testing/index.ts"
import { type Desk, onDesk, until } from "./desk.ts"
import { id, decodeSend, tagsOf, contentCount, submit, workUntil } from "./submissions.ts"

describe("an ambiguous submission", () => {
  const ambiguous = (desk: Desk) =>
    Effect.gen(function* () {
      yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
      yield* submit(desk)
      yield* workUntil(desk, 1)
    })

  it.live("is followed once it is resolved as a ticket", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.onCreate({ after: 0 })
        yield* ambiguous(desk)
        const [ticket] = yield* desk.sandbox.tickets
        const { ticketId } = ticket ?? (yield* Effect.die("no ticket"))
        assert.isTrue(yield* desk.operations.resolve(id, { ticketId }))
        assert.isFalse(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 3)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous", "SubmissionAccepted", "TicketCreated"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        assert.strictEqual(yield* contentCount(desk), 0)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
      })
    )
  )

  it.live("is sent again on request, and may be ambiguous again", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* ambiguous(desk)
        yield* desk.sandbox.inject(Fault.dropped, { on: "create" })
        assert.isTrue(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 2)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 1 })
        assert.isTrue(yield* desk.operations.resolve(id, "resend"))
        yield* workUntil(desk, 3)
        assert.deepStrictEqual(tagsOf(desk.events), [
          "SubmissionAmbiguous",
          "SubmissionAmbiguous",
          "SubmissionAccepted"
        ])
        assert.strictEqual(new Set(desk.events.map(({ dedupeKey }) => dedupeKey)).size, 3)
        assert.strictEqual(yield* contentCount(desk), 0)
      })
    )
  )

  it.live("is erased on request, and its id stays known", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* ambiguous(desk)
        assert.isTrue(yield* desk.operations.purge(id))
        assert.strictEqual(yield* contentCount(desk), 0)
        assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
        assert.isFalse(yield* desk.operations.resolve(id, "resend"))
        const rows = yield* desk.sql<{ readonly element: string }>`SELECT element FROM ripio_queue`
        assert.isFalse(rows.some(({ element }) => element.includes(desk.sandbox.customer)))
        yield* submit(desk)
        assert.strictEqual((yield* Effect.flip(submit(desk, { summary: "other" })))._tag, "InvalidSubmission")
        yield* workUntil(desk, 1)
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("is accepted after all when the process with the response reports late", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.onCreate({ after: 0 })
          yield* desk.sandbox.inject(Fault.latency("1 second"), { on: "create" })
          yield* submit(desk)
          yield* desk.working(
            Effect.gen(function* () {
              yield* desk.sandbox.awaitRequests("create", 1)
              // Another process claims it meanwhile, as if this one had been frozen.
              const [row] = yield* desk.sql<{
                readonly element: string
              }>`SELECT element FROM ripio_queue WHERE id = ${`${id}#1`}`
              const { chunks, customerId, fieldChunks, hash, submittedAt } = yield* decodeSend(row?.element)
              const evidence = {
                customerId: desk.sandbox.customer,
                submittedAt: new Date().toISOString(),
                reason: "the process that was to send it ended without a report"
              }
              const verdict = {
                v: 1,
                id,
                hash,
                fieldChunks,
                chunks,
                customerId,
                submittedAt,
                _tag: "Verdict",
                n: 2,
                at: Date.now(),
                verdict: { _tag: "Ambiguous", evidence }
              }
              yield* desk.sql`INSERT INTO ripio_queue (id, queue_name, element, state, attempts, visible_at, created_at, updated_at)
              VALUES (${`${id}#2`}, 'ripio:outbox', ${JSON.stringify(verdict)}, 'pending', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)`
              yield* until(() => desk.events.length >= 3)
            })
          )
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous", "SubmissionAccepted", "TicketCreated"])
          assert.strictEqual(yield* contentCount(desk), 0)
        }),
      { timing: "short" }
    )
  )
})
