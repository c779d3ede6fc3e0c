// A program that creates a ticket with a file on disk, and prints the memory that this took. With `--expose-gc` it collects
// garbage before each measurement, so that only reachable memory counts. Arguments: a transport, a base URL, a path.
import { openAsBlob } from "node:fs"
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import { FetchTransport, SupportTickets } from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { newTicket } from "../../support/newTicket.ts"

const [, , transport, baseUrl = "", path = ""] = process.argv

// The measurement covers the whole process, so the other transport is not loaded.
const client =
  transport === "fetch" ? FetchTransport.layer : (await import("@effect/platform-node/NodeHttpClient")).layerUndici

const program = Effect.gen(function* () {
  const tickets = yield* SupportTickets
  // The first create loads and compiles the code, which does not count.
  yield* tickets.create(newTicket({ files: [new File(["small"], "small.txt")] }))
  const file = new File([yield* Effect.promise(() => openAsBlob(path))], basename(path))
  const before = process.memoryUsage()
  const peak = { rss: 0, external: 0 }
  const sampler = setInterval(
    () => {
      // The second call waits for what the first call has started.
      globalThis.gc?.()
      globalThis.gc?.()
      const { external, rss } = process.memoryUsage()
      peak.rss = Math.max(peak.rss, rss - before.rss)
      peak.external = Math.max(peak.external, external - before.external)
    },
    globalThis.gc === undefined ? 2 : 100
  )
  yield* tickets.create(newTicket({ files: [file] }))
  clearInterval(sampler)
  // The operating system's own peak is of no use: it starts at the peak of the parent process.
  return peak
}).pipe(Effect.provide(withTokenAt(baseUrl, client, {})))

process.stdout.write(JSON.stringify(await Effect.runPromise(program)))
