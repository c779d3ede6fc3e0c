/**
 * Webhooks in an AWS Lambda function with a function URL, with RIPIO_WEBHOOK_SECRETS.
 *
 * Lambda freezes the process after each response, so nothing may be left to do: the layer lives for one request, and
 * `onEvent` does the work. If it fails, the response is 503 and Ripio redelivers.
 */
import * as Console from "effect/Console"
import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"

const receive = TicketWebhookHandler.fromLayer(
  TicketWebhooksLive.layerConfig,
  // Do the work here. An event may be delivered more than once: use the `dedupeKey` as a key that your database has once.
  (event) => Console.log(`handled ${event.dedupeKey}`),
  { lifetime: "request" }
)

export const handler = async (event: FunctionUrlEvent): Promise<FunctionUrlResult> => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(event.headers ?? {}))
    if (typeof value === "string") headers.set(name, value)
  const text = event.body ?? ""
  const response = await receive(
    new Request(`https://${event.requestContext.domainName}${event.rawPath}`, {
      method: event.requestContext.http.method,
      headers,
      // The signature covers the bytes as sent. Lambda encodes bodies that are not text.
      body: event.isBase64Encoded === true ? Buffer.from(text, "base64") : text
    })
  )
  return { statusCode: response.status, headers: Object.fromEntries(response.headers) }
}

interface FunctionUrlEvent {
  readonly rawPath: string
  readonly headers?: Readonly<Record<string, string | null | undefined>> | null
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
  readonly requestContext: { readonly domainName: string; readonly http: { readonly method: string } }
}

interface FunctionUrlResult {
  readonly statusCode: number
  readonly headers: Record<string, string>
}
