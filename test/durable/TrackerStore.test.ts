import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as TestClock from "effect/testing/TestClock"
import { TicketTracker, TicketTrackerLive } from "../../src/durable.ts"
import { TicketId, TicketInboxLive } from "../../src/index.ts"
import { Sandbox } from "../../src/testing/index.ts"
import { tracking, tagsOf } from "./tracking.ts"
import { unreadable } from "./unreadable.ts"

describe("the tracker", () => {
  it.effect("refuses an id that is not one, and a deadline that cannot work", () =>
    tracking(({ tracker }) =>
      Effect.gen(function* () {
        const invalid = yield* Effect.flip(tracker.track(TicketId.make("x", { disableChecks: true })))
        assert.include(invalid.message, "ticketId: expected a UUID in lower case")
        const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
        const negative = yield* Effect.flip(tracker.track(ticketId, { deadline: "-1 seconds" }))
        assert.include(negative.message, "deadline: expected a duration that is not negative")
      })
    )
  )

  it.effect("fails with TrackerUnavailable if its store does", () =>
    Effect.gen(function* () {
      const tracker = yield* TicketTracker
      const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
      const failed = yield* Effect.flip(tracker.track(ticketId))
      assert.strictEqual(failed._tag, "TrackerUnavailable")
      assert.include(failed.message, "Check the store")
      assert.deepNestedInclude(failed, { "cause.message": "disk full" })
      const died = yield* Effect.flip(tracker.track(ticketId))
      assert.strictEqual(died._tag, "TrackerUnavailable")
      assert.deepNestedInclude(died, { "cause.message": "a mistake" })
    }).pipe(
      Effect.provide(
        TicketTrackerLive.layer().pipe(
          Layer.provide(
            Layer.sync(PersistedQueue.PersistedQueueStore, () => {
              let offers = 0
              const offer = Effect.suspend(() =>
                offers++ === 0
                  ? Effect.fail(new PersistedQueue.PersistedQueueError({ message: "disk full" }))
                  : Effect.die(new Error("a mistake"))
              )
              return PersistedQueue.PersistedQueueStore.of({
                offer: () => offer,
                take: () => Effect.never,
                cleanup: () => Effect.void
              })
            })
          )
        )
      )
    )
  )

  for (const element of [{ _tag: "Track", v: 99 }, null, "text", { ticketId: 5 }]) {
    it.effect(`makes ${JSON.stringify(element)} a dead letter, and logs it`, () =>
      tracking(({ events, logs, sandbox, store, texts, tracker }) =>
        Effect.gen(function* () {
          yield* store.offer({ name: "ripio-tracker", id: "broken", element, isCustomId: true })
          yield* tracker.track(yield* sandbox.seed({ after: 0 }))
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(tagsOf(events), ["TicketCreated"])
          const keys = yield* texts.keys
          assert.strictEqual(keys.length, 1)
          assert.include(yield* texts.get(keys[0] ?? ""), `"stored":${JSON.stringify(element)}`)
          assert.strictEqual(logs.filter((line) => line.includes("broken of the tracker is a dead letter")).length, 1)
        })
      )
    )
  }

  for (const { issue, layer, option } of [
    {
      layer: TicketTrackerLive.layer({ name: "" }),
      option: "name",
      issue: "expected some text"
    },
    {
      layer: TicketTrackerLive.layer({ deadline: "-1 seconds" }),
      option: "deadline",
      issue: "expected a duration that is not negative"
    }
  ]) {
    it.effect(`fails with InvalidOption for ${option}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.scoped(Layer.build(layer)).pipe(Effect.provide(PersistedQueue.layerStoreMemory))
        )
        assert.deepInclude(error, { option, issue })
      })
    )
  }

  for (const option of ["name", "schedule", "deadline"]) {
    it.effect(`fails with InvalidOption for an option ${option} that cannot be read`, () =>
      Effect.gen(function* () {
        const layer = TicketTrackerLive.layer(unreadable(option)).pipe(Layer.provide(PersistedQueue.layerStoreMemory))
        assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(layer))), { _tag: "InvalidOption", option })
      })
    )
  }
})

describe("the worker of a tracker", () => {
  const services = TicketTrackerLive.layer().pipe(
    Layer.provideMerge(TicketInboxLive.layer()),
    Layer.provideMerge(PersistedQueue.layerStoreMemory),
    Layer.provideMerge(Sandbox.layerRipio())
  )

  for (const { option, options, title } of [
    { title: "a concurrency of 0", option: "concurrency", options: { concurrency: 0 } },
    { title: "a concurrency that cannot be read", option: "concurrency", options: unreadable("concurrency") },
    { title: "a negative grace", option: "grace", options: { grace: "-1 seconds" as const } },
    { title: "a grace that cannot be read", option: "grace", options: unreadable("grace") }
  ]) {
    it.effect(`does not start with ${title}`, () =>
      Effect.gen(function* () {
        const worker = TicketTrackerLive.worker(options).pipe(Layer.provide(services))
        assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(worker))), { _tag: "InvalidOption", option })
      })
    )
  }

  it.effect("does not start with a tracker of the program", () =>
    Effect.gen(function* () {
      const other = Layer.succeed(TicketTracker, { track: () => Effect.void })
      const worker = TicketTrackerLive.worker().pipe(Layer.provide(Layer.provideMerge(other, services)))
      assert.deepInclude(yield* Effect.flip(Effect.scoped(Layer.build(worker))), {
        _tag: "InvalidOption",
        option: "TicketTracker",
        issue: "expected the service of a layer of this library"
      })
    })
  )
})
