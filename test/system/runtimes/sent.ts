// The program for Node.js 22, Bun and Deno that creates a ticket at each fault of test/system/sent, with the installed packages.
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { FetchTransport } from "effect-ripio-tickets"
import { createTicket } from "../sent/create.ts"
import type { Settings } from "../sent/settings.ts"

/** A fault, as far as the program has to know it. */
export interface Task extends Settings {
  readonly proxy: string | undefined
  readonly hasFile: boolean
}

declare const Deno: { readonly createHttpClient: (options: object) => unknown } | undefined

/** The options of this runtime's `fetch` for a proxy. */
const initOf = (proxy: string | undefined): RequestInit & { readonly proxy?: string; readonly client?: unknown } => {
  if (proxy === undefined) return {}
  return typeof Deno === "undefined" ? { proxy } : { client: Deno.createHttpClient({ proxy: { url: proxy } }) }
}

const tasks = JSON.parse(process.env["TASKS"] ?? "") as ReadonlyArray<Task>
const reports = await Effect.runPromise(
  Effect.forEach(
    tasks,
    (task) =>
      createTicket(
        task,
        FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, initOf(task.proxy)))),
        task
      ),
    { concurrency: 4 }
  )
)
// Node.js would wait up to 10 s for connections that are never made.
process.stdout.write(`${JSON.stringify(reports)}\n`, () => process.exit())
