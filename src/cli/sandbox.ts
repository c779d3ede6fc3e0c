import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Sandbox } from "../testing/Sandbox.ts"
import { optionalSigningSecret } from "./account.ts"
import { reasonOf, reportError } from "./exit.ts"
import { durationFlag, portFlag, urlFlag } from "./flags.ts"
import { Output } from "./output.ts"
import { invocation, printResult } from "./root.ts"
import { serve } from "./serve.ts"

const defaultPort = 4747

const outcomes = { created: "Created", failed: "Failed", pending: "Pending" } as const

const newSecret = () => Hex.encode(crypto.getRandomValues(new Uint8Array(24)))

/** Sends a webhook to its receiver, and reports how that went. */
const deliverTo =
  (url: string, report: (line: string) => void) =>
  async (webhook: Request): Promise<Response> => {
    const { headers, method, signal } = webhook
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: await webhook.arrayBuffer(),
        signal,
        redirect: "manual"
      })
      report(`Webhook: ${url} responded with ${response.status}`)
      return response
    } catch (cause) {
      report(`Webhook: ${url} did not respond: ${reasonOf(cause)}`)
      throw cause
    }
  }

export const sandbox = Command.make(
  "sandbox",
  {
    port: portFlag.pipe(
      Flag.withDefault(defaultPort),
      Flag.withDescription(`The port to listen on: ${defaultPort} by default, 0 for any`)
    ),
    after: durationFlag("after").pipe(
      Flag.withDefault(Duration.seconds(3)),
      Flag.withDescription("How long a ticket stays pending: 3s by default")
    ),
    outcome: Flag.Literals("outcome", ["created", "failed", "pending"]).pipe(
      Flag.withDefault("created"),
      Flag.withDescription("How tickets end: created by default")
    ),
    webhookUrl: urlFlag("webhook-url").pipe(
      Flag.optional,
      Flag.withDescription("Send a signed webhook to this URL when a ticket ends")
    )
  },
  Effect.fnUntraced(
    function* ({ after, outcome, port, webhookUrl }) {
      const output = yield* Output
      const sandbox = yield* Sandbox
      const secret = (yield* optionalSigningSecret) ?? Redacted.make(newSecret())
      const report = (line: string) => void Effect.runFork(output.message(line))

      yield* sandbox.onCreate({ outcome: outcomes[outcome], after })
      if (Option.isSome(webhookUrl)) yield* sandbox.subscribe(deliverTo(webhookUrl.value, report), { secret })
      const handle = yield* Sandbox.toWebHandler
      const url = yield* serve(async (request) => {
        const response = await handle(request)
        report(`${request.method} ${new URL(request.url).pathname} ${response.status}`)
        return response
      }, port)

      const { clientId, clientSecret } = sandbox.account
      const details = {
        url,
        clientId,
        clientSecret: Redacted.value(clientSecret),
        customerId: sandbox.customer,
        webhookSecret: Redacted.value(secret)
      }
      const width = Math.max(...Object.keys(details).map((name) => name.length))
      yield* printResult(
        Object.entries(details)
          .map(([name, value]) => `${name.padEnd(width)}  ${value}`)
          .join("\n"),
        details
      )
      yield* output.message(
        `The sandbox runs until Ctrl-C. In another terminal:

  export RIPIO_BASE_URL=${url} RIPIO_CLIENT_ID=${clientId} RIPIO_CLIENT_SECRET=${details.clientSecret}
  ${invocation} raise --customer ${sandbox.customer} --summary "A deposit is missing" --description "Sent on Monday."
`
      )
      return yield* output.closed
    },
    (effect) => effect.pipe(Effect.scoped, Effect.provide(Sandbox.layer()), Effect.catch(reportError))
  )
).pipe(Command.withDescription("Serve a sandbox of the Ripio API on a local port, for programs in any language"))
