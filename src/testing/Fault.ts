/**
 * Faults that tests inject into a sandbox: latency, broken connections, error responses and invalid tokens.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

/**
 * The failure of one request, as plain data. Build it with the constructors of the value `Fault`.
 *
 * **Details**
 *
 * - `Latency`, `Hang`, `Dropped`, `Reset`, `CutJson` and `Oversized`: the sandbox processes the request, and only the
 *   response is affected.
 * - `Refused`, `Response` and `Unauthenticated`: the sandbox does not process the request.
 * - `TokenExpired` and `TokensRevoked`: the sandbox invalidates tokens, and then processes the request.
 *
 * `stored` overrides this, see `Fault.afterStoring` and `Fault.beforeStoring`.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = { readonly stored?: boolean | undefined } & (
  | { readonly _tag: "Latency"; readonly duration: Duration.Duration }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Dropped" }
  | { readonly _tag: "Reset"; readonly afterBytes: number }
  | {
      readonly _tag: "Response"
      readonly status: number
      readonly contentType: string
      readonly body: string
      readonly retryAfter: string | undefined
    }
  | { readonly _tag: "CutJson" }
  | { readonly _tag: "Oversized"; readonly bytes: number }
  | { readonly _tag: "Unauthenticated"; readonly status: 401 | 403 }
  | { readonly _tag: "TokenExpired" }
  | { readonly _tag: "TokensRevoked" }
)

/**
 * The value of a `Retry-After` header: a number of seconds, a date (sent in the date format of HTTP), or the exact text.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryAfter = number | Date | string

const html = "text/html; charset=utf-8"

const json = "application/json"

const gatewayTitles = { 502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Timeout" }

const htmlPage = (title: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`

const response = (status: number, contentType: string, content: unknown, retryAfter?: RetryAfter): Fault => ({
  _tag: "Response",
  status,
  contentType,
  body: typeof content === "string" ? content : JSON.stringify(content),
  retryAfter: retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter?.toString()
})

/**
 * The faults that a sandbox can simulate.
 *
 * **Example** (Two bad gateways, then a slow response)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Fault, Sandbox } from "effect-ripio-tickets/testing"
 *
 * const outage = Effect.gen(function* () {
 *   const sandbox = yield* Sandbox
 *   yield* sandbox.inject(Fault.gatewayHtml(502), { on: "retrieve", times: 2 })
 *   yield* sandbox.inject(Fault.latency("5 seconds"), { on: "retrieve" })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Fault = {
  /** Processes the request immediately, and sends the response after this delay. */
  latency: (duration: Duration.Input): Fault => ({
    _tag: "Latency",
    duration: Duration.fromInputUnsafe(duration)
  }),

  /** Processes the request, and never sends the response. */
  hang: { _tag: "Hang" } satisfies Fault,

  /**
   * Refuses the connection. In process, the client fails with a `TransportError` whose cause has the code `ECONNREFUSED`.
   * On a port, the connection exists already, so the sandbox closes it without a response.
   */
  refused: { _tag: "Refused" } satisfies Fault,

  /** Processes the request, and breaks the connection before the first byte of the response. */
  dropped: { _tag: "Dropped" } satisfies Fault,

  /** Breaks the connection after this number of bytes of the body. With `0` the client receives only the headers. */
  reset: (options: { readonly afterBytes: number }): Fault => ({ _tag: "Reset", ...options }),

  /** Responds with 429, and with a `Retry-After` header if `retryAfter` is given. */
  rateLimited: (options?: { readonly retryAfter?: RetryAfter | undefined }): Fault =>
    response(429, json, { detail: "Request was throttled." }, options?.retryAfter),

  /**
   * Responds with this status. The default body is a short HTML page. A string is sent as HTML, any other `body` as JSON.
   */
  status: (
    status: number,
    options?: { readonly retryAfter?: RetryAfter | undefined; readonly body?: unknown }
  ): Fault => {
    const body = options?.body ?? htmlPage(`${status}`)
    return response(status, typeof body === "string" ? html : json, body, options?.retryAfter)
  },

  /** Responds with the HTML error page of a gateway in front of the API. */
  gatewayHtml: (status: 502 | 503 | 504): Fault => response(status, html, htmlPage(gatewayTitles[status])),

  /** Sends the correct headers with only the first half of the JSON, as a complete body. */
  cutJson: { _tag: "CutJson" } satisfies Fault,

  /**
   * Responds with any content, to test bodies of the wrong shape. A string is sent verbatim, any other content as JSON.
   * Default: status 200, content type `application/json`.
   */
  body: (
    content: unknown,
    options?: { readonly status?: number | undefined; readonly contentType?: string | undefined }
  ): Fault => response(options?.status ?? 200, options?.contentType ?? json, content),

  /** Responds with error 40001 although the token is valid. The API documents it with status 401 and with status 403. */
  unauthenticated: (status: 401 | 403 = 401): Fault => ({ _tag: "Unauthenticated", status }),

  /** Invalidates the token of the request. Applies to the next request to Create or Retrieve. */
  tokenExpired: { _tag: "TokenExpired" } satisfies Fault,

  /** Invalidates all tokens of the account of the request. Applies to the next request to Create or Retrieve. */
  tokensRevoked: { _tag: "TokensRevoked" } satisfies Fault,

  /** Pads the response with spaces to this number of bytes. It remains valid JSON, but may exceed the limit of a client. */
  oversized: (bytes: number): Fault => ({ _tag: "Oversized", bytes }),

  /**
   * The same fault, but the sandbox processes the request first: it stores the ticket of a create.
   *
   * Changes `status`, `gatewayHtml`, `body`, `rateLimited` and `unauthenticated`. `inject` dies if the fault is `refused`,
   * because a refused connection carries no request.
   */
  afterStoring: (fault: Fault): Fault => ({ ...fault, stored: true }),

  /**
   * The same fault, but the sandbox does not store the ticket of a create.
   *
   * Changes `latency`, `hang`, `dropped`, `reset`, `cutJson` and `oversized`.
   */
  beforeStoring: (fault: Fault): Fault => ({ ...fault, stored: false })
}
