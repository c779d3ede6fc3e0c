import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { IssueKey } from "../../src/index.ts"
import { createdBody, failedBody, pendingBody, withSandbox } from "./sandbox.ts"
import { requestToken, retrieveJson } from "./transports.ts"

describe("a seeded ticket", () => {
  it.effect("ends after three seconds by default, to the millisecond", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_000_000)
        const id = yield* sandbox.seed()
        const token = yield* requestToken(sandbox.account)
        assert.deepStrictEqual((yield* retrieveJson(id, token)).body, pendingBody(id))
        yield* TestClock.adjust(2999)
        assert.deepStrictEqual((yield* retrieveJson(id, token)).body, pendingBody(id))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual((yield* retrieveJson(id, token)).body, createdBody(id, "SUP-1001"))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual((yield* retrieveJson(id, token)).body, createdBody(id, "SUP-1001"))
      })
    )
  )

  const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
  it.effect.prop(
    "is pending before `after` and has its outcome from then on",
    { after: Millis, elapsed: Millis, outcome: Schema.Literals(["Created", "Failed"]) },
    ({ after, elapsed, outcome }) =>
      withSandbox((sandbox) =>
        Effect.gen(function* () {
          const id = yield* sandbox.seed({ after, outcome })
          const token = yield* requestToken(sandbox.account)
          yield* TestClock.adjust(elapsed)
          const ended = outcome === "Created" ? createdBody(id, "SUP-1001") : failedBody(id)
          assert.deepStrictEqual((yield* retrieveJson(id, token)).body, elapsed < after ? pendingBody(id) : ended)
        })
      )
  )

  it.effect("has the next id and issue key, whatever its outcome", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const ids = [
          yield* sandbox.seed({ after: 0 }),
          yield* sandbox.seed({ outcome: "Failed", after: 0 }),
          yield* sandbox.seed({ outcome: "Pending" }),
          yield* sandbox.seed({ after: 0, issueKey: IssueKey.make("OPS-7") }),
          yield* sandbox.seed({ after: 0 })
        ] as const
        assert.deepStrictEqual(
          ids.map((id) => id.slice(-3)),
          ["001", "002", "003", "004", "005"]
        )
        yield* TestClock.adjust("10 days")
        const newToken = yield* requestToken(sandbox.account)
        const bodies = yield* Effect.forEach(ids, (id) => Effect.map(retrieveJson(id, newToken), ({ body }) => body))
        assert.deepStrictEqual(bodies, [
          createdBody(ids[0], "SUP-1001"),
          failedBody(ids[1]),
          pendingBody(ids[2]),
          createdBody(ids[3], "OPS-7"),
          createdBody(ids[4], "SUP-1005")
        ])
        assert.notStrictEqual(Redacted.value(newToken), Redacted.value(token))
      })
    )
  )

  it.effect("ends at once with complete, and its outcome does not change", () =>
    withSandbox((sandbox) =>
      Effect.gen(function* () {
        const token = yield* requestToken(sandbox.account)
        const pending = yield* sandbox.seed({ outcome: "Pending" })
        const ending = yield* sandbox.seed({ outcome: "Created", after: "1 hour" })
        yield* sandbox.complete(pending, "Created")
        yield* sandbox.complete(ending, "Failed")
        yield* sandbox.complete(ending, "Failed")
        assert.deepStrictEqual((yield* retrieveJson(pending, token)).body, createdBody(pending, "SUP-1001"))
        assert.deepStrictEqual((yield* retrieveJson(ending, token)).body, failedBody(ending))
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual((yield* retrieveJson(ending, token)).body, failedBody(ending))

        const cause = yield* Effect.flip(Effect.sandbox(sandbox.complete(ending, "Created")))
        assert.include(Cause.pretty(cause), "has ended as Failed")
      })
    )
  )
})
