import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Message, type Seen, type Settings } from "./messages.ts"

const decodeMessage = Schema.decodeUnknownSync(Message)

const receive = (worker: Worker) =>
  Effect.callback<typeof Message.Type>((resume) => {
    worker.once("message", (message) => resume(Effect.sync(() => decodeMessage(message))))
  })

/** Starts a server of the API until the scope ends. */
export const startServer = Effect.fnUntraced(function* (settings: typeof Settings.Type) {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("worker.ts", import.meta.url), { workerData: settings, execArgv: [] })),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const started = yield* receive(worker)
  if (!("port" in started)) return yield* Effect.die(new Error("the server did not start"))
  return {
    baseUrl: `http://127.0.0.1:${started.port}`,
    seen: Effect.suspend(() => {
      const received = receive(worker)
      worker.postMessage("seen", [])
      return received
    }).pipe(
      Effect.flatMap((message): Effect.Effect<typeof Seen.Type> =>
        "seen" in message ? Effect.succeed(message.seen) : Effect.die(message)
      )
    )
  }
})
