import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { IssueKey } from "../domain/IssueKey.ts"
import type { TicketOutcome } from "../domain/SupportTicket.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { TicketId } from "../domain/TicketId.ts"
import { signatureHeaders } from "../domain/WebhookRejected.ts"
import * as TicketWebhookHandler from "../layers/TicketWebhookHandler.ts"
import { TicketWebhooks } from "../services/TicketWebhooks.ts"
import { signWebhook } from "../testing/SignWebhook.ts"
import { layerWebhooks, signingSecret } from "./account.ts"
import { NotDelivered, reasonOf, reportError } from "./exit.ts"
import { portFlag, readFileOf, urlFlag } from "./flags.ts"
import { Output } from "./output.ts"
import { printResult } from "./root.ts"
import { serve } from "./serve.ts"

const eventLine = (event: TicketEvent): string => {
  const subject = event._tag === "OtherEvent" ? event.eventType : event.ticketId
  const issueKey = event._tag === "TicketCreated" ? ` ${event.issueKey}` : ""
  return `${event._tag} ${subject}${issueKey} ${DateTime.formatIso(event.issuedAt)}`
}

const printEvent = (event: TicketEvent) => printResult(eventLine(event), event)

const verify = Command.make(
  "verify",
  {
    body: Flag.File("body", { mustExist: true }).pipe(
      Flag.withDescription("The file with the body of the request, byte for byte")
    ),
    signature: Flag.String("signature").pipe(
      Flag.withDescription("The value of the header Http-X-Wh-Signature-256: sha256= and 64 hexadecimal digits")
    )
  },
  ({ body, signature }) =>
    Effect.gen(function* () {
      const webhooks = yield* TicketWebhooks
      const [header] = signatureHeaders
      return yield* webhooks.verify({ body: yield* readFileOf("--body", body), headers: { [header]: signature } })
    }).pipe(Effect.provide(layerWebhooks), Effect.matchEffect({ onSuccess: printEvent, onFailure: reportError }))
).pipe(
  Command.withDescription(
    "Verify a webhook with RIPIO_WEBHOOK_SECRETS and print its event. If it is rejected, the error says where to look"
  )
)

const responseTimeout = Duration.seconds(10)

const post = (url: string, request: RequestInit) =>
  Effect.tryPromise({
    try: (signal) => fetch(url, { ...request, method: "POST", redirect: "manual", signal }),
    catch: (cause) => new NotDelivered({ issue: `${url} did not respond: ${reasonOf(cause)}` })
  }).pipe(
    Effect.timeoutOrElse({
      duration: responseTimeout,
      orElse: () =>
        Effect.fail(new NotDelivered({ issue: `${url} did not respond within ${Duration.format(responseTimeout)}` }))
    })
  )

const send = Command.make(
  "send",
  {
    to: urlFlag("to").pipe(Flag.withDescription("The URL of the receiver")),
    ticketId: Flag.String("ticket-id").pipe(
      Flag.withSchema(TicketId),
      Flag.withMetavar("uuid"),
      Flag.withDescription("The id of the ticket that has ended")
    ),
    outcome: Flag.Literals("outcome", ["created", "failed"]).pipe(Flag.withDescription("The outcome of the ticket"))
  },
  ({ outcome, ticketId, to }) =>
    Effect.gen(function* () {
      const secret = yield* signingSecret
      const content: TicketOutcome =
        outcome === "created"
          ? { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1001") }
          : { _tag: "Failed", ticketId }
      const { status, ok } = yield* post(to, yield* signWebhook(content, { secret }))
      if (!ok) return yield* new NotDelivered({ status, issue: `${to} responded with ${status}` })
      return yield* printResult(`${status}`, { status })
    }).pipe(Effect.catch(reportError))
).pipe(Command.withDescription("Send a webhook to a receiver, signed with the first secret of RIPIO_WEBHOOK_SECRETS"))

/** Verifies webhooks, and prints why one is rejected. The log of the library does so at most once a minute. */
const layerVerbose = Layer.effect(
  TicketWebhooks,
  Effect.gen(function* () {
    const { verify } = yield* TicketWebhooks
    const output = yield* Output
    return TicketWebhooks.of({
      verify: (delivery) => Effect.tapError(verify(delivery), (error) => output.message(error.message))
    })
  })
)

const listen = Command.make(
  "listen",
  { port: portFlag.pipe(Flag.withDescription("The port to listen on, 0 for any")) },
  Effect.fnUntraced(
    function* ({ port }) {
      const output = yield* Output
      const receive = yield* TicketWebhookHandler.make(printEvent).pipe(
        Effect.provideService(References.MinimumLogLevel, "None")
      )
      const url = yield* serve(async (request) => {
        const response = await receive(request)
        void Effect.runFork(output.message(`${request.method} ${new URL(request.url).pathname} ${response.status}`))
        return response
      }, port)
      yield* output.message(`Listening on ${url} until Ctrl-C. Any path receives webhooks.`)
      return yield* output.closed
    },
    (effect) =>
      effect.pipe(
        Effect.scoped,
        Effect.provide(layerVerbose.pipe(Layer.provide(layerWebhooks))),
        Effect.catch(reportError)
      )
  )
).pipe(Command.withDescription("Receive webhooks on a local port, and print each one that is verified"))

export const webhook = Command.make("webhook").pipe(
  Command.withDescription("Verify, send and receive webhooks"),
  Command.withSubcommands([verify, send, listen])
)
