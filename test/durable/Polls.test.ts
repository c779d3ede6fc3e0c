import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { Fault } from "../../src/testing/index.ts"
import { collectSpans } from "../support/collectSpans.ts"
import { type Desk, onDesk, until } from "./desk.ts"

/** Seeds and tracks tickets, and polls them until each has an outcome. */
const follow = (desk: Desk, count: number) =>
  Effect.gen(function* () {
    for (let index = 0; index < count; index++) {
      yield* desk.tracker.track(yield* desk.sandbox.seed({ outcome: "Created", after: "1500 millis" }))
    }
    yield* desk.working(until(() => desk.events.length >= count))
  })

/** Records an update of the queue table in another table. */
const record = ({ sql }: Desk, name: string, column: string, condition: string) =>
  Effect.andThen(
    sql`CREATE TABLE ${sql(name)} (value TEXT)`,
    sql`CREATE TRIGGER ${sql(`on_${name}`)} AFTER UPDATE ON ripio_queue
      WHEN NEW.queue_name = 'ripio:tracker' AND ${sql.literal(condition)}
      BEGIN INSERT INTO ${sql(name)} VALUES (${sql.literal(column)}); END`
  )

const recordClaims = (desk: Desk) =>
  record(desk, "claims", "NEW.acquired_by", "NEW.acquired_by IS NOT NULL AND OLD.acquired_by IS NULL")

describe("the polls of tickets", () => {
  it.live("are claimed together, with one statement for many", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* recordClaims(desk)
        yield* desk.sandbox.inject(Fault.latency("5 millis"), { on: "retrieve", times: "forever" })
        yield* follow(desk, 30)
        const [row] = yield* desk.sql<{ readonly claims: number; readonly statements: number }>`
          SELECT COUNT(*) AS claims, COUNT(DISTINCT value) AS statements FROM claims`
        assert.isAtLeast(row?.claims ?? 0, 60)
        // One at a time, there would be as many statements as claims.
        assert.isAtMost(row?.statements ?? Infinity, (row?.claims ?? 0) / 4)
      })
    )
  )

  it.live("are released together, with the reason and the delay of each", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* recordClaims(desk)
        yield* record(
          desk,
          "releases",
          "NEW.last_failure || ' ' || CAST(ROUND((julianday(NEW.visible_at) - julianday(NEW.updated_at)) * 86400) AS INTEGER)",
          "NEW.acquired_by IS NULL AND NEW.state = 'pending'"
        )
        yield* desk.sandbox.inject(Fault.status(503), { on: "retrieve", times: 2 })
        yield* follow(desk, 10)
        const rows = yield* desk.sql<{ readonly value: string }>`SELECT value FROM releases`
        const reasons = new Set(rows.map(({ value }) => value))
        assert.include([...reasons], "the ticket is pending 1")
        assert.isTrue([...reasons].some((reason) => reason.startsWith("retrieve: the server failed")))
        // Each claim ends once: the queue changes nothing afterwards.
        const [row] = yield* desk.sql<{ readonly claims: number }>`SELECT COUNT(*) AS claims FROM claims`
        assert.strictEqual(rows.length, (row?.claims ?? 0) - desk.events.length)
        assert.deepStrictEqual(
          desk.logs.filter((line) => line.startsWith("Warn") && line.includes("stays claimed")),
          []
        )
      })
    )
  )

  it.live("are forgotten when they have ended, so that no lock of theirs is refreshed", () => {
    const spans = collectSpans()
    const statements = () =>
      spans.spans.flatMap(({ attributes }) => {
        const text = attributes.get("db.query.text")
        return typeof text === "string" ? [text] : []
      })
    return onDesk(
      (desk) =>
        Effect.gen(function* () {
          yield* follow(desk, 3)
          assert.isAtLeast(statements().filter((text) => text.includes("attempts = attempts + 1")).length, 2)
          // The queue refreshes the locks of its claims every 300 ms, if it has any.
          assert.isAtMost(statements().filter((text) => text.includes("acquired_by IN (")).length, 1)
        }),
      { timing: "short" }
    ).pipe(Effect.withTracer(spans.tracer))
  })

  it.live("are released by the queue, one by one, if they cannot be released together", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        yield* desk.sql`CREATE TRIGGER refused BEFORE UPDATE ON ripio_queue
          WHEN NEW.last_failure = 'the ticket is pending' AND NEW.state = 'pending'
          BEGIN SELECT RAISE(ABORT, 'refused'); END`
        yield* record(desk, "releases", "NEW.last_failure", "NEW.acquired_by IS NULL AND NEW.state = 'pending'")
        yield* follow(desk, 3)
        const rows = yield* desk.sql<{ readonly value: string }>`SELECT DISTINCT value FROM releases`
        assert.deepStrictEqual(
          rows.map(({ value }) => value),
          ["NotSettled: the ticket is pending"]
        )
      })
    )
  )

  it.live("are given back near a deadline when the worker is closed", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const ticketId = yield* desk.sandbox.seed({ outcome: "Pending" })
        const deadline = (yield* Clock.currentTimeMillis) + 4000
        yield* desk.tracker.track(ticketId, { deadline: "4 seconds" })
        yield* desk.working(
          Effect.gen(function* () {
            // The worker has polled once before, to see that the API responds.
            yield* desk.sandbox.awaitRequests("retrieve", 2)
            yield* Effect.sleep(2500)
          })
        )
        assert.deepStrictEqual(desk.events, [])
        yield* desk.working(until(() => desk.events.length === 1))
        const [event] = desk.events
        assert.deepInclude(event, { _tag: "TrackingOverdue", ticketId })
        assert.isAtLeast(event === undefined ? 0 : DateTime.toEpochMillis(event.issuedAt), deadline)
      })
    )
  )

  it.live("leave a row alone that another worker has claimed since", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const ticketId = yield* desk.sandbox.seed({ outcome: "Created", after: "1500 millis" })
        yield* desk.tracker.track(ticketId)
        yield* desk.sandbox.inject(Fault.latency("300 millis"), { on: "retrieve", times: 2 })
        yield* desk.working(
          Effect.gen(function* () {
            yield* desk.sandbox.awaitRequests("retrieve", 2)
            yield* desk.sql`UPDATE ripio_queue SET attempts = attempts + 1, acquired_by = 'another worker'
              WHERE id = ${ticketId}`
            yield* Effect.sleep(600)
            const [row] = yield* desk.sql<{ readonly acquired_by: string | null }>`
              SELECT acquired_by FROM ripio_queue WHERE id = ${ticketId}`
            assert.strictEqual(row?.acquired_by, "another worker")
          })
        )
      })
    )
  )
})
