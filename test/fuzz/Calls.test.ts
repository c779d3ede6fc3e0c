import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  contentHashOf,
  CustomerId,
  NewTicket,
  RipioHttp,
  SupportTickets,
  TicketId,
  TicketOutcomes,
  TicketOutcomesLive
} from "../../src/index.ts"
import { created, pending, ticketId } from "../support/fixtures.ts"
import { fuzz, fuzzedCalls } from "../support/fuzz.ts"
import { account } from "../support/harness.ts"
import type { Hostile } from "../support/hostileValues.ts"
import { newTicket } from "../support/newTicket.ts"
import { tokenResponse } from "../support/replies.ts"
import { untyped } from "../support/untyped.ts"

/** The services of an account whose API creates every ticket, and the number of requests that it received. */
const services = Effect.gen(function* () {
  const counts = { creates: 0, reads: 0 }
  const client = HttpClient.make((request) => {
    const reply = (json: unknown) =>
      Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(json, { status: 200 })))
    if (request.url.endsWith("/oauth2/token/")) return reply(tokenResponse().json)
    if (request.method !== "POST") {
      const read = counts.reads++
      // Waits of the first calls reach their deadline. Later ones receive the outcome.
      return reply(read < 1000 || read % 3 === 0 ? pending : created)
    }
    const read = HttpServerRequest.fromClientRequest(request).arrayBuffer
    return Effect.flatMap(Effect.orDie(read), () => {
      counts.creates++
      return reply(pending)
    })
  })
  const layer = account({ retry: { times: 1 } }).pipe(
    Layer.provideMerge(TicketOutcomesLive.layer()),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  const context = yield* Layer.build(layer)
  return {
    tickets: Context.get(context, SupportTickets),
    http: Context.get(context, RipioHttp),
    outcomes: Context.get(context, TicketOutcomes),
    counts
  }
})

const hostileTicket = (hostile: Hostile) =>
  untyped(
    hostile.chance(0.3)
      ? newTicket()
      : hostile.object({
          ...newTicket(),
          files: hostile.chance(0.5) ? undefined : [new File(["content"], "a.txt"), hostile.value()]
        })
  )

const hostileId = (hostile: Hostile) => untyped(hostile.chance(0.7) ? ticketId : hostile.value())

const hostileOptions = (hostile: Hostile) =>
  untyped(hostile.object({ deadline: "1 minute", schedule: Schedule.spaced("10 seconds") }))

const sum = (counts: Record<string, number>, ...ends: ReadonlyArray<string>) =>
  ends.reduce((total, end) => total + (counts[end] ?? 0), 0)

/** These ends say that there is a ticket. Ambiguous calls, and those that were interrupted, may have created one. */
const assertCreates = (creates: number, counts: Record<string, number>, ends: ReadonlyArray<string>) => {
  assert.isAtLeast(creates, sum(counts, ...ends))
  assert.isAtMost(creates, sum(counts, ...ends, "CreateAmbiguous", "Interrupted"))
}

const onlyEnds = (counts: Record<string, number>, ...ends: ReadonlyArray<string>) =>
  assert.sameMembers(Object.keys(counts), [...ends])

describe(`${fuzzedCalls} calls with hostile arguments`, () => {
  it.effect("of retrieve fail with RipioHttpError and send nothing, or succeed", () =>
    Effect.gen(function* () {
      const { counts, tickets } = yield* services
      const ends = yield* fuzz(1, (hostile) => tickets.retrieve(hostileId(hostile)))
      onlyEnds(ends, "Success", "RipioHttpError")
      assert.strictEqual(counts.reads, sum(ends, "Success"))
    })
  )

  it.effect("of create fail with RipioHttpError if nothing was sent, and otherwise succeed", () =>
    Effect.gen(function* () {
      const { counts, tickets } = yield* services
      const ends = yield* fuzz(2, (hostile) => tickets.create(hostileTicket(hostile)))
      assert.containsAllKeys(ends, ["Success", "RipioHttpError"])
      assertCreates(counts.creates, ends, ["Success"])
      // Some files have another number of bytes than their size says.
      assert.isAtMost(sum(ends, "CreateAmbiguous"), fuzzedCalls / 20)
    })
  )

  it.effect("of raise fail with RipioHttpError if nothing was sent, and then only with OutcomePending", () =>
    Effect.gen(function* () {
      const { counts, tickets } = yield* services
      const ends = yield* fuzz(3, (hostile) => tickets.raise(hostileTicket(hostile), hostileOptions(hostile)))
      assert.containsAllKeys(ends, ["Success", "RipioHttpError", "OutcomePending"])
      assertCreates(counts.creates, ends, ["Success", "OutcomePending"])
    })
  )

  it.effect("of awaitOutcome fail with OutcomePending or succeed", () =>
    Effect.gen(function* () {
      const { tickets } = yield* services
      const ends = yield* fuzz(4, (hostile) => tickets.awaitOutcome(hostileId(hostile), hostileOptions(hostile)))
      assert.containsAllKeys(ends, ["Success", "OutcomePending"])
      assert.strictEqual(sum(ends, "Success", "OutcomePending", "Interrupted"), fuzzedCalls)
    })
  )

  it.effect("of changes fail with OutcomePending or succeed", () =>
    Effect.gen(function* () {
      const { tickets } = yield* services
      const ends = yield* fuzz(5, (hostile) =>
        Stream.runDrain(tickets.changes(hostileId(hostile), hostileOptions(hostile)))
      )
      assert.containsAllKeys(ends, ["Success", "OutcomePending"])
      assert.strictEqual(sum(ends, "Success", "OutcomePending", "Interrupted"), fuzzedCalls)
    })
  )

  it.effect("of RipioHttp.execute fail with RipioHttpError or succeed", () =>
    Effect.gen(function* () {
      const { http } = yield* services
      const requests = [
        HttpClientRequest.get("/path/"),
        HttpClientRequest.get("/path/?a=b#c"),
        HttpClientRequest.post("/path/").pipe(HttpClientRequest.bodyText("text")),
        HttpClientRequest.setHeader(HttpClientRequest.get("/path/"), "x-hostile", "a\r\nb")
      ]
      const ends = yield* fuzz(6, (hostile) => {
        const request = hostile.pick(requests)
        return http.execute(
          untyped(hostile.chance(0.7) ? request : hostile.object(request)),
          untyped(
            hostile.object({ operation: "test", decode: Result.succeed, annotations: () => Effect.succeed({ a: 1 }) })
          )
        )
      })
      onlyEnds(ends, "Success", "RipioHttpError")
    })
  )

  it.effect("of every method of TicketOutcomes succeed, and record no value that is not an outcome", () =>
    Effect.gen(function* () {
      const { outcomes } = yield* services
      const outcome = { _tag: "Created", ticketId, issueKey: "SUP-1" }
      const event = { ...outcome, _tag: "TicketCreated", dedupeKey: "key", secretIndex: 0 }
      for (const [name, call] of [
        ["publish", (hostile: Hostile) => outcomes.publish(untyped(hostile.object(event)))],
        ["record", (hostile: Hostile) => outcomes.record(untyped(hostile.object(outcome)))],
        ["get", (hostile: Hostile) => outcomes.get(untyped(hostile.value()))],
        ["await", (hostile: Hostile) => outcomes.await(untyped(hostile.value()))]
      ] as const) {
        const ends = yield* fuzz(7, call)
        const end = name === "await" ? "Interrupted" : "Success"
        assert.strictEqual(sum(ends, end, "OutcomeContradiction"), fuzzedCalls, name)
      }
      assert.strictEqual(yield* outcomes.waiterCount, 0)
    })
  )

  it.effect("of contentHashOf fail with InvalidRequest or succeed", () =>
    Effect.gen(function* () {
      const ends = yield* fuzz(8, (hostile) => contentHashOf(hostileTicket(hostile)))
      onlyEnds(ends, "Success", "InvalidRequest")
    })
  )

  const decoders: Record<string, (input: unknown) => Effect.Effect<unknown, unknown>> = {
    NewTicket: Schema.decodeUnknownEffect(NewTicket),
    TicketId: Schema.decodeUnknownEffect(TicketId),
    CustomerId: Schema.decodeUnknownEffect(CustomerId)
  }
  for (const [name, decode] of Object.entries(decoders)) {
    it.effect(`of the decoder of ${name} fail with SchemaError or succeed`, () =>
      Effect.gen(function* () {
        const ends = yield* fuzz(9, (hostile) => {
          const input = name === "NewTicket" ? hostileTicket(hostile) : hostileId(hostile)
          const decoded = Effect.suspend(() => decode(input))
          // Effect's decoders do not catch what a getter or a proxy throws.
          return Effect.catchDefect(decoded, (defect) => (isHostile(defect) ? Effect.void : Effect.die(defect)))
        })
        onlyEnds(ends, "Success", "SchemaError")
      })
    )
  }
})

const isHostile = (defect: unknown) =>
  defect instanceof Error && /hostile getter|has been revoked/u.test(defect.message)
