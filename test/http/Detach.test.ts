import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { makeDetach } from "../../src/internal/http/detach.ts"

const ignore = { stop: () => false, onDetached: () => Effect.void }

describe("detach", () => {
  it.effect("returns the result of the effect", () =>
    Effect.gen(function* () {
      const detach = yield* makeDetach
      assert.strictEqual(yield* detach(Effect.succeed(1), ignore), 1)
      assert.strictEqual(yield* Effect.flip(detach(Effect.fail("no"), ignore)), "no")
      assert.isTrue(Exit.hasDies(yield* Effect.exit(detach(Effect.die("bug"), ignore))))
    })
  )

  it.effect("interrupts the effect with its caller while it may be stopped", () =>
    Effect.gen(function* () {
      const detach = yield* makeDetach
      const interrupted = yield* Deferred.make<void>()
      const effect = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const caller = yield* Effect.forkChild(detach(effect, { ...ignore, stop: () => true }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(caller)
      yield* Deferred.await(interrupted)
    })
  )

  it.effect("releases the caller at once, and passes on the exit, if it may not be stopped", () =>
    Effect.gen(function* () {
      const detach = yield* makeDetach
      const finish = yield* Deferred.make<number>()
      const exits: Array<Exit.Exit<number>> = []
      const caller = yield* Effect.forkChild(
        detach(Deferred.await(finish), {
          stop: () => false,
          onDetached: (exit) => Effect.sync(() => exits.push(exit))
        }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(caller)
      assert.deepStrictEqual(exits, [])
      yield* Deferred.succeed(finish, 7)
      yield* Effect.yieldNow
      assert.deepStrictEqual(exits, [Exit.succeed(7)])
    })
  )

  it.effect("waits for detached effects when the scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const detach = yield* Scope.provide(makeDetach, scope)
      const finish = yield* Deferred.make<void>()
      const caller = yield* Effect.forkChild(detach(Deferred.await(finish), ignore), { startImmediately: true })
      yield* Fiber.interrupt(caller)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(finish, undefined)
      yield* Fiber.join(closing)
    })
  )
})
