import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { PersistedQueueError, PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as Scope from "effect/Scope"
import { withoutStackTrace } from "../../domain/withoutStackTrace.ts"

type Store = PersistedQueueStore["Service"]

/** The number of attempts that every store takes for unlimited: the largest SQL integer. */
export const unlimitedAttempts = 2_147_483_647

/** How the handling of a claim ends. */
export type Settlement =
  | { readonly _tag: "Done" }
  /** The handler has ended the claim in the store. */
  | { readonly _tag: "Ended" }
  /** The element is handled again after a delay. The claim counts as an attempt. */
  | { readonly _tag: "Again"; readonly delay: Duration.Duration; readonly reason: string }
  /** Nothing was done. The element is available again at once, and the claim does not count. */
  | { readonly _tag: "Returned" }

export const done: Settlement = { _tag: "Done" }
export const ended: Settlement = { _tag: "Ended" }
export const returned: Settlement = { _tag: "Returned" }

/** An element that this process holds. */
export interface Claim {
  readonly id: string
  /** The number of claims of the element, including this one. */
  readonly attempts: number
  readonly element: unknown
}

/** Ends claims in the store with fewer statements than the queue, which needs one for each. */
export interface ClaimRows {
  /** Ends the claim of an element that is handled again later. If that fails, the queue ends it. */
  readonly release: (claim: Claim, again: Settlement & { readonly _tag: "Again" }) => Effect.Effect<void, unknown>
  /** Lets the queue forget a claim that has ended, without the statement by which it would end it. */
  readonly withoutStatements: (forget: Effect.Effect<void>) => Effect.Effect<void>
}

/** What a handler asks while it works. */
export interface WorkerState {
  /** The worker is asked to end: begin nothing that may wait for long. */
  readonly isStopping: boolean
  /** Calls back when the worker is asked to end, at once if it was. Returns how to unsubscribe. */
  readonly onStop: (listener: () => void) => () => void
  /** The worker has ended without its handlers: repeat nothing. */
  readonly isAbandoned: boolean
}

/** An ended attempt, as the queue stores it. */
class NotSettled extends Error {
  override name = "NotSettled"
}

/**
 * Takes an element. The claim is settled by the given function and by nothing else: an interruption after the claim does not
 * give it back, because its handler may have sent something.
 */
const take = (
  { queue, rows, store }: WorkerOptions,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<
  { readonly claim: Claim; readonly settle: (settlement: Settlement) => Effect.Effect<void> },
  PersistedQueueError
> =>
  Effect.flatMap(Scope.make(), (scope) => {
    let delay = Duration.zero
    const retryDelay = () => Effect.sync(() => delay)
    return restore(Scope.provide(store.take({ name: queue, maxAttempts: unlimitedAttempts, retryDelay }), scope)).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      Effect.map((claim) => ({
        claim,
        settle: (settlement) => {
          const forget = Scope.close(scope, Exit.void)
          switch (settlement._tag) {
            case "Done":
              return forget
            case "Ended":
              return rows === undefined ? forget : rows.withoutStatements(forget)
            case "Again": {
              delay = settlement.delay
              // The queue stores the error's text, in which a stack trace says nothing.
              const byQueue = Effect.suspend(() =>
                Scope.close(scope, Exit.fail(withoutStackTrace(() => new NotSettled(settlement.reason))))
              )
              return rows === undefined
                ? byQueue
                : Effect.matchCauseEffect(rows.release(claim, settlement), {
                    onFailure: () => byQueue,
                    onSuccess: () => rows.withoutStatements(forget)
                  })
            }
            case "Returned":
              return Scope.close(scope, Exit.interrupt())
          }
        }
      }))
    )
  })

/** A set of fibers that take elements of one queue and handle them. */
export interface WorkerOptions {
  readonly store: Store
  readonly queue: string
  readonly concurrency: number
  /** Runs before each take, and waits while the worker must not take anything. */
  readonly ready: (busyTakers: () => number) => Effect.Effect<void>
  readonly rows?: ClaimRows | undefined
  /** Never fails: what it cannot do it does again, or leaves claimed. */
  readonly handle: (claim: Claim, state: WorkerState) => Effect.Effect<Settlement>
}

/** A worker of one or more queues. */
export interface Worker {
  readonly start: (options: WorkerOptions) => Effect.Effect<void>
}

/** A fiber that takes elements, and the handler of its claim. */
interface Taker {
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  handling: { readonly fiber: Fiber.Fiber<unknown, unknown>; readonly name: string } | undefined
}

const retryDelay = Duration.seconds(1)

const maxTakerWait = Duration.seconds(1)

/**
 * Creates a {@link Worker} that ends with the scope. Then the takes that wait are interrupted. Handlers that have begun are
 * awaited for `grace` and then abandoned, never interrupted: their elements stay claimed until the lock expires, so that
 * no process mistakes them for elements without a handler.
 */
export const makeWorker = (grace: Duration.Duration): Effect.Effect<Worker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context())
    // Arrays, because V8 frees what was in a `Map` or a `Set` late if its entries change with each claim.
    const listeners = new Array<() => void>()
    const takers = new Array<Taker>()
    const state = {
      isStopping: false,
      isAbandoned: false,
      onStop: (listener: () => void) => {
        if (state.isStopping) listener()
        listeners.push(listener)
        return () => {
          const index = listeners.indexOf(listener)
          if (index >= 0) listeners.splice(index, 1)
        }
      }
    }
    const handlings = () => takers.flatMap(({ handling }) => (handling === undefined ? [] : [handling]))

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        state.isStopping = true
        for (const listener of listeners.splice(0)) listener()
        const fibers = takers.flatMap(({ fiber }) => (fiber === undefined ? [] : [fiber]))
        for (const fiber of fibers) fiber.interruptUnsafe()
        // The take of a SQL store cannot be interrupted once it has met a row that is not JSON.
        yield* Effect.timeoutOption(Fiber.awaitAll(fibers), Duration.min(grace, maxTakerWait))
        yield* Effect.timeoutOption(Fiber.awaitAll(handlings().map(({ fiber }) => fiber)), grace)
        state.isAbandoned = true
        const abandoned = handlings().map(({ name }) => name)
        if (abandoned.length > 0) {
          yield* Effect.logWarning(
            `The worker ends before ${abandoned.length} of its handlers, after ${Duration.format(grace)}. Their elements stay claimed until the lock expires: ${abandoned.join(", ")}`
          )
        }
      })
    )

    const handleClaim = (
      { handle, queue }: WorkerOptions,
      claim: Claim,
      settle: (settlement: Settlement) => Effect.Effect<void>
    ) =>
      Effect.suspend(() => (state.isStopping ? Effect.succeed(returned) : handle(claim, state))).pipe(
        Effect.catchCause((cause) =>
          Effect.as(Effect.logError(`${queue}: handling ${claim.id} failed. It is handled again in 1 s`, cause), {
            _tag: "Again" as const,
            delay: retryDelay,
            reason: Cause.pretty(cause)
          })
        ),
        Effect.flatMap(settle),
        Effect.catchCause((cause) =>
          Effect.logWarning(`${queue}: ${claim.id} stays claimed until its lock expires`, cause)
        )
      )

    const takeNext = (options: WorkerOptions, taker: Taker, busy: { count: number }) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* restore(options.ready(() => busy.count))
          const { claim, settle } = yield* take(options, restore)
          const fiber = run(handleClaim(options, claim, settle))
          busy.count++
          taker.handling = { fiber, name: `${options.queue} ${claim.id}` }
          fiber.addObserver(() => {
            taker.handling = undefined
            busy.count--
          })
          yield* restore(Fiber.await(fiber))
        })
      ).pipe(
        Effect.catchCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.failCause(cause)
            : Effect.andThen(
                Effect.logWarning(`${options.queue}: the worker cannot reach its store`, cause),
                Effect.sleep(retryDelay)
              )
        )
      )

    return {
      start: (options) =>
        Effect.sync(() => {
          const busy = { count: 0 }
          for (let count = 0; count < options.concurrency; count++) {
            const taker: Taker = { fiber: undefined, handling: undefined }
            takers.push(taker)
            taker.fiber = run(Effect.forever(takeNext(options, taker, busy)))
          }
        })
    }
  })
