import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Fault, type ScriptedReply, type ScriptedStep } from "../../src/testing/index.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { httpOn, onSandbox, operation, scriptedHttp } from "../support/harness.ts"
import { reasonOf } from "../support/reasonOf.ts"
import { always, ok } from "../support/replies.ts"
import { streamingClient } from "../support/streamingClient.ts"
import { failsWithin, fieldsOf, within } from "../support/virtualTime.ts"

describe("the timeout", () => {
  const retry = Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(2)])
  const timedOut = { _tag: "TimedOut", after: Duration.seconds(10) }

  it.effect("is ten seconds, and starts anew with each attempt", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(always("hang"), { retry })
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), timedOut)
      assert.deepInclude(error, { operation, attempts: 3 })
      assert.deepStrictEqual({ times: yield* times, after }, { times: [0, 11_000, 22_000], after: 32_000 })
    })
  )

  it.effect("is exact to the millisecond", () =>
    Effect.gen(function* () {
      const respondAfter =
        (millis: number): ScriptedStep =>
        () =>
          Effect.delay(Effect.succeed(ok), millis)
      const { get } = yield* scriptedHttp([respondAfter(9999), respondAfter(10_001)], { retry: { times: 0 } })
      assert.deepStrictEqual(yield* within("1 minute", get), { exit: Exit.succeed({ ok: true }), after: 9999 })
      assert.strictEqual((yield* failsWithin("1 minute", get)).after, 10_000)
    })
  )

  it.effect("can be set", () =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(["hang", ok], { retry, timeout: "250 millis" })
      assert.strictEqual((yield* within("1 minute", get)).after, 1250)
      assert.deepStrictEqual(yield* times, [0, 1250])
    })
  )

  it.effect("grows by one second for every 128 KiB of the request body", () =>
    Effect.gen(function* () {
      const { send } = yield* scriptedHttp(always("hang"), { retry: { times: 0 } })
      for (const { bytes, millis } of [
        { bytes: 128 * 1024 - 1, millis: 10_000 },
        { bytes: 128 * 1024, millis: 11_000 },
        { bytes: 1024 * 1024, millis: 18_000 }
      ]) {
        const request = HttpClientRequest.post("/path/").pipe(HttpClientRequest.bodyUint8Array(new Uint8Array(bytes)))
        const { after, error } = yield* failsWithin("1 hour", send(request))
        assert.deepStrictEqual(fieldsOf(reasonOf(error)), { _tag: "TimedOut", after: Duration.millis(millis) })
        assert.strictEqual(after, millis)
      }
    })
  )

  /** Transports that do not end when they are interrupted, or not at once. */
  const stubborn: ReadonlyArray<{ readonly name: string; readonly step: () => Effect.Effect<ScriptedReply> }> = [
    { name: "that cannot be interrupted and never ends", step: () => Effect.uninterruptible(Effect.never) },
    {
      name: "that cannot be interrupted and responds late",
      step: () => Effect.uninterruptible(Effect.delay(Effect.succeed(ok), "1 minute"))
    },
    {
      name: "that cannot be interrupted and dies late",
      step: () => Effect.uninterruptible(Effect.delay(Effect.die(new Error("too late")), "1 minute"))
    },
    {
      name: "that takes long to clean up",
      step: () => Effect.onInterrupt(Effect.never, () => Effect.sleep("1 minute"))
    },
    {
      name: "whose clean-up dies",
      step: () => Effect.onInterrupt(Effect.never, () => Effect.die(new Error("no clean-up")))
    }
  ]

  it.effect.each(stubborn)("holds on a transport $name", ({ step }) =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(step, { retry })
      const logs = yield* collectLogs(
        Effect.gen(function* () {
          const { after, error } = yield* failsWithin("32 seconds", get)
          assert.deepStrictEqual(fieldsOf(reasonOf(error)), timedOut)
          assert.deepStrictEqual({ times: yield* times, after }, { times: [0, 11_000, 22_000], after: 32_000 })
          yield* TestClock.adjust("1 hour")
        })
      )
      // Whatever an abandoned request does later, no request follows, and no line except one for each retry.
      assert.strictEqual((yield* times).length, 3)
      assert.deepStrictEqual(
        logs.map((line) => line.slice(0, 15)),
        ["Debug: Retrying", "Debug: Retrying"]
      )
    })
  )

  it.effect("does not hold a call whose transport interrupts itself", () =>
    Effect.gen(function* () {
      const { get } = yield* scriptedHttp(() => Effect.delay(Effect.interrupt, "1 second"))
      const { after, exit } = yield* within("1 minute", get)
      assert.strictEqual(after, 1000)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )

  it.effect.each(stubborn)("also ends the interruption of a call on a transport $name", ({ step }) =>
    Effect.gen(function* () {
      const { get, times } = yield* scriptedHttp(step, { retry })
      const fiber = yield* Effect.forkChild(get, { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      assert.isDefined(interruption.pollUnsafe())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* times, [0])
    })
  )

  it.live("reports no unhandled error if an abandoned request rejects", () =>
    Effect.gen(function* () {
      const unhandled: Array<unknown> = []
      const listener = (error: unknown) => void unhandled.push(error)
      process.on("unhandledRejection", listener)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("unhandledRejection", listener)))
      const rejectLate = () =>
        new Promise<never>((_, reject) => {
          setTimeout(() => reject(new Error("too late")), 40)
        })
      const { get } = yield* scriptedHttp(() => Effect.uninterruptible(Effect.promise(rejectLate)), {
        retry: { times: 0 },
        timeout: "10 millis"
      })
      assert.strictEqual(reasonOf(yield* Effect.flip(get))._tag, "TimedOut")
      yield* Effect.sleep("80 millis")
      assert.deepStrictEqual(unhandled, [])
    })
  )

  it.effect("interrupts the request before the call fails", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => events.push("interrupted")))
      const { get } = yield* scriptedHttp(() => hang, { retry: { times: 0 } })
      yield* failsWithin(
        "1 minute",
        Effect.tapError(get, () => Effect.sync(() => events.push("failed")))
      )
      assert.deepStrictEqual(events, ["interrupted", "failed"])
    })
  )

  /** A step that responds after the call has suspended. */
  const respondAsync: ScriptedStep = () => Effect.as(Effect.yieldNow, ok)

  it.live("leaves no timer behind when a call ends or is interrupted", () =>
    Effect.gen(function* () {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const { get } = yield* scriptedHttp(respondAsync)
      const before = timers()
      for (let call = 0; call < 20; call++) yield* get
      assert.isBelow(timers() - before, 10)
      for (let call = 0; call < 20; call++) {
        const hanging = yield* scriptedHttp(always("hang"))
        const fiber = yield* Effect.forkChild(hanging.get, { startImmediately: true })
        assert.strictEqual((yield* hanging.times).length, 1)
        yield* Fiber.interrupt(fiber)
      }
      assert.isBelow(timers() - before, 10)
    })
  )

  it.effect("leaves no fiber behind under a clock that is not the runtime's", () =>
    Effect.gen(function* () {
      const { get } = yield* scriptedHttp(respondAsync)
      const fibers = { started: 0, active: 0 }
      yield* Effect.provideService(Effect.repeat(get, { times: 9 }), Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => {
          fibers.started++
          fibers.active++
        },
        recordFiberEnd: () => void fibers.active--
      })
      assert.strictEqual(fibers.active, 0)
      assert.isAtLeast(fibers.started, 20)
    })
  )

  it.live.each<Duration.Input>(["60 days", Duration.infinity])(
    "may exceed the maximum delay of a runtime timer: %s",
    (timeout) =>
      Effect.gen(function* () {
        const { get } = yield* scriptedHttp(() => Effect.delay(Effect.succeed(ok), "20 millis"), {
          retry: { times: 0 },
          timeout
        })
        assert.deepStrictEqual(yield* get, { ok: true })
      })
  )

  const start = Stream.succeed(new TextEncoder().encode('{"ok":'))
  const stalledBodies: ReadonlyArray<{
    readonly name: string
    readonly body: Stream.Stream<Uint8Array>
    readonly options?: { readonly contentLength: number }
  }> = [
    { name: "after its start", body: Stream.concat(start, Stream.never) },
    {
      name: "after its start, with a content-length",
      body: Stream.concat(start, Stream.never),
      options: { contentLength: 11 }
    },
    { name: "before its first byte", body: Stream.never },
    {
      name: "by sending one byte per second",
      body: Stream.repeat(Stream.succeed(new Uint8Array([32])), Schedule.spaced("1 second"))
    }
  ]

  it.effect.each(stalledBodies)("includes a response body that stalls $name", ({ body, options }) =>
    Effect.gen(function* () {
      const { layer, times } = streamingClient(body, options)
      const { get } = yield* httpOn(layer, { retry })
      const { after, error } = yield* failsWithin("1 hour", get)
      assert.deepStrictEqual(fieldsOf(reasonOf(error)), timedOut)
      assert.deepInclude(error, { attempts: 3 })
      assert.deepStrictEqual({ times, after }, { times: [0, 11_000, 22_000], after: 32_000 })
    })
  )

  it.effect("applies to the token request and to the call separately", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const id = yield* sandbox.seed({ outcome: "Pending" })
        yield* sandbox.inject(Fault.latency("9 seconds"), { on: "token" })
        yield* sandbox.inject(Fault.latency("9 seconds"), { on: "retrieve" })
        const { after, exit } = yield* within("1 minute", tickets.retrieve(id))
        assert.strictEqual(after, 18_000)
        assert.isTrue(Exit.isSuccess(exit))
      })
    )
  )
})
