import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"

/**
 * Waits until no fiber is ready to run: every fiber has ended, sleeps on the clock, or waits for something outside Effect.
 *
 * Provide `Idle.layer` around the whole test, outside the other layers: it replaces the scheduler.
 */
export class Idle extends Context.Service<Idle, { readonly await: Effect.Effect<void> }>()("test/support/Idle") {
  static readonly await = Idle.use((idle) => idle.await)

  static readonly layer = Layer.effectContext(
    Effect.map(Scheduler.Scheduler, (parent) => {
      let ready = 0
      const waiters = new Set<() => void>()

      // Promises that have settled meanwhile run first. If they make a fiber ready, the wait goes on.
      const notifyWhenIdle = () =>
        setImmediate(() => {
          if (ready > 0) return
          for (const resume of waiters) resume()
        })

      const scheduler: Scheduler.Scheduler = {
        executionMode: parent.executionMode,
        shouldYield: (fiber) => parent.shouldYield(fiber),
        makeDispatcher: () => {
          const dispatcher = parent.makeDispatcher()
          return {
            scheduleTask: (task, priority) => {
              ready++
              dispatcher.scheduleTask(() => {
                try {
                  task()
                } finally {
                  if (--ready === 0 && waiters.size > 0) notifyWhenIdle()
                }
              }, priority)
            },
            flush: () => dispatcher.flush()
          }
        }
      }

      const wait = Effect.callback<void>((resume) => {
        const done = () => {
          waiters.delete(done)
          resume(Effect.void)
        }
        waiters.add(done)
        if (ready === 0) notifyWhenIdle()
        return Effect.sync(() => waiters.delete(done))
      })

      return Context.make(Scheduler.Scheduler, scheduler).pipe(Context.add(Idle, { await: wait }))
    })
  )
}
