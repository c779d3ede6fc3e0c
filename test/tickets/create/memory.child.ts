// A process of its own that raises a ticket with a file on disk, and says what memory that took. With `--expose-gc` it
// clears away all the time, so that only what is held counts. Arguments: a transport, a base URL, a path.
import { openAsBlob } from "node:fs"
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthStaticToken,
  CustomerId,
  FetchTransport,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive
} from "../../../src/index.ts"

const [, , transport, baseUrl = "", path = ""] = process.argv

// Only what is used is loaded: it is the whole process that is measured.
const client =
  transport === "fetch" ? FetchTransport.layer : (await import("@effect/platform-node/NodeHttpClient")).layerUndici

const live = SupportTicketsLive.layer.pipe(
  Layer.provide(RipioHttpLive.layer({ environment: { baseUrl } })),
  Layer.provide(AuthStaticToken.layer({ token: Redacted.make("token") })),
  Layer.provide(client)
)

const ticket = {
  customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
  summary: "A deposit is missing",
  description: "See the film."
}

const program = Effect.gen(function* () {
  const tickets = yield* SupportTickets
  // What loading and compiling takes is not what the file takes.
  yield* tickets.create({ ...ticket, files: [new File(["small"], "small.txt")] })
  const file = new File([yield* Effect.promise(() => openAsBlob(path))], basename(path))
  const before = process.memoryUsage()
  const most = { rss: 0, external: 0 }
  const sampler = setInterval(
    () => {
      // The second waits for what the first began.
      globalThis.gc?.()
      globalThis.gc?.()
      const { external, rss } = process.memoryUsage()
      most.rss = Math.max(most.rss, rss - before.rss)
      most.external = Math.max(most.external, external - before.external)
    },
    globalThis.gc === undefined ? 2 : 100
  )
  yield* tickets.create({ ...ticket, files: [file] })
  clearInterval(sampler)
  // (What the operating system counts as the most begins with that of the process that started this one.)
  return most
}).pipe(Effect.provide(live))

process.stdout.write(JSON.stringify(await Effect.runPromise(program)))
