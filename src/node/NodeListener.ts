/**
 * Web handlers as listeners of `node:http` and Express.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type { IncomingMessage, ServerResponse } from "node:http"

/**
 * Converts a handler of web requests, such as that of `TicketWebhookHandler`, into a listener of `node:http`. In Express,
 * use it as a route, before any body parser.
 *
 * The body is streamed in both directions: no more is buffered than the handler reads. The listener never throws and always
 * responds, except to a client that has disconnected:
 *
 * - 400: the URL, the `Host` or a header is not valid
 * - 405: the method is `TRACE` or `CONNECT`, which a web request cannot have
 * - 500: the handler failed, or something read the body before the listener. The log says how to fix it
 *
 * **Example** (A server of Node.js)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { createServer } from "node:http"
 * import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
 * import { toNodeListener } from "effect-ripio-tickets/node"
 *
 * const runtime = ManagedRuntime.make(TicketWebhooksLive.layerConfig)
 *
 * const handler = await runtime.runPromise(
 *   TicketWebhookHandler.make((event) => Effect.log(event._tag, event.dedupeKey))
 * )
 *
 * createServer(toNodeListener(handler)).listen(8080)
 * // In Express: app.post("/webhooks/ripio", toNodeListener(handler)), before app.use(express.json())
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const toNodeListener = (
  handler: (request: Request) => Promise<Response>
): ((incoming: IncomingMessage, outgoing: ServerResponse) => void) => {
  let hasLoggedConsumed = false

  const responseTo = async (incoming: IncomingMessage): Promise<Response> => {
    if (unsupportedMethods.has(incoming.method ?? "")) return empty(405, { allow: "POST" })
    if (isConsumed(incoming)) {
      if (!hasLoggedConsumed) log(consumedMessage)
      hasLoggedConsumed = true
      return empty(500)
    }
    const request = toRequest(incoming)
    if (request === undefined) return empty(400)
    try {
      return await handler(request)
    } catch (cause) {
      log("The handler of a request failed", cause)
      return empty(500)
    }
  }

  return (incoming, outgoing) => {
    // Without a listener, the error of a client that disconnects ends the process.
    incoming.on("error", constVoid)
    outgoing.on("error", constVoid)
    responseTo(incoming)
      .then((response) => write(response, outgoing))
      .catch((cause: unknown) => {
        log("The response of a handler could not be written", cause)
        if (outgoing.headersSent) outgoing.destroy()
        else outgoing.writeHead(500).end()
      })
      .finally(() => discardRest(incoming))
  }
}

// `new Request` throws for them. CONNECT reaches a listener only through a compatibility layer.
const unsupportedMethods: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"])

const empty = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers })

const log = (...message: ReadonlyArray<unknown>): void => void Effect.runFork(Effect.logError(...message))

const consumedMessage =
  "The body of a request was read before toNodeListener, so its signature cannot be verified. Register the route before body parsers such as express.json()"

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"]) > 0

const isConsumed = (incoming: IncomingMessage): boolean =>
  hasBody(incoming) && !incoming.errored && (incoming.readableDidRead || incoming.readableEnded)

const toRequest = (incoming: IncomingMessage): Request | undefined => {
  try {
    const method = incoming.method ?? "GET"
    const body = method === "GET" || method === "HEAD" ? null : toWebStream(incoming)
    // `duplex` is missing in the types of the DOM.
    const init: RequestInit & { readonly duplex: "half" } = {
      method,
      headers: toHeaders(incoming),
      body,
      duplex: "half"
    }
    return new Request(toUrl(incoming), init)
  } catch {
    return undefined
  }
}

const toUrl = ({ headers, socket, url = "/" }: IncomingMessage): URL => {
  if (!url.startsWith("/")) return new URL(url)
  const host = headers.host ?? "localhost"
  if (/[\s/?#@\\]/u.test(host)) throw new TypeError("the Host header is not a host")
  const protocol = "encrypted" in socket && socket.encrypted === true ? "https" : "http"
  // Joined as text: as a relative URL, a path with two slashes would replace the host.
  return new URL(`${protocol}://${host}${url}`)
}

const toHeaders = ({ rawHeaders }: IncomingMessage): Headers => {
  const headers = new Headers()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "")
  }
  return headers
}

/**
 * The body of a request. `Readable.toWeb` reads ahead, and cancelling its stream destroys the socket, also before the
 * response is sent.
 */
const toWebStream = (incoming: IncomingMessage): ReadableStream<Uint8Array> => {
  const chunks: AsyncIterator<Uint8Array, undefined> = incoming.iterator({ destroyOnReturn: false })
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await chunks.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: async () => {
        await chunks.return?.()
      }
    },
    // Nothing is read before the handler asks for it.
    { highWaterMark: 0 }
  )
}

const write = async (response: Response, outgoing: ServerResponse): Promise<void> => {
  const { body, headers, status } = response
  if (outgoing.headersSent || outgoing.destroyed) return await body?.cancel()
  const fields = [...headers].filter(([name]) => name !== "set-cookie").map(([name, value]) => [name, value])
  const cookies = headers.getSetCookie().map((cookie) => ["set-cookie", cookie])
  outgoing.writeHead(status, [...fields, ...cookies].flat())
  if (body !== null) {
    const reader = body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (outgoing.destroyed) return await reader.cancel()
      if (!outgoing.write(value)) await drained(outgoing)
    }
  }
  outgoing.end()
}

/** Waits until more can be written, or until the client has disconnected. */
const drained = (outgoing: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done)
      resolve()
    }
    outgoing.on("drain", done).on("close", done)
  })

const lingerMillis = 2000

/**
 * Discards what the handler has not read. A socket that is closed with unread data resets the connection, and the client
 * may lose the response. A client that goes on sending is disconnected.
 */
const discardRest = (incoming: IncomingMessage): void => {
  if (incoming.complete && incoming.readableLength === 0) return
  if (incoming.destroyed) return
  incoming.resume()
  const timer = setTimeout(() => incoming.destroy(), lingerMillis)
  incoming.once("close", () => clearTimeout(timer)).once("end", () => clearTimeout(timer))
}
