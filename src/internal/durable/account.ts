import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Unauthenticated } from "../../domain/AccessToken.ts"
import type { RipioHttpError } from "../../domain/RipioHttpError.ts"
import type { SupportTicket } from "../../domain/SupportTicket.ts"
import type { NotEnabled, TicketError } from "../../domain/TicketError.ts"
import { TicketId } from "../../domain/TicketId.ts"
import type { AccountView } from "../http/gate/accountView.ts"
import { CurrentPoll, endWait, type Poll } from "../http/gate/currentPoll.ts"
import { monotonicMillis } from "../http/monotonic.ts"
import { GrowingPause } from "../http/gate/outage.ts"

/** What a call says about the account. */
export type Finding =
  | { readonly _tag: "Responded" }
  /** The API refuses every call of the account. Nothing is wrong with the ticket. */
  | { readonly _tag: "Refused"; readonly error: NotEnabled | Unauthenticated }
  /** There was no response, or a response of a server that fails. */
  | { readonly _tag: "Failed"; readonly error: Error }

export const responded: Finding = { _tag: "Responded" }

/** What an error of a poll or a create says about the account. */
export const findingOf = (error: TicketError | RipioHttpError): Finding => {
  switch (error._tag) {
    case "NotEnabled":
    case "Unauthenticated":
      return { _tag: "Refused", error }
    case "RipioHttpError":
      switch (error.reason._tag) {
        case "TransportFailed":
        case "TimedOut":
        case "ServerFailed":
          return { _tag: "Failed", error }
        default:
          return responded
      }
    default:
      return responded
  }
}

/** Whether an account takes requests, as a worker sees it. */
export interface Account {
  /** Whether a ticket may be sent now. */
  readonly isOpen: () => boolean
  /** Waits until a ticket may be sent. */
  readonly opened: Effect.Effect<void>
  /** For how long no poll may be sent, or `undefined` if one may be sent now. `Infinity` if it is unknown. */
  readonly pollsHeldFor: () => number | undefined
  readonly lastFailure: () => RipioHttpError | NotEnabled | Unauthenticated | undefined
  readonly report: (finding: Finding, ticketId?: TicketId) => Effect.Effect<void>
}

const checkMillis = 250

// Between two probes of an account whose credentials or whose feature the API refuses.
const firstRefusedPause = 5000
const maxRefusedPause = 300_000

// A ticket that cannot exist: any response to it shows that the API responds.
const noTicket = TicketId.make("00000000-0000-0000-0000-000000000000")

/**
 * Watches an account. It is closed before its first response, while its gate holds requests back, after the API refused its
 * credentials, and after a create without a response. While it is closed, one poll at a time probes it.
 *
 * `onClosed` runs about every 15 s while the account is closed.
 */
export const makeAccount = ({
  isKnown,
  onClosed = () => Effect.void,
  retrieve,
  view
}: {
  readonly retrieve: (id: TicketId) => Effect.Effect<SupportTicket, TicketError | RipioHttpError>
  readonly view: AccountView | undefined
  /** Whether the account is open before its first response. */
  readonly isKnown: boolean
  readonly onClosed?: ((from: number, to: number) => Effect.Effect<void>) | undefined
}): Effect.Effect<Account, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const now = () => monotonicMillis(clock)
    const opened = Latch.makeUnsafe(true)
    const closed = Latch.makeUnsafe(false)
    const failingPause = new GrowingPause()
    let refused: NotEnabled | Unauthenticated | undefined
    let failing: Error | undefined = isKnown ? undefined : new Error("there was no response yet")
    let refusedPause = firstRefusedPause
    let lastTicket: TicketId | undefined

    const pollsHeldFor = (): number | undefined => {
      const held = view?.heldBack(now())
      if (held !== undefined) return held.until === undefined ? Infinity : held.until - now()
      return refused === undefined ? undefined : Infinity
    }
    const isOpen = (): boolean => pollsHeldFor() === undefined && failing === undefined
    /** Reads the state, and wakes the fibers that wait for its change. */
    const isOpenNow = (): boolean => {
      const open = isOpen()
      if (open) {
        closed.closeUnsafe()
        opened.openUnsafe()
      } else {
        opened.closeUnsafe()
        closed.openUnsafe()
      }
      return open
    }

    const report = (finding: Finding, ticketId?: TicketId): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (ticketId !== undefined) lastTicket = ticketId
        const wasRefused = refused !== undefined
        const wasFailing = failing !== undefined
        switch (finding._tag) {
          case "Responded":
            refused = failing = undefined
            refusedPause = firstRefusedPause
            failingPause.reset()
            isOpenNow()
            return wasRefused ? Effect.logInfo("The API accepts the account again. The workers go on") : Effect.void
          case "Refused":
            refused = finding.error
            isOpenNow()
            return wasRefused
              ? Effect.void
              : Effect.logError(`The workers pause, and no ticket is lost: ${finding.error.message}`)
          case "Failed":
            failing = finding.error
            isOpenNow()
            return wasFailing
              ? Effect.void
              : Effect.logDebug(`No ticket is sent until the API responds: ${finding.error.message}`)
        }
      })

    const probe = Effect.suspend(() => {
      const poll: Poll = {
        ticketId: lastTicket ?? noTicket,
        intervalMillis: 10_000,
        isHeld: false,
        account: undefined
      }
      return retrieve(lastTicket ?? noTicket).pipe(
        Effect.provideService(CurrentPoll, poll),
        Effect.match({ onFailure: findingOf, onSuccess: () => responded }),
        Effect.ensuring(Effect.withFiber((fiber) => Effect.sync(() => endWait(poll, fiber)))),
        Effect.flatMap(report)
      )
    })

    const probeWhileClosed = Effect.forever(
      Effect.gen(function* () {
        yield* closed.await
        const held = view?.heldBack(now())
        if (refused !== undefined) {
          yield* Effect.sleep(refusedPause)
          refusedPause = Math.min(refusedPause * 2, maxRefusedPause)
        }
        // The end of a pause needs no probe.
        if (held?.until !== undefined) yield* Effect.sleep(Math.max(held.until - now(), 1))
        // In an outage, the gate decides when the probe is sent.
        const current = view?.heldBack(now())
        const isOutage = current !== undefined && current.until === undefined
        if (refused !== undefined || failing !== undefined || isOutage) yield* probe
        if (failing !== undefined) yield* Effect.sleep(failingPause.next(yield* Random.next))
        isOpenNow()
        yield* Effect.yieldNow
      }).pipe(
        Effect.catchCause((cause) =>
          Effect.andThen(Effect.logError("The probe of the account failed", cause), Effect.sleep(1000))
        )
      )
    )

    // The gate does not report when it opens.
    const watch = Effect.forever(
      Effect.gen(function* () {
        yield* closed.await
        let from = clock.currentTimeMillisUnsafe()
        while (!isOpenNow()) {
          yield* Effect.sleep(checkMillis)
          const to = clock.currentTimeMillisUnsafe()
          if (to - from < 15_000) continue
          yield* onClosed(from, to)
          from = to
        }
        const to = clock.currentTimeMillisUnsafe()
        if (to - from >= 1000) yield* onClosed(from, to)
      })
    )

    yield* Effect.forkScoped(probeWhileClosed)
    yield* Effect.forkScoped(watch)

    return {
      isOpen: isOpenNow,
      opened: Effect.suspend(function wait(): Effect.Effect<void> {
        return isOpenNow() ? Effect.void : Effect.andThen(opened.await, Effect.suspend(wait))
      }),
      pollsHeldFor: () => {
        // Wakes the probe of an outage.
        isOpenNow()
        return pollsHeldFor()
      },
      lastFailure: () => refused ?? view?.lastFailure,
      report
    }
  })

/** How long a poll is put off that the account holds back, spread so that the release is not a burst. */
export const heldDelay = (heldFor: number, random: number, otherwise: Duration.Duration): Duration.Duration =>
  Number.isFinite(heldFor) ? Duration.millis(Math.ceil(heldFor + 1500 * random)) : otherwise
