/** Limits in time, bytes and log lines, of each receiver. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { maxWebhookBytes, TicketOutcomesLive, TicketWebhookHandler } from "../../src/index.ts"
import { Idle } from "../support/Idle.ts"
import { untyped } from "../support/untyped.ts"
import { bytesOf, createdJson, delivery, jsonDelivery, nodeSignature, setClockToIssueTime } from "./fixtures.ts"
import { connectTo } from "./rawClient.ts"
import {
  type OnEvent,
  path,
  post,
  postStream,
  type Receiver,
  receivers,
  serveRoute,
  url,
  webhooks
} from "./receivers.ts"
import { recordLog } from "./recordLog.ts"

type Send = (request: Request) => Effect.Effect<Response>

const receiveWith =
  (receiver: Receiver, onEvent: OnEvent = () => Effect.void) =>
  <A, E>(test: (send: Send, logLines: ReadonlyArray<string>) => Effect.Effect<A, E, Idle>) => {
    const log = recordLog()
    return Effect.gen(function* () {
      yield* setClockToIssueTime
      return yield* test(yield* receiver.make(onEvent), log.lines)
    }).pipe(
      Effect.provide(Layer.merge(TicketOutcomesLive.layer(), log.layer)),
      Effect.scoped,
      Effect.provide(Idle.layer)
    )
  }

const text = JSON.stringify(createdJson)
const header = "Http-X-Wh-Signature-256"
const forgery = () => post({ body: bytesOf(text), headers: { [header]: nodeSignature("forged") } })
const unsigned = () => post({ body: bytesOf(text), headers: {} })

const mismatchCount = Effect.map(Metric.snapshot, (metrics) =>
  metrics.reduce(
    (sum, { attributes, id, state, type }) =>
      id === "ripio.webhook.deliveries" && type === "Counter" && attributes?.["result"] === "SignatureMismatch"
        ? sum + Number(state.count)
        : sum,
    0
  )
)

/** A stream of these chunks, whatever they are. */
const streamOf = (...chunks: ReadonlyArray<unknown>) =>
  new ReadableStream({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    }
  })

for (const receiver of receivers) {
  describe(receiver.title, () => {
    it.effect("logs forgeries at most once a minute per reason, and counts all of them", () =>
      receiveWith(receiver)((send, logLines) =>
        Effect.gen(function* () {
          const before = yield* mismatchCount
          for (let number = 0; number < 50; number++) assert.strictEqual((yield* send(forgery())).status, 401)
          yield* send(unsigned())
          assert.strictEqual((yield* mismatchCount) - before, 50)
          assert.strictEqual(logLines.length, 2)
          assert.notInclude(logLines[0], "more since")
          assert.include(logLines[1], "is missing")
          yield* TestClock.adjust("59999 millis")
          yield* send(forgery())
          assert.strictEqual(logLines.length, 2)
          yield* TestClock.adjust("1 millis")
          yield* send(forgery())
          assert.strictEqual(logLines.length, 3)
          assert.match(
            logLines[2] ?? "",
            /the signature does not match.*\(50 more since the last line of this kind\)$/u
          )
          yield* TestClock.adjust("1 minute")
          yield* send(forgery())
          assert.notInclude(logLines[3], "more since")
        })
      )
    )

    for (const { onEvent, title } of [
      { title: "cannot be interrupted", onEvent: () => Effect.uninterruptible(Effect.never) },
      {
        title: "cleans up without end",
        onEvent: () => Effect.onInterrupt(Effect.never, () => Effect.never)
      },
      { title: "is interrupted", onEvent: () => Effect.never }
    ]) {
      it.effect(`responds 503 after 10 s to an onEvent that ${title}`, () =>
        Effect.gen(function* () {
          const started = yield* Deferred.make<void>()
          const onEventStarted = () => Effect.andThen(Deferred.succeed(started, undefined), onEvent())
          yield* receiveWith(
            receiver,
            onEventStarted
          )((send, logLines) =>
            Effect.gen(function* () {
              const sending = yield* Effect.forkChild(send(post(jsonDelivery(createdJson))))
              yield* Deferred.await(started)
              yield* Idle.await
              yield* TestClock.adjust("9999 millis")
              yield* Idle.await
              assert.isUndefined(sending.pollUnsafe())
              yield* TestClock.adjust("1 millis")
              assert.strictEqual((yield* Fiber.join(sending)).status, 503)
              assert.match(logLines.at(-1) ?? "", /^Error A verified webhook could not be handled/u)
            })
          )
        })
      )
    }

    // `fetch` sends bytes only, and sends the whole body.
    if (receiver.isOnPort) return

    it.effect("responds 408 to a body that stalls for 10 s, and cancels it", () =>
      receiveWith(receiver)((send, logLines) =>
        Effect.gen(function* () {
          let isCancelled = false
          const stalled = new ReadableStream({
            start: (controller) => controller.enqueue(bytesOf("{")),
            cancel: () => {
              isCancelled = true
              // A source whose clean-up never ends.
              return new Promise(() => {})
            }
          })
          const sending = yield* Effect.forkChild(send(postStream(stalled)))
          yield* Idle.await
          yield* TestClock.adjust("9999 millis")
          yield* Idle.await
          assert.isUndefined(sending.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          assert.strictEqual((yield* Fiber.join(sending)).status, 408)
          assert.isTrue(isCancelled)
          assert.include(logLines.join(), "did not arrive within 10s")
        })
      )
    )

    it.effect("accepts a body in chunks of text and of buffers", () =>
      receiveWith(receiver)((send) =>
        Effect.gen(function* () {
          const { body, headers } = jsonDelivery({ ...createdJson, note: "ñandú" })
          const asText = new TextDecoder().decode(body)
          const copy = (start: number, end?: number) => new Uint8Array(body).slice(start, end)
          for (const chunks of [
            [asText],
            [asText.slice(0, 20), asText.slice(20)],
            [copy(0, 20).buffer, asText.slice(20)],
            ["", copy(0, 20), new DataView(copy(20).buffer)]
          ]) {
            assert.strictEqual((yield* send(postStream(streamOf(...chunks), headers))).status, 200)
          }
        })
      )
    )

    it.effect("counts the bytes of text against the limit, and stops reading above it", () =>
      receiveWith(receiver)((send) =>
        Effect.gen(function* () {
          const atLimit = delivery(text.padEnd(maxWebhookBytes))
          assert.strictEqual(
            (yield* send(postStream(streamOf(text.padEnd(maxWebhookBytes)), atLimit.headers))).status,
            200
          )
          for (const chunk of ["x".repeat(maxWebhookBytes + 1), "ñ".repeat(maxWebhookBytes / 2 + 1)]) {
            assert.strictEqual((yield* send(postStream(streamOf(chunk)))).status, 413)
          }
          let pulls = 0
          const endless = new ReadableStream({
            pull: (controller) => {
              if (++pulls > 100) controller.error(new Error("read too far"))
              else controller.enqueue("x".repeat(65_536))
            }
          })
          assert.strictEqual((yield* send(postStream(endless))).status, 413)
          assert.isAtMost(pulls, 7)
        })
      )
    )

    it.effect("responds 400 to a body whose chunks are neither bytes nor text", () =>
      receiveWith(receiver)((send) =>
        Effect.gen(function* () {
          for (const chunk of [7, null, {}, Symbol("chunk"), [1]]) {
            assert.strictEqual((yield* send(postStream(streamOf(chunk)))).status, 400)
          }
        })
      )
    )

    it.effect("responds 500 to a body that was read or locked before, and logs how to fix it", () =>
      receiveWith(receiver)((send, logLines) =>
        Effect.gen(function* () {
          const read = post(jsonDelivery(createdJson))
          yield* Effect.promise(() => read.json())
          const locked = post(jsonDelivery(createdJson))
          locked.body?.getReader()
          assert.strictEqual((yield* send(locked)).status, 500)
          assert.strictEqual((yield* send(read)).status, 500)
          assert.strictEqual(logLines.length, 1)
          assert.match(logLines[0] ?? "", /^Error .*read or locked before.*express\.json\(\)/u)
        })
      )
    )
  })
}

describe("TicketWebhookRoute on a socket", () => {
  it.effect("responds 408 to a body that stalls for 10 s, and serves the next request", () =>
    Effect.gen(function* () {
      const server = yield* serveRoute(() => Effect.void)
      const client = yield* connectTo(server)
      const head = `POST ${path} HTTP/1.1\r\nHost: shop.test`
      yield* client.send(`${head}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n`)
      // The server asks for the body when it begins to read it.
      yield* client.receive(/100 Continue\r\n\r\n/u)
      yield* client.send("{")
      yield* TestClock.adjust("9999 millis")
      assert.notInclude(client.received(), "408")
      yield* TestClock.adjust("1 millis")
      yield* client.receive(/HTTP\/1\.1 408 /u)
      const next = yield* connectTo(server)
      yield* next.send(`${head}\r\nContent-Length: 0\r\n\r\n`)
      yield* next.receive(/HTTP\/1\.1 401 /u)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TicketOutcomesLive.layer(), recordLog().layer)))
  )
})

describe("TicketWebhookHandler", () => {
  it.effect("responds, and never rejects, whatever a polyfill of Request passes", () =>
    Effect.gen(function* () {
      const log = recordLog()
      const handler = yield* TicketWebhookHandler.make(() => Effect.die(new Error("never"))).pipe(
        Effect.provide(webhooks),
        Effect.provide(log.layer)
      )
      const headers = new Headers()
      for (const { request, status } of [
        { request: undefined, status: 500 },
        { request: {}, status: 405 },
        { request: { method: "POST" }, status: 500 },
        { request: { method: "POST", body: null, headers: null }, status: 500 },
        { request: { method: "POST", body: { pipe: () => {} }, headers }, status: 500 },
        { request: { method: "POST", body: { getReader: () => ({}) }, headers }, status: 400 },
        { request: { method: "POST", body: null, headers, bodyUsed: false, url }, status: 401 }
      ]) {
        const response = yield* Effect.promise(() => handler(untyped(request)))
        assert.strictEqual(response.status, status)
      }
    })
  )

  for (const { onEvent, title } of [
    {
      title: "throws",
      onEvent: () => {
        throw new Error("a mistake")
      }
    },
    { title: "returns undefined", onEvent: () => undefined },
    { title: "is an async function", onEvent: () => Promise.resolve() }
  ]) {
    it.effect(`responds 503 if onEvent ${title}`, () =>
      Effect.gen(function* () {
        yield* setClockToIssueTime
        const log = recordLog()
        const handler = yield* TicketWebhookHandler.make<unknown, never>(untyped(onEvent)).pipe(
          Effect.provide(webhooks),
          Effect.provide(log.layer)
        )
        const response = yield* Effect.promise(() => handler(post(jsonDelivery(createdJson))))
        assert.strictEqual(response.status, 503)
        assert.match(log.lines.at(-1) ?? "", /^Error A verified webhook could not be handled/u)
      })
    )
  }
})
