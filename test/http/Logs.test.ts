import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SupportTickets } from "../../src/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { apiErrors, created, pending, ticketId } from "../support/fixtures.ts"
import { playScript, retrieve, waits, withoutJitter } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

describe("the logs", () => {
  it.effect("are empty while a ticket is pending", () =>
    Effect.gen(function* () {
      for (const call of waits) {
        const script = [tokenResponse(), ...Array.from({ length: 20 }, () => json(pending)), json(created)]
        assert.deepStrictEqual(yield* collectLogs(playScript(call, script)), [])
      }
    })
  )

  it.effect("are empty for a call that succeeds, and for one that fails without a retry", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* collectLogs(playScript(retrieve, [tokenResponse(), json(created)])), [])
      const notFound = { status: 404, json: apiErrors.notFound }
      assert.deepStrictEqual(yield* collectLogs(playScript(retrieve, [tokenResponse(), notFound])), [])
    })
  )

  it.effect("contain each retry with its reason, at the level Debug", () =>
    Effect.gen(function* () {
      const script = [{ status: 500 }, tokenResponse(), { status: 503 }, "refused", json(created)] as const
      assert.deepStrictEqual(yield* collectLogs(playScript(retrieve, script)), [
        "Debug: Retrying: accessToken: the server failed with status 500 (1 attempt)",
        "Debug: Retrying: retrieve: the server failed with status 503 (1 attempt)",
        "Debug: Retrying: retrieve: the connection failed: ECONNREFUSED: simulated connection failure (2 attempts)"
      ])
    })
  )

  it.effect("contain a failed token renewal with its reason, at the level Warn", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* retrieve
        yield* Effect.sleep("59 minutes")
        yield* retrieve
      })
      const [line, ...others] = yield* collectLogs(
        playScript(program, [tokenResponse(), json(pending), { status: 503 }, json(pending)])
      )
      assert.match(
        line ?? "",
        /^Warn: The access token could not be renewed yet. The current one is still valid: accessToken: .*503/u
      )
      assert.deepStrictEqual(others, [])
    })
  )

  it.effect("contain nothing above Debug about failed polls and the deadline", () =>
    Effect.gen(function* () {
      const wait = SupportTickets.use((tickets) =>
        Effect.exit(tickets.awaitOutcome(ticketId, { ...withoutJitter, deadline: "3 seconds" }))
      )
      const lines = yield* collectLogs(
        playScript(wait, [tokenResponse(), { status: 418 }, { status: 503 }, { status: 503 }], {
          retry: { times: 1, base: "1 milli" }
        })
      )
      assert.deepStrictEqual(
        lines.filter((line) => !line.startsWith("Debug: ")),
        []
      )
    })
  )
})
