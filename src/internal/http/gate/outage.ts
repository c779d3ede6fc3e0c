import type { Poll } from "./currentPoll.ts"

// An outage begins after this many failed polls in a row, of this many tickets.
const minFailures = 5
const minTickets = 3

// The pause between two probes.
const firstPause = 1000
const maxPause = 10_000
const growth = 1.5

// A probe whose custom `AuthService` does not respond must not be the last one.
const maxProbe = 60_000

/** Pauses that grow from 1 s to 10 s, each up to a fifth longer at random. */
export class GrowingPause {
  private millis = firstPause

  /** @param random from 0 to 1 */
  next(random: number): number {
    const { millis } = this
    this.millis = Math.min(millis * growth, maxPause)
    return Math.min(millis * (1 + random / 5), maxPause)
  }

  reset(): void {
    this.millis = firstPause
  }
}

/**
 * Whether the polls of an account fail. It begins with failures of several tickets, because one ticket may fail for a
 * separate reason, and ends with any response. Times are monotonic milliseconds.
 */
export class Outage {
  /** When it began, or `undefined` if there is none. */
  since: number | undefined
  /** When the next poll may probe. */
  nextProbe = Infinity
  /** About how many polls were not sent because of it. */
  saved = 0
  private failures = 0
  private lastFailure: unknown
  private readonly tickets = new Set<string>()
  private readonly waits = new Set<Poll>()
  private readonly pause = new GrowingPause()

  get isActive(): boolean {
    return this.since !== undefined
  }

  /**
   * A poll failed. Returns whether an outage begins.
   *
   * @param failure the error. A failed token request is the same error for all polls that waited for it, and counts once.
   * @param waitCount the number of all waits of the account
   */
  failed(poll: Poll, failure: unknown, waitCount: number, now: number, random: () => number): boolean {
    if (this.isActive) return false
    if (failure !== this.lastFailure) this.failures++
    this.lastFailure = failure
    // Enough tickets failed: which others do is not of interest, and a set of all waits takes memory.
    if (this.tickets.size < minTickets) {
      this.tickets.add(poll.ticketId)
      this.waits.add(poll)
    }
    if (this.failures < minFailures) return false
    if (this.tickets.size < minTickets && this.waits.size < waitCount) return false
    this.since = now
    this.saved = 0
    this.pause.reset()
    this.scheduleProbe(now, random)
    return true
  }

  /** The account responded. Returns how long the outage lasted, if this ends one. */
  succeeded(now: number): number | undefined {
    if (this.failures > 0) {
      this.failures = 0
      this.lastFailure = undefined
      this.tickets.clear()
      this.waits.clear()
    }
    if (this.since === undefined) return undefined
    const duration = now - this.since
    this.since = undefined
    this.nextProbe = Infinity
    return duration
  }

  /** A wait ended, so it can no longer be one that fails. */
  forget(poll: Poll): void {
    this.waits.delete(poll)
  }

  /** The next waiter probes when this probe ends, or takes too long. */
  probeStarted(now: number): void {
    this.nextProbe = now + maxProbe
  }

  /** The next waiter probes after a pause. */
  scheduleProbe(now: number, random: () => number): void {
    this.nextProbe = now + this.pause.next(random())
  }
}
