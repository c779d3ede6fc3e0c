/** The web handler and the router's route: what both promise is tried on both. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { createServer } from "node:http"
import {
  maxWebhookBytes,
  type TicketEvent,
  TicketOutcomes,
  TicketOutcomesLive,
  TicketWebhookHandler,
  TicketWebhookRoute,
  TicketWebhooksLive
} from "../../src/index.ts"
import {
  atMoment,
  bytesOf,
  created,
  createdJson,
  delivery,
  failedJson,
  jsonDelivery,
  nodeSignature,
  otherJson,
  secret,
  settle,
  ticketId
} from "./support.ts"

type OnEvent = (event: TicketEvent) => Effect.Effect<unknown, unknown>
type Send = (request: Request) => Effect.Effect<Response>
interface World {
  readonly send: Send
  readonly events: ReadonlyArray<TicketEvent>
  readonly log: ReadonlyArray<string>
}

const webhooks = TicketWebhooksLive.layer({ secrets: [secret] })
const path = "/webhooks/ripio"
const url = `https://shop.test${path}`
const post = (signed: { readonly body: Uint8Array | null; readonly headers: Record<string, string> }) =>
  new Request(url, { method: "POST", body: signed.body as Uint8Array<ArrayBuffer> | null, headers: signed.headers })

/** Each way to receive, on the `Clock` and with the log of the test. */
const ways: Record<string, (onEvent: OnEvent) => Effect.Effect<Send, unknown, TicketOutcomes | Scope.Scope>> = {
  "the web handler": (onEvent) =>
    TicketWebhookHandler.make(onEvent).pipe(
      Effect.provide(webhooks),
      Effect.map((handler) => (request) => Effect.promise(() => handler(request)))
    ),
  "the route, as a web handler": (onEvent) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<TicketOutcomes>()
      const clock = yield* Clock.Clock
      const { dispose, handler } = HttpRouter.toWebHandler(
        TicketWebhookRoute.layer(path, onEvent).pipe(
          Layer.provide(webhooks),
          Layer.provide(Layer.succeedContext(context))
        ),
        { disableLogger: true }
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const services = Context.add(context, Clock.Clock, clock)
      return (request) => Effect.promise(() => handler(request, services))
    }),
  "the route, on a port": (onEvent) =>
    Effect.gen(function* () {
      const server = yield* Layer.build(
        HttpRouter.serve(TicketWebhookRoute.layer(path, onEvent).pipe(Layer.provide(webhooks)), {
          disableLogger: true,
          disableListenLog: true
        }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })))
      )
      const address = Context.get(server, HttpServer.HttpServer).address
      if (address._tag !== "InetAddressV4") return yield* Effect.die(new Error("not on a port"))
      const base = `http://127.0.0.1:${address.port}${path}`
      return (request) =>
        Effect.promise(async () =>
          fetch(base, {
            method: request.method,
            headers: [...request.headers].filter(([name]) => name !== "content-length"),
            body: request.body === null ? null : await request.arrayBuffer()
          })
        )
    })
}

const receiving = <A, E>(
  way: (typeof ways)[string],
  test: (world: World) => Effect.Effect<A, E, TicketOutcomes>,
  onEvent: OnEvent = () => Effect.void
) => {
  const events: Array<TicketEvent> = []
  const log: Array<string> = []
  const logger = Logger.make(
    ({ logLevel, message }) => void log.push(`${logLevel} ${String(Array.isArray(message) ? message[0] : message)}`)
  )
  return Effect.gen(function* () {
    yield* atMoment
    const send = yield* way((event) =>
      Effect.andThen(
        Effect.sync(() => events.push(event)),
        onEvent(event)
      )
    )
    return yield* test({ send, events, log })
  }).pipe(Effect.provide(Layer.merge(TicketOutcomesLive.layer(), Logger.layer([logger]))), Effect.scoped)
}

const answerOf = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.text()),
    (text) => [response.status, text] as const
  )

for (const [name, way = ways["the web handler"]!] of Object.entries(ways)) {
  describe(name, () => {
    it.effect("takes an event, and answers 200 without a word", () =>
      receiving(way, ({ events, log, send }) =>
        Effect.gen(function* () {
          for (const json of [createdJson, failedJson, otherJson]) {
            assert.deepStrictEqual(yield* answerOf(yield* send(post(jsonDelivery(json)))), [200, ""])
          }
          assert.deepStrictEqual(
            events.map(({ _tag }) => _tag),
            ["TicketCreated", "TicketFailed", "OtherEvent"]
          )
          // That a ticket is told to be registered and to have failed is worth a line, and no more than that.
          assert.strictEqual(log.length, 1)
          assert.include(log[0], "Error Ticket")
        })
      )
    )

    it.effect("tells those who wait", () =>
      receiving(way, ({ send }) =>
        Effect.gen(function* () {
          yield* send(post(jsonDelivery(createdJson)))
          const outcomes = yield* TicketOutcomes
          assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(created))
        })
      )
    )

    const text = JSON.stringify(createdJson)
    const late = JSON.stringify({ ...createdJson, issueDatetime: "2026-06-26T14:00:00Z" })
    const header = "Http-X-Wh-Signature-256"
    for (const [what, request, status, logged] of [
      ["no signature", () => post({ body: bytesOf(text), headers: {} }), 401, /^Warn.*look at the header/u],
      [
        "half a signature",
        () => post({ body: bytesOf(text), headers: { [header]: "sha256=00" } }),
        401,
        /^Warn.*look at the header/u
      ],
      [
        "a forged signature",
        () => post({ body: bytesOf(text), headers: { [header]: nodeSignature("x") } }),
        401,
        /^Warn.*look at the secret/u
      ],
      ["an old event", () => post(delivery(late)), 401, /^Warn.*look at the clock/u],
      ["no body", () => post({ body: null, headers: {} }), 401, /^Warn.*look at the header/u],
      ["an event that cannot be read", () => post(delivery("{}")), 400, /^Error.*look at the body/u]
    ] as const) {
      it.effect(`answers ${status} to ${what}, says why in the log, and to the sender nothing`, () =>
        receiving(way, ({ events, log, send }) =>
          Effect.gen(function* () {
            const response = yield* send(request())
            assert.deepStrictEqual(yield* answerOf(response), [status, ""])
            assert.isNull(response.headers.get("www-authenticate"))
            assert.deepStrictEqual(events, [])
            assert.strictEqual(log.length, 1)
            assert.match(log[0] ?? "", logged)
          })
        )
      )
    }

    it.effect("answers 413 to more than 256 KiB, whether the length is told or not", () =>
      receiving(way, ({ events, send }) =>
        Effect.gen(function* () {
          const atLimit = delivery(text.padEnd(maxWebhookBytes))
          const over = delivery(text.padEnd(maxWebhookBytes + 1))
          assert.strictEqual((yield* send(post(atLimit))).status, 200)
          assert.strictEqual((yield* send(post(over))).status, 413)
          const told = post({ body: over.body, headers: { ...over.headers, "content-length": `${over.body.length}` } })
          assert.strictEqual((yield* send(told)).status, 413)
          assert.strictEqual(events.length, 1)
        })
      )
    )

    // To a port, `fetch` would have to send it to its end.
    if (name !== "the route, on a port") {
      const streaming = (body: ReadableStream, headers: Record<string, string> = {}) =>
        new Request(url, { method: "POST", body, duplex: "half", headers } as RequestInit)

      it.effect("puts together a body that comes in pieces", () =>
        receiving(way, ({ events, send }) =>
          Effect.gen(function* () {
            const { body, headers } = jsonDelivery(createdJson)
            const pieces = [body.subarray(0, 10), body.subarray(10, 11), body.subarray(11)]
            const whole = Stream.toReadableStream(Stream.fromIterable(pieces))
            assert.strictEqual((yield* send(streaming(whole, headers))).status, 200)
            assert.strictEqual(events.length, 1)
          })
        )
      )

      it.effect("answers 400 to a body that breaks off", () =>
        receiving(way, ({ send }) =>
          Effect.gen(function* () {
            const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })
            assert.strictEqual((yield* send(streaming(broken))).status, 400)
          })
        )
      )

      it.effect("answers 413 to a body without end, and reads no further", () =>
        receiving(way, ({ send }) =>
          Effect.gen(function* () {
            let pulled = 0
            const endless = new ReadableStream({
              pull: (controller) => {
                pulled++
                // What is read to its end would never get there.
                if (pulled > 100) controller.error(new Error("read too far"))
                else controller.enqueue(new Uint8Array(65_536))
              }
            })
            assert.strictEqual((yield* send(streaming(endless))).status, 413)
            assert.isAtMost(pulled, 7)
          })
        )
      )
    }

    for (const [what, onEvent] of [
      ["fails", () => Effect.fail("the database is away")],
      ["dies", () => Effect.die(new Error("a mistake"))],
      ["is interrupted", () => Effect.interrupt]
    ] as const) {
      it.effect(`answers 503 if taking the event ${what}, so that it comes again`, () =>
        receiving(
          way,
          ({ log, send }) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* answerOf(yield* send(post(jsonDelivery(createdJson)))), [503, ""])
              assert.match(log.at(-1) ?? "", /^Error .*to be delivered again/u)
            }),
          onEvent
        )
      )
    }

    it.effect("takes an event again that it could not take the first time", () => {
      let fails = true
      return receiving(
        way,
        ({ events, send }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* send(post(jsonDelivery(createdJson)))).status, 503)
            fails = false
            assert.strictEqual((yield* send(post(jsonDelivery(createdJson)))).status, 200)
            assert.strictEqual(events.length, 2)
            assert.strictEqual(events[0]?.dedupeKey, events[1]?.dedupeKey)
          }),
        () => Effect.suspend(() => (fails ? Effect.fail("not now") : Effect.void))
      )
    })
  })
}

describe("the web handler alone", () => {
  const make = (onEvent: OnEvent, options?: TicketWebhookHandler.Options) =>
    Effect.provide(TicketWebhookHandler.make(onEvent, options), webhooks)

  it.effect("takes nothing but POST", () =>
    Effect.gen(function* () {
      const handler = yield* make(() => Effect.die(new Error("never")))
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const response = yield* Effect.promise(() => handler(new Request(url, { method })))
        assert.strictEqual(response.status, 405)
        assert.strictEqual(response.headers.get("allow"), "POST")
      }
    })
  )

  it.effect("answers 503 when taking takes too long", () =>
    Effect.gen(function* () {
      yield* atMoment
      const taking = yield* Deferred.make<void>()
      let interrupted = false
      const onEvent = () =>
        Effect.andThen(Deferred.succeed(taking, undefined), Effect.never).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              interrupted = true
            })
          )
        )
      const handler = yield* make(onEvent, { timeout: 20 })
      const answer = handler(post(jsonDelivery(createdJson)))
      yield* Deferred.await(taking)
      yield* settle
      yield* TestClock.adjust(20)
      assert.strictEqual((yield* Effect.promise(() => answer)).status, 503)
      assert.isTrue(interrupted)
    })
  )

  it.effect("says so when the body was read before", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const logger = Logger.make(({ message }) => void log.push(String(message)))
      const handler = yield* Effect.provide(
        make(() => Effect.void),
        Logger.layer([logger])
      )
      const request = post(jsonDelivery(createdJson))
      yield* Effect.promise(() => request.json())
      assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 500)
      assert.include(log.join(), "read before")
    })
  )

  it.effect("answers 400 to a body that breaks off, and stops reading one without end", () =>
    Effect.gen(function* () {
      const handler = yield* make(() => Effect.die(new Error("never")))
      const streaming = (body: ReadableStream) =>
        Effect.promise(() => handler(new Request(url, { method: "POST", body, duplex: "half" } as RequestInit)))
      const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })
      assert.strictEqual((yield* streaming(broken)).status, 400)
      let pulled = 0
      let cancelled = false
      const endless = new ReadableStream({
        pull: (controller) => {
          pulled++
          controller.enqueue(new Uint8Array(65_536))
        },
        cancel: () => {
          cancelled = true
        }
      })
      assert.strictEqual((yield* streaming(endless)).status, 413)
      assert.isTrue(cancelled)
      assert.isAtMost(pulled, 7)
    })
  )

  it.effect("answers 503 where nothing can be verified for want of WebCrypto", () =>
    Effect.gen(function* () {
      const handler = yield* Effect.provide(
        make(() => Effect.void),
        Layer.merge(Logger.layer([]), Layer.succeed(WebCrypto.WebCrypto, {} as Crypto))
      )
      const response = yield* Effect.promise(() => handler(post(jsonDelivery(createdJson))))
      assert.strictEqual(response.status, 503)
    })
  )

  it.effect("does not start with a time that cannot work", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(make(() => Effect.void, { timeout: 0 }))
      assert.deepInclude(error, { option: "timeout", issue: "expected a duration above zero" })
    })
  )
})
