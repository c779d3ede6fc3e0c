import * as Effect from "effect/Effect"

/** A count that effects can wait on. */
export class Counter {
  #count = 0
  readonly #waiters = new Set<{ readonly count: number; readonly resume: () => void }>()

  increment(): void {
    this.#count += 1
    for (const waiter of this.#waiters) {
      if (waiter.count > this.#count) continue
      this.#waiters.delete(waiter)
      waiter.resume()
    }
  }

  /** Waits until the count is at least `count`. */
  reach(count: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.#count >= count) return resume(Effect.void)
      const waiter = { count, resume: () => resume(Effect.void) }
      this.#waiters.add(waiter)
      return Effect.sync(() => this.#waiters.delete(waiter))
    })
  }
}
