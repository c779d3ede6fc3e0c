import * as Duration from "effect/Duration"

/**
 * What goes wrong with one request, as plain data. Build it with the constructors of the value `Fault`.
 *
 * The request is processed as usual, and only its answer suffers, under `Latency`, `Hang`, `Dropped`, `Reset`, `CutJson`
 * and `Oversized`. It is not processed under `Refused`, `Response` and `Unauthenticated`. `TokenExpired` and `TokensRevoked`
 * change what the sandbox knows, and the request is then processed. `stored` says otherwise, see `Fault.afterStoring` and
 * `Fault.beforeStoring`.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = { readonly stored?: boolean } & (
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
 * The value of a `Retry-After`: a number of seconds, a date, or the header as it stands.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryAfter = number | Date | string

const html = "text/html; charset=utf-8"

const reasons = { 502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Timeout" }

const header = (retryAfter: RetryAfter | undefined): string | undefined =>
  retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter?.toString()

const page = (title: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`

const json = "application/json"

const answer = (status: number, contentType: string, content: unknown, retryAfter?: RetryAfter): Fault => ({
  _tag: "Response",
  status,
  contentType,
  body: typeof content === "string" ? content : JSON.stringify(content),
  retryAfter: header(retryAfter)
})

/**
 * The faults that a sandbox can be told to show.
 *
 * **Example** (Two bad gateways, and then a slow answer)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Fault, Sandbox } from "effect-ripio-tickets/testing"
 *
 * const storm = Effect.gen(function* () {
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
  /** The answer leaves this much later. The request itself is processed at once. */
  latency: (duration: Duration.Input): Fault => ({
    _tag: "Latency",
    duration: Duration.fromInputUnsafe(duration)
  }),

  /** The request is processed, and the answer never leaves. */
  hang: { _tag: "Hang" } satisfies Fault,

  /**
   * No connection. In process the client fails with a `TransportError` whose cause has the code `ECONNREFUSED`; on a
   * port, where the connection is already there, it is dropped without an answer.
   */
  refused: { _tag: "Refused" } satisfies Fault,

  /** The connection breaks before the first byte of the answer, once the request is processed. */
  dropped: { _tag: "Dropped" } satisfies Fault,

  /** The connection breaks after so many bytes of the body; after `0` the client has seen the headers and no more. */
  reset: (options: { readonly afterBytes: number }): Fault => ({ _tag: "Reset", ...options }),

  /** 429. `retryAfter` is a number of seconds, a date (sent in the format of HTTP), or the header's text as it is. */
  rateLimited: (options?: { readonly retryAfter?: RetryAfter }): Fault =>
    answer(429, json, { detail: "Request was throttled." }, options?.retryAfter),

  /** This status, with a short HTML page unless `body` says more. A `body` that is no string is sent as JSON. */
  status: (status: number, options?: { readonly retryAfter?: RetryAfter; readonly body?: unknown }): Fault => {
    const body = options?.body ?? page(`${status}`)
    return answer(status, typeof body === "string" ? html : json, body, options?.retryAfter)
  },

  /** The error page of a gateway in front of the API. */
  gatewayHtml: (status: 502 | 503 | 504): Fault => answer(status, html, page(reasons[status])),

  /** The true answer's headers, and half of its JSON as a complete body. */
  cutJson: { _tag: "CutJson" } satisfies Fault,

  /**
   * Any body, for answers of a wrong shape: a string is sent as it is, anything else as JSON. By default with status 200
   * and called `application/json`.
   */
  body: (content: unknown, options?: { readonly status?: number; readonly contentType?: string }): Fault =>
    answer(options?.status ?? 200, options?.contentType ?? json, content),

  /** Error 40001, although the token is good, and stays so. The API documents it with status 401 and with status 403. */
  unauthenticated: (status: 401 | 403 = 401): Fault => ({ _tag: "Unauthenticated", status }),

  /** The token that the request carries is not good any more. Waits for a request with a Bearer token. */
  tokenExpired: { _tag: "TokenExpired" } satisfies Fault,

  /** No token of the request's account is good any more. Waits for a request with a Bearer token. */
  tokensRevoked: { _tag: "TokensRevoked" } satisfies Fault,

  /** The true answer, padded with white space to so many bytes: still good JSON, but more than one should read. */
  oversized: (bytes: number): Fault => ({ _tag: "Oversized", bytes }),

  /**
   * The same fault, on a request that is processed all the same: the ticket of a create is stored, whatever is answered.
   * Makes a difference to `status`, `gatewayHtml`, `body`, `rateLimited` and `unauthenticated`. Nothing reaches a sandbox
   * that refuses the connection: `refused` dies.
   */
  afterStoring: (fault: Fault): Fault => ({ ...fault, stored: true }),

  /**
   * The same fault, on a request that leaves no trace: the ticket of a create is not stored, whatever is answered. Makes a
   * difference to `hang`, `dropped`, `reset`, `latency`, `cutJson` and `oversized`.
   */
  beforeStoring: (fault: Fault): Fault => ({ ...fault, stored: false })
}
