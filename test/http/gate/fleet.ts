import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import type * as Duration from "effect/Duration"
import { AuthService, type Ripio, RipioHttp, SupportTickets, TicketId } from "../../../src/index.ts"
import { ScriptedHttpClient, type ScriptedReply, type ScriptedRequest } from "../../../src/testing/index.ts"
import { account } from "../../support/harness.ts"
import { json, tokenResponse } from "../../support/replies.ts"

/** The id of the ticket with this number. */
export const idOf = (number: number) => TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`)

export const isToken = ({ url }: ScriptedRequest) => url.endsWith("/oauth2/token/")

const idIn = ({ url }: ScriptedRequest) => /supportTickets\/([0-9a-f-]{36})\//u.exec(url)?.[1] ?? idOf(0)

/** The response to a retrieve, or to a create. */
export const pendingOf = (request: ScriptedRequest) =>
  json({ ticketId: idIn(request), status: "PENDING", issueKey: null })

export const createdOf = (request: ScriptedRequest): ScriptedReply =>
  request.method === "POST"
    ? { status: 202, json: { ticketId: idIn(request), status: "PENDING", issueKey: null } }
    : json({ ticketId: idIn(request), status: "CREATED", issueKey: "SUP-1" })

export interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/**
 * The whole client on a server that responds by a function, after a latency. It counts requests to the API, and how many
 * of them were in flight at once.
 */
export const fleet = (
  respond: (request: ScriptedRequest, index: number) => ScriptedReply | Effect.Effect<ScriptedReply>,
  {
    latency = "50 millis",
    respondToToken = (count) => tokenResponse(`token-${count}`),
    ...options
  }: Partial<Ripio.Options> & {
    readonly latency?: Duration.Input
    readonly respondToToken?: (count: number) => ScriptedReply
  } = {}
) =>
  Effect.gen(function* () {
    let inFlight = 0
    const seen = { maxInFlight: 0, tokens: 0, api: 0 }
    const at: Array<number> = []
    const paths: Array<string> = []
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      lines.push({
        level: logLevel,
        message: String(message),
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
    const scripted = yield* ScriptedHttpClient.make((request) => {
      if (isToken(request)) {
        seen.tokens++
        return Effect.succeed(respondToToken(seen.tokens))
      }
      const index = seen.api++
      at.push(request.at)
      paths.push(`${request.method} ${idIn(request)}`)
      seen.maxInFlight = Math.max(seen.maxInFlight, ++inFlight)
      return Effect.suspend(() => {
        const reply = respond(request, index)
        return Effect.isEffect(reply) ? reply : Effect.succeed(reply)
      }).pipe(Effect.delay(latency), Effect.ensuring(Effect.sync(() => inFlight--)))
    })
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const built = yield* Layer.buildWithScope(account(options).pipe(Layer.provide(scripted.layer)), scope)
    const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(References.MinimumLogLevel, "All"))
    const tickets = Context.get(built, SupportTickets)
    return {
      tickets,
      auth: Context.get(built, AuthService),
      http: Context.get(built, RipioHttp),
      /** Closes the layer. */
      close: Scope.close(scope, Exit.void),
      /** When each request to the API arrived. */
      at,
      paths,
      seen,
      /** The lines of level Info or above. */
      lines: () => lines.filter(({ level }) => level !== "Debug" && level !== "Trace"),
      allLines: lines,
      fork: <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.forkChild(Effect.exit(logged(effect)), { startImmediately: true }),
      /** Starts a wait for each of so many tickets. */
      waitForAll: (count: number, deadline: Duration.Input = "15 minutes") =>
        Effect.forEach(
          Array.from({ length: count }, (_, index) => idOf(index + 1)),
          (id) =>
            Effect.forkChild(Effect.exit(logged(tickets.awaitOutcome(id, { deadline }))), { startImmediately: true })
        )
    }
  })

/** The most times within a tenth of a second, of times in order. */
export const maxPerTenth = (times: ReadonlyArray<number>) => {
  let max = 0
  let first = 0
  times.forEach((time, index) => {
    while (time - (times[first] ?? 0) >= 100) first++
    max = Math.max(max, index - first + 1)
  })
  return max
}

export const countDone = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length

/** A server that fails from one time to another. */
export const downBetween =
  (start: number, end: number, failure: ScriptedReply, up: (request: ScriptedRequest) => ScriptedReply = createdOf) =>
  (request: ScriptedRequest): ScriptedReply =>
    request.at >= start && request.at < end ? failure : up(request)
