/**
 * The pauses of an account: one that the API asked for, which holds everything back, and one after a 429 that asked for no
 * time, which holds only polls back, because the retry policy of a call decides when it is sent again. Times are monotonic
 * milliseconds.
 */
export class AccountPause {
  /** The HTTP status of the response that asked for the pause. */
  status = 0
  private since = 0
  private callsUntil = -Infinity
  private pollsUntil = -Infinity
  private heldBefore = 0

  /** The API asked to send nothing until a time. Returns whether that is later than what it asked for before. */
  request(now: number, until: number, status: number): boolean {
    if (until <= this.callsUntil) return false
    this.endRequested(now)
    if (this.callsUntil === -Infinity) this.since = now
    this.callsUntil = until
    this.status = status
    return true
  }

  /** Polls are not sent until a time. */
  holdPolls(until: number): void {
    this.pollsUntil = Math.max(this.pollsUntil, until)
  }

  /** Whether a pause has begun that {@link expire} has not ended. */
  get isActive(): boolean {
    return this.callsUntil > -Infinity || this.pollsUntil > -Infinity
  }

  /** When a call may be sent. */
  get callAt(): number {
    return this.callsUntil
  }

  /** When a poll may be sent. */
  get pollAt(): number {
    return Math.max(this.callsUntil, this.pollsUntil)
  }

  /** Ends what is over, and returns what was held back by it. */
  expire(now: number): "all" | "polls" | undefined {
    const isRequestedOver = this.endRequested(now)
    const isOwnOver = this.pollsUntil > -Infinity && now >= this.pollsUntil
    if (isOwnOver) this.pollsUntil = -Infinity
    return isRequestedOver ? "all" : isOwnOver ? "polls" : undefined
  }

  private endRequested(now: number): boolean {
    if (this.callsUntil === -Infinity || now < this.callsUntil) return false
    this.heldBefore = this.heldMillis(now)
    this.callsUntil = -Infinity
    return true
  }

  /** For how long calls were held back in all. */
  heldMillis(now: number): number {
    return this.heldBefore + (this.callsUntil > -Infinity ? Math.min(now, this.callsUntil) - this.since : 0)
  }
}
