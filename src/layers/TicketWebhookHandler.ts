/**
 * Webhooks as a function from `Request` to `Response`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { InvalidOption } from "../domain/InvalidOption.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import { readWebBody } from "../internal/webhooks/readBody.ts"
import { CurrentLifetime, type Lifetime } from "../internal/webhooks/lifetime.ts"
import { type LimitedLog, makeLimitedLog } from "../internal/webhooks/limitedLog.ts"
import { makeReceive, type OnEvent, type ReceiveOptions } from "../internal/webhooks/receive.ts"
import { TicketOutcomes } from "../services/TicketOutcomes.ts"
import { TicketWebhooks } from "../services/TicketWebhooks.ts"

/**
 * Options of the handler.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReceiveOptions {}

const methodNotAllowed = () => reply(405, { allow: "POST" })

const reply = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers })

/**
 * Creates a function from `Request` to `Response` that receives webhooks, for Hono, Next.js, Workers, Deno, Bun, and for
 * `node:http` and Express through an adapter.
 *
 * It reads up to 256 KiB, verifies the bytes and passes the event to `onEvent`. The response has no body and one of these
 * statuses:
 *
 * - 200: `onEvent` succeeded
 * - 401 or 400: the delivery is not authentic or cannot be decoded; the log says why, at most once a minute per reason
 * - 405: the method is not `POST`
 * - 408: the body did not arrive within 10 s
 * - 413: the body is too large
 * - 500: something read or locked the body before the handler. Pass the request to the handler before any parser
 * - 503: `onEvent` failed, died or timed out, and Ripio redelivers the event
 *
 * The returned function never rejects. If the sender disconnects, `onEvent` still runs to its end. For `node:http` and
 * Express, pass the function to `toNodeListener` of `effect-ripio-tickets/node`.
 *
 * `onEvent` should store the event, as `TicketInbox.offer` does, and do the work later. Without an inbox, `onEvent` must
 * handle each `dedupeKey` once, because an event may be delivered more than once.
 *
 * **Example** (Any server of web requests)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const runtime = ManagedRuntime.make(TicketWebhooksLive.layerConfig)
 *
 * const handler = await runtime.runPromise(
 *   TicketWebhookHandler.make((event) => Effect.log(event._tag, event.dedupeKey))
 * )
 *
 * export const POST = handler // Next.js; with Hono: app.post("/webhooks/ripio", (c) => handler(c.req.raw))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E, R>(
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, E, R>,
  options?: Options
): Effect.Effect<(request: Request) => Promise<Response>, InvalidOption, TicketWebhooks | R> =>
  makeHandler(onEvent, options)

const makeHandler = <E, R>(onEvent: OnEvent<E, R>, options: Options | undefined, log?: LimitedLog) =>
  Effect.gen(function* () {
    const { verify } = yield* TicketWebhooks
    const outcomes = Option.getOrUndefined(yield* Effect.serviceOption(TicketOutcomes))
    const receive = yield* makeReceive({ verify, publish: outcomes?.publish, log }, onEvent, options)
    const run = Effect.runPromiseWith(yield* Effect.context())

    const respond = (request: Request): Effect.Effect<Response> =>
      request.method === "POST"
        ? Effect.map(receive(request.headers, readWebBody(request)), (status) => reply(status))
        : Effect.succeed(methodNotAllowed())

    return (request: Request): Promise<Response> =>
      run(
        Effect.catchCause(
          Effect.suspend(() => respond(request)),
          (cause) => Effect.as(Effect.logError("A webhook request could not be read", cause), reply(500))
        )
      )
  })

/**
 * Options of a handler that builds its layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromLayerOptions extends Options {
  /**
   * How long the layer lives: `"process"` by default.
   *
   * - `"process"`: it is built with the first webhook and lives until `dispose`. For a server whose process goes on between
   *   requests.
   * - `"request"`: it is built for each webhook, and closed after it. For runtimes that stop or freeze the program after each
   *   response, and for Cloudflare Workers, where a request must not wait for anything that another request has started. An
   *   inbox in memory is refused with `InvalidOption`, because its events would be lost.
   */
  readonly lifetime?: "process" | "request" | undefined
}

/**
 * What a platform passes beside the request. Contexts without `waitUntil` are accepted too.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestContext = object & {
  /** Keeps the program running until the promise has settled, although the response has been sent. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
}

/**
 * A handler of webhooks that owns its layer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler {
  (request: Request, context?: RequestContext): Promise<Response>
  /** Closes the layer of a handler with `lifetime: "process"`. Requests after it get 503. */
  readonly dispose: () => Promise<void>
}

/**
 * Creates a function from `Request` to `Response` that receives webhooks with the services of a layer. Nothing is built
 * before the first webhook, so the module of the function can be loaded without secrets, as `next build` does.
 *
 * It responds as the function of `make` does. If the layer cannot be built, the response is 503, the log has the error, and
 * the next webhook builds it again. The function never rejects.
 *
 * With `lifetime: "request"`, the layer is closed after the response. Closing it waits for a `create` in flight whose caller
 * was interrupted, and for the renewal of a shared token. Pass the `waitUntil` of the platform as the context, and the
 * response does not wait for that. Without it, the response is sent after the layer is closed.
 *
 * **Example** (A route of Next.js on a server)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * export const POST = TicketWebhookHandler.fromLayer(TicketWebhooksLive.layerConfig, (event) =>
 *   Effect.log(event._tag, event.dedupeKey)
 * )
 * ```
 *
 * **Example** (A Cloudflare Worker, which handles the event before it responds)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { TicketWebhookHandler, TicketWebhooksLive } from "effect-ripio-tickets"
 *
 * const fetch = TicketWebhookHandler.fromLayer(
 *   TicketWebhooksLive.layerConfig,
 *   (event) => Effect.log(event._tag, event.dedupeKey),
 *   { lifetime: "request" }
 * )
 *
 * export default { fetch: (request: Request, _: unknown, context: ExecutionContext) => fetch(request, context) }
 *
 * interface ExecutionContext {
 *   readonly waitUntil: (promise: Promise<unknown>) => void
 * }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLayer = <ROut, E, E2>(
  // The second type requires that the services of the layer include TicketWebhooks. They are inferred from the first.
  layer: Layer.Layer<ROut, E> & Layer.Layer<NoInfer<ROut> | TicketWebhooks, E>,
  onEvent: (event: TicketEvent) => Effect.Effect<unknown, E2, NoInfer<ROut>>,
  { lifetime = "process", ...options }: FromLayerOptions = {}
): Handler => {
  // Shared by all requests: it is not awaited.
  const log = makeLimitedLog()

  /** The handler, and the scope in which its layer lives. */
  const services: Layer.Layer<ROut | TicketWebhooks, E> = layer
  const build = Effect.gen(function* () {
    if (!lifetimes.has(lifetime)) return yield* new InvalidOption({ option: "lifetime", issue: expectedLifetime })
    const scope = yield* Scope.make()
    const respond = yield* Layer.buildWithScope(services, scope).pipe(
      Effect.provideService(CurrentLifetime, lifetime),
      Effect.flatMap((context) => Effect.provideContext(makeHandler(onEvent, options, log), context)),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    return { respond, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  })

  return lifetime === "request" ? ofRequest(() => Effect.runPromise(build)) : ofProcess(() => Effect.runPromise(build))
}

const lifetimes: ReadonlySet<unknown> = new Set<Lifetime>(["process", "request"])
const expectedLifetime = 'expected "process" or "request"'

interface Built {
  readonly respond: (request: Request) => Promise<Response>
  readonly close: () => Promise<void>
}

const logError = (message: string, cause: unknown) => Effect.runPromise(Effect.logError(message, cause))

const unavailable = async (cause: unknown): Promise<Response> => {
  await logError("The layer of the webhook handler could not be built. Ripio redelivers the event", cause)
  return reply(503)
}

/** Builds the layer once. After a failure, the next request builds it again. */
const ofProcess = (build: () => Promise<Built>): Handler => {
  let built: Promise<Built> | undefined
  let isDisposed = false

  const handle = async (request: Request): Promise<Response> => {
    if (request.method !== "POST") return methodNotAllowed()
    if (isDisposed) return reply(503)
    const current = (built ??= build())
    try {
      return (await current).respond(request)
    } catch (cause) {
      if (built === current) built = undefined
      return unavailable(cause)
    }
  }

  const dispose = async () => {
    isDisposed = true
    const last = await built?.catch(() => undefined)
    await last?.close()
  }
  return Object.assign(handle, { dispose })
}

/** Builds the layer for each request, and shares nothing between requests that can be awaited. */
const ofRequest = (build: () => Promise<Built>): Handler => {
  const handle = async (request: Request, context?: RequestContext): Promise<Response> => {
    if (request.method !== "POST") return methodNotAllowed()
    let built: Built
    try {
      built = await build()
    } catch (cause) {
      return unavailable(cause)
    }
    const response = await built.respond(request)
    const closed = built
      .close()
      .catch((cause: unknown) => logError("The layer of a webhook could not be closed", cause))
    if (typeof context?.waitUntil === "function") context.waitUntil(closed)
    else await closed
    return response
  }
  return Object.assign(handle, { dispose: async () => {} })
}
