// The queue is released over this time after a pause, at a rate with these bounds between two requests.
const releaseMillis = 1500
const minInterval = 0.75
const maxInterval = 20

// A release that could not send for longer than this does not catch up, because that would be a burst.
const maxLag = 30

/** Sends what waited for the end of a pause or of an outage spread over a time. Times are monotonic milliseconds. */
export class Release {
  /** Whether it spreads calls too, and not only polls. */
  readonly includesCalls: boolean
  /** It ends when nothing waits that waited at this time. */
  readonly start: number
  private readonly interval: number
  private nextAt: number

  /**
   * @param waiting how many requests wait
   * @param random from 0 to 1
   */
  constructor(now: number, waiting: number, includesCalls: boolean, random: () => number) {
    this.includesCalls = includesCalls
    this.start = now
    this.interval = Math.min(Math.max(releaseMillis / waiting, minInterval), maxInterval)
    // Processes that were held back together do not return at the same moment. The call that ends the pause is alone, and
    // its retry has a jitter.
    this.nextAt = waiting === 1 ? now : now + random() * 4 * maxInterval
  }

  /** When the next request may be sent, at a time that has not come yet. */
  nextStep(now: number, random: () => number): number {
    // In steps, because a timer for each of many waiters would take time.
    return Math.max(this.nextAt, now + 5 + 10 * random())
  }

  holdsBack(now: number): boolean {
    return now < this.nextAt
  }

  /** A request that it spreads is sent. */
  sent(now: number): void {
    this.nextAt = Math.max(this.nextAt, now - maxLag) + this.interval
  }
}
