import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SupportTickets } from "../../src/index.ts"
import { CurrentWrite } from "../../src/internal/http/currentWrite.ts"
import { Fault } from "../../src/testing/index.ts"
import { holdPermit, onDesk, until } from "./desk.ts"
import { id, tagsOf, submit, workUntil } from "./submissions.ts"

describe("the worker of an outbox", () => {
  it.live("finishes the request that has begun when it is closed", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.latency("500 millis"), { on: "create" })
        yield* submit(desk)
        yield* desk.working(desk.sandbox.awaitRequests("create", 1))
        assert.deepStrictEqual(desk.events, [])
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
        assert.strictEqual(yield* desk.sandbox.count("create"), 1)
      })
    )
  )

  it.live("abandons what has not ended after the grace, which another one reports as ambiguous", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.inject(Fault.hang, { on: "create" })
          yield* submit(desk)
          yield* desk.working(desk.sandbox.awaitRequests("create", 1), { grace: "200 millis" })
          assert.isTrue(
            desk.logs.some((line) => line.includes(`stay claimed until the lock expires: ripio:outbox ${id}#1`))
          )
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAmbiguous"])
          assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        }),
      { timing: "short" }
    )
  )

  it.live("stops a ticket that waits for a token when it is closed, and sends it later", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sandbox.inject(Fault.hang, { on: "token" })
        yield* submit(desk)
        const closing = yield* Effect.forkChild(desk.working(desk.sandbox.awaitRequests("token", 1)))
        yield* Fiber.join(closing)
        assert.strictEqual(yield* desk.sandbox.count("create"), 0)
        yield* workUntil(desk, 1)
        assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
      })
    )
  )

  it.live("awaits a ticket that a client of the program sends when it is closed", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          yield* desk.working(until(() => desk.logs.some((line) => line.includes("the client has begun"))))
          yield* workUntil(desk, 1)
          assert.deepInclude(desk.events[0], { _tag: "SubmissionAccepted", id })
          assert.strictEqual(desk.logs.filter((line) => line.includes("the client has begun")).length, 1)
        }),
      {
        tickets: (tickets) =>
          SupportTickets.of({
            ...tickets,
            create: (ticket) =>
              Effect.logInfo("the client has begun").pipe(
                Effect.andThen(Effect.sleep("500 millis")),
                Effect.andThen(tickets.create(ticket)),
                // The worker cannot see what it sends.
                Effect.provideService(CurrentWrite, undefined)
              )
          })
      }
    )
  )

  it.live("gives a ticket back that waits at the gate while the account is closed", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.working(
            Effect.gen(function* () {
              yield* holdPermit(desk, "600 millis")
              // Waits before the submission, and its response begins a pause.
              yield* desk.sandbox.inject(Fault.rateLimited({ retryAfter: 3 }), { on: "retrieve" })
              yield* Effect.forkChild(Effect.ignore(desk.tickets.retrieve(yield* desk.sandbox.seed())))
              yield* Effect.sleep(50)
              yield* submit(desk)
              yield* Effect.sleep(200)
              assert.deepInclude((yield* Effect.orDie(desk.operations.count)).outbox, { waiting: 0, claimed: 1 })
              yield* Effect.sleep(1000)
              assert.deepInclude((yield* Effect.orDie(desk.operations.count)).outbox, { waiting: 1, claimed: 0 })
              yield* until(() => desk.events.length === 1)
            })
          )
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
          assert.strictEqual(yield* desk.sandbox.count("create"), 1)
        }),
      { sandbox: { gate: { concurrency: 1 }, retry: { times: 0 } } }
    )
  )

  for (const element of ['{"_tag":"Send","v":99}', "null", "not JSON"]) {
    it.live(`makes ${element} a dead letter, logs it, and handles it again on request`, () =>
      onDesk((desk) =>
        Effect.gen(function* () {
          yield* submit(desk)
          const [row] = yield* desk.sql<{ readonly element: string }>`SELECT element FROM ripio_queue`
          yield* desk.sql`UPDATE ripio_queue SET element = ${element}`
          const isJson = element !== "not JSON"
          yield* desk.working(
            isJson ? until(() => desk.logs.some((line) => line.includes("is a dead letter"))) : Effect.sleep(300)
          )
          // What is not JSON is collected when a worker starts, and every 10 minutes.
          if (!isJson) yield* desk.working(until(() => desk.logs.some((line) => line.includes("is a dead letter"))))
          const letters = yield* desk.operations.deadLetters
          assert.deepStrictEqual(
            letters.map(({ dedupeKey, queue }) => [dedupeKey, queue]),
            [[`${id}#1`, "outbox"]]
          )
          assert.deepInclude(yield* desk.operations.count, { deadLetters: 1 })
          // A later version can decode it.
          yield* desk.sql`UPDATE ripio_queue SET element = ${row?.element ?? ""}`
          assert.isFalse(yield* desk.operations.requeue("another"))
          assert.isTrue(yield* desk.operations.requeue(`${id}#1`))
          yield* workUntil(desk, 1)
          assert.deepStrictEqual(tagsOf(desk.events), ["SubmissionAccepted"])
          assert.deepInclude(yield* desk.operations.count, { deadLetters: 0 })
        })
      )
    )
  }

  it.live("removes the ids that are older than `rememberFor`", () =>
    onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* desk.sandbox.onCreate({ outcome: "Pending" })
          yield* submit(desk)
          yield* workUntil(desk, 1)
          assert.isNotEmpty(yield* desk.operations.list({ queue: "outbox", state: "done" }))
          yield* Effect.sleep(2500)
          yield* desk.working(Effect.sleep(300), { outbox: 0, tracker: 0 })
          assert.deepStrictEqual(yield* desk.operations.list({ queue: "outbox", state: "done" }), [])
        }),
      { durable: { rememberFor: "1 second" } }
    )
  )

  it.live("says which of its tasks failed, and that they are tried again", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sql`DROP TABLE ripio_queue`
        yield* desk.working(Effect.sleep(300), { outbox: 0, tracker: 0 })
        for (const task of ["Measuring the queues", "Collecting what the queues cannot read", "Removing old ids"]) {
          const lines = desk.logs.filter((line) => line.includes(`${task} failed and is tried again later`))
          assert.strictEqual(lines.length, 1)
        }
      })
    )
  )
})
