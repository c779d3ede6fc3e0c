import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Fault } from "../../src/testing/index.ts"
import { type Desk, onDesk } from "./desk.ts"
import { contentCount, id, submit, tagsOf, workUntil } from "./submissions.ts"

/** The rows of the outbox and of its events, by id. */
const rowsOf = ({ sql }: Desk) =>
  Effect.map(
    sql<{ readonly id: string; readonly element: string }>`SELECT id, element FROM ripio_queue
      WHERE queue_name <> 'ripio:tracker' ORDER BY sequence`,
    (rows) => new Map(rows.map((row) => [row.id, JSON.parse(row.element) as unknown]))
  )

const purgedEntry = (rowId: string, n: number, hash: unknown) => [rowId, { _tag: "Purged", v: 1, id, n, hash }] as const

const hashOf = ({ sql }: Desk) =>
  Effect.map(
    sql<{
      readonly hash: string
    }>`SELECT json_extract(element, '$.hash') AS hash FROM ripio_queue WHERE id = ${`${id}#1`}`,
    ([row]) => row?.hash
  )

describe("a purge", () => {
  for (const { durable, events, keys, prepare, title } of [
    {
      title: "an accepted submission",
      prepare: ({ sandbox }: Desk) => sandbox.onCreate({ outcome: "Pending" }),
      events: ["SubmissionAccepted"],
      keys: [`SUBMISSION.ACCEPTED:${id}#2`],
      durable: {}
    },
    {
      title: "a submission that was not sent",
      prepare: () => Effect.sleep(100),
      events: ["SubmissionNotSent"],
      keys: [`SUBMISSION.NOT_SENT:${id}#2`],
      durable: { maxAge: "50 millis" as const }
    },
    {
      title: "an ambiguous submission",
      prepare: ({ sandbox }: Desk) => sandbox.inject(Fault.dropped, { on: "create" }),
      events: ["SubmissionAmbiguous"],
      keys: [`SUBMISSION.AMBIGUOUS:${id}#2`],
      durable: {}
    }
  ]) {
    it.live(`erases the content and the events of ${title}, and keeps its id`, () =>
      onDesk(
        (desk) =>
          Effect.gen(function* () {
            yield* submit(desk)
            const hash = yield* hashOf(desk)
            yield* prepare(desk)
            yield* workUntil(desk, 1)
            assert.deepStrictEqual(tagsOf(desk.events), events)
            assert.isTrue(yield* desk.operations.purge(id))
            assert.deepStrictEqual(
              [...(yield* rowsOf(desk))],
              [
                purgedEntry(`${id}#1`, 1, hash),
                purgedEntry(`${id}#2`, 2, hash),
                ...keys.map((key) => [key, { purged: true }] as const)
              ]
            )
            assert.strictEqual(yield* contentCount(desk), 0)
            assert.deepInclude(yield* desk.operations.count, { ambiguous: 0 })
            assert.isTrue(yield* desk.operations.purge(id))
          }),
        { durable }
      )
    )
  }

  it.live("waits for every entry of a submission, also for one that is late", () =>
    onDesk((desk) =>
      Effect.gen(function* () {
        const { operations, sandbox, sql } = desk
        yield* sandbox.onCreate({ outcome: "Pending" })
        yield* submit(desk)
        const hash = yield* hashOf(desk)
        yield* workUntil(desk, 1)
        const setState = (rowId: string, state: string) =>
          sql`UPDATE ripio_queue SET state = ${state} WHERE id = ${rowId}`
        yield* setState(`${id}#2`, "pending")
        assert.isFalse(yield* operations.purge(id))
        yield* setState(`${id}#2`, "completed")
        yield* sql`INSERT INTO ripio_queue (id, queue_name, element, state, visible_at, created_at, updated_at)
          SELECT ${`${id}#late`}, queue_name, element, 'pending', visible_at, created_at, updated_at
          FROM ripio_queue WHERE id = ${`${id}#2`}`
        assert.isFalse(yield* operations.purge(id))
        assert.isAbove(JSON.stringify([...(yield* rowsOf(desk))]).indexOf(sandbox.customer), 0)
        yield* setState(`${id}#late`, "completed")
        assert.isTrue(yield* operations.purge(id))
        assert.deepStrictEqual((yield* rowsOf(desk)).get(`${id}#late`), { _tag: "Purged", v: 1, id, n: 3, hash })
      })
    )
  )
})
