import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { createServer } from "node:http"
import {
  CustomerId,
  FetchTransport,
  NewTicket,
  Ripio,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  TicketWebhooksLive
} from "../../../../src/index.ts"
import { toNodeListener } from "../../../../src/node/index.ts"
import { appendEvent, appendLine, readLines } from "../events.ts"
import type { WorkerConfig } from "../workers.ts"

export const ripio = (baseUrl: string) =>
  Ripio.layer({
    environment: { baseUrl },
    clientId: "partner",
    clientSecret: Redacted.make("a secret of the partner"),
    retry: { times: 2, base: "100 millis" }
  }).pipe(Layer.provide(FetchTransport.layer))

/** Reports that the worker runs. */
export const ready = Effect.sync(() => process.send?.("ready"))

/** The content of a submission. Its description has the marker by which the API counts. */
export const newTicket = (id: string) =>
  NewTicket.make({
    customerId: CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"),
    summary: `Deposit ${id} has not arrived`,
    description: `marker:${id};`
  })

/** Submits the ids of a worker, and continues where its previous process ended. */
export const submitAll = <E, R>(
  { ids, pace, submitted }: Pick<WorkerConfig, "ids" | "pace" | "submitted">,
  submit: (id: string) => Effect.Effect<unknown, E, R>
) =>
  Effect.suspend(() => {
    const done = new Set(readLines(submitted).map((line) => line.split(" ")[0]))
    return Effect.forEach(
      ids.filter((id) => !done.has(id)),
      (id) =>
        Effect.suspend(() => {
          const start = Date.now()
          return Effect.map(submit(id), () => appendLine(submitted, `${id} ${start} ${Date.now()}`))
        }).pipe(
          Effect.tapCause((cause) => Effect.logWarning("not submitted", cause)),
          Effect.retry(Schedule.spaced("200 millis")),
          Effect.andThen(Effect.sleep(pace))
        ),
      { concurrency: pace === 0 ? 8 : 1, discard: true }
    )
  })

/** Receives webhooks on the port of a worker, until the scope ends. */
export const receiveWebhooks = (config: WorkerConfig) =>
  Effect.gen(function* () {
    const { port, webhookSecret } = config
    if (port === undefined) return
    const handler = yield* TicketWebhookHandler.make(TicketInbox.offer).pipe(
      Effect.provide(TicketWebhooksLive.layer({ secrets: [Redacted.make(webhookSecret)] }))
    )
    const server = createServer(toNodeListener(handler))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => server.close().closeAllConnections())
    )
  })

/** Appends what the handler receives to a file. */
export const recordEvents = ({ events, handlers }: WorkerConfig) =>
  TicketInboxLive.handler(
    (event, { number }) =>
      Effect.sync(() =>
        appendEvent(events, {
          tag: event._tag,
          dedupeKey: event.dedupeKey,
          attempt: number,
          ...("id" in event ? { id: event.id } : {}),
          ...("ticketId" in event ? { ticketId: event.ticketId } : {}),
          ...("source" in event ? { source: event.source } : {})
        })
      ),
    { concurrency: handlers }
  )
