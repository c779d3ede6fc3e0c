import { assert, describe, it } from "@effect/vitest"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { TicketWebhookHandler } from "../../src/index.ts"
import { Idle } from "../support/Idle.ts"
import { createdJson, jsonDelivery, setClockToIssueTime } from "./fixtures.ts"
import { type OnEvent, post, postStream, url, webhooks } from "./receivers.ts"
import { recordLog } from "./recordLog.ts"

const make = (onEvent: OnEvent, options?: TicketWebhookHandler.Options) =>
  TicketWebhookHandler.make(onEvent, options).pipe(
    Effect.provide(webhooks),
    Effect.map((handler) => (request: Request) => Effect.promise(() => handler(request)))
  )

const neverCalled = () => Effect.die(new Error("never"))

describe("TicketWebhookHandler", () => {
  it.effect("responds 405 to every method but POST", () =>
    Effect.gen(function* () {
      const handle = yield* make(neverCalled)
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        const response = yield* handle(new Request(url, { method }))
        assert.strictEqual(response.status, 405)
        assert.strictEqual(response.headers.get("allow"), "POST")
      }
    })
  )

  it.effect("interrupts onEvent after the timeout and responds 503", () =>
    Effect.gen(function* () {
      yield* setClockToIssueTime
      const started = yield* Deferred.make<void>()
      let isInterrupted = false
      const onEvent = () =>
        Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              isInterrupted = true
            })
          )
        )
      const handler = yield* Effect.provide(TicketWebhookHandler.make(onEvent, { timeout: 20 }), webhooks)
      const response = handler(post(jsonDelivery(createdJson)))
      yield* Deferred.await(started)
      yield* Idle.await
      yield* TestClock.adjust(20)
      assert.strictEqual((yield* Effect.promise(() => response)).status, 503)
      assert.isTrue(isInterrupted)
    }).pipe(Effect.provide(Idle.layer))
  )

  it.effect("responds 500 and logs why if the body was read before", () =>
    Effect.gen(function* () {
      const log = recordLog()
      const handle = yield* Effect.provide(
        make(() => Effect.void),
        log.layer
      )
      const request = post(jsonDelivery(createdJson))
      yield* Effect.promise(() => request.json())
      assert.strictEqual((yield* handle(request)).status, 500)
      assert.include(log.lines.join(), "read or locked before")
    })
  )

  it.effect("responds 400 to a body that breaks off, and cancels an endless body", () =>
    Effect.gen(function* () {
      const handle = yield* make(neverCalled)
      const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })
      assert.strictEqual((yield* handle(postStream(broken))).status, 400)
      let pulls = 0
      let isCancelled = false
      const endless = new ReadableStream({
        pull: (controller) => {
          pulls++
          controller.enqueue(new Uint8Array(65_536))
        },
        cancel: () => {
          isCancelled = true
        }
      })
      assert.strictEqual((yield* handle(postStream(endless))).status, 413)
      assert.isTrue(isCancelled)
      assert.isAtMost(pulls, 7)
    })
  )

  it.effect("responds 503 on a runtime without WebCrypto", () =>
    Effect.gen(function* () {
      const handle = yield* Effect.provide(
        make(() => Effect.void),
        Layer.merge(Logger.layer([]), Layer.succeed(WebCrypto.WebCrypto, {} as Crypto))
      )
      assert.strictEqual((yield* handle(post(jsonDelivery(createdJson)))).status, 503)
    })
  )

  it.effect("fails with InvalidOption for a timeout that is not positive", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(make(() => Effect.void, { timeout: 0 }))
      assert.deepInclude(error, { option: "timeout", issue: "expected a duration above zero" })
    })
  )
})
