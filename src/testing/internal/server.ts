import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { Mutable } from "effect/Types"
import type { TicketId } from "../../domain/TicketId.ts"
import { ConnectionLost } from "../ConnectionLost.ts"
import type { Fault } from "../Fault.ts"
import type { Route, SandboxRequest } from "../SandboxRequest.ts"
import { basicCredentials, bearerToken } from "./authorization.ts"
import { createRoute } from "./createRoute.ts"
import { Counter } from "./counter.ts"
import { encodeForm } from "./encodeForm.ts"
import type { Endpoint, SandboxState } from "./endpoint.ts"
import type { Faults } from "./faults.ts"
import { Journal } from "./journal.ts"
import { retrieveRoute } from "./retrieveRoute.ts"
import { htmlResponse, notAuthenticated, padTo, type SandboxResponse, toServerResponse } from "./sandboxResponse.ts"
import { tokenRoute } from "./tokenRoute.ts"

const endpoints: ReadonlyArray<Endpoint> = [tokenRoute, createRoute, retrieveRoute]

const redactedHeaders = ["authorization", "proxy-authorization", "cookie", "x-api-key"]

interface Target extends Pick<Endpoint, "handle"> {
  readonly route: Route | undefined
  readonly ticketId: TicketId | undefined
}

const withoutEndpoint = (response: SandboxResponse): Target => ({
  route: undefined,
  ticketId: undefined,
  handle: () => Effect.succeed(response)
})

const endpointsAt = (path: string) =>
  endpoints.flatMap((endpoint) => {
    const params = endpoint.match(path)
    return params === undefined ? [] : [{ ...endpoint, ticketId: params.ticketId }]
  })

/** The endpoint of a request. If there is none, the target responds like Django: 405, 301 or 404. */
const dispatch = (method: string, { pathname, search }: URL): Target => {
  const matching = endpointsAt(pathname)
  const target = matching.find((endpoint) => endpoint.method === method)
  if (target !== undefined) return target
  if (matching.length > 0) {
    const allow = matching.map((endpoint) => endpoint.method).join(", ")
    return withoutEndpoint(htmlResponse(405, "Method Not Allowed", { allow }))
  }
  const withSlash = `${pathname}/`
  // Django's APPEND_SLASH redirects every method, so a client that follows the redirect of a POST loses the body.
  return endpointsAt(withSlash).length > 0
    ? withoutEndpoint(htmlResponse(301, "Moved Permanently", { location: `${withSlash}${search}` }))
    : withoutEndpoint(htmlResponse(404, "Not Found"))
}

/** The response under a fault, without its delay. `process` is the request without the fault. */
const applyFault = (
  fault: Fault | undefined,
  process: Effect.Effect<SandboxResponse>
): Effect.Effect<SandboxResponse, ConnectionLost> => {
  const replaceWith = (response: SandboxResponse) =>
    fault?.stored === true ? Effect.as(process, response) : Effect.succeed(response)
  switch (fault?._tag) {
    case undefined:
    case "TokenExpired":
    case "TokensRevoked":
    case "Latency":
    case "Hang":
      return process
    case "Refused":
      return Effect.fail(new ConnectionLost({ code: "ECONNREFUSED" }))
    case "Dropped":
      return Effect.andThen(process, Effect.fail(new ConnectionLost({ code: "ECONNRESET" })))
    case "Reset":
      return Effect.map(process, (response) => ({ ...response, resetAfter: fault.afterBytes }))
    case "Response": {
      const { body, contentType, retryAfter, status } = fault
      return replaceWith({
        status,
        contentType,
        body,
        headers: retryAfter === undefined ? {} : { "retry-after": retryAfter }
      })
    }
    case "CutJson":
      return Effect.map(process, (response) => ({
        ...response,
        body: response.body.slice(0, response.body.length / 2)
      }))
    case "Oversized":
      return Effect.map(process, (response) => padTo(response, fault.bytes))
    case "Unauthenticated":
      return replaceWith(notAuthenticated(fault.status))
  }
}

/** How long a fault holds a response back. */
const delayOf = (fault: Fault | undefined): Effect.Effect<void> => {
  switch (fault?._tag) {
    case "Latency":
      return Effect.sleep(fault.duration)
    case "Hang":
      return Effect.never
    default:
      return Effect.void
  }
}

/** The requests to one route: how many have arrived, and how many of them have been read and processed. */
const countsOfRoute = () => ({ arrived: 0, processed: new Counter() })

/** The request handler of one sandbox, and the journal of the requests that it received. */
export const make = (state: SandboxState, faults: Faults) => {
  const journal = new Journal<Mutable<SandboxRequest>>()
  const counts = { token: countsOfRoute(), create: countsOfRoute(), retrieve: countsOfRoute() }

  const handle = (request: HttpServerRequest): Effect.Effect<HttpServerResponse, ConnectionLost> =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      // Only the path matters. Clients may call the sandbox by any host.
      const url = new URL(request.url.startsWith("/") ? `http://localhost${request.url}` : request.url)
      const { handle: process, route, ticketId } = dispatch(request.method, url)
      const token = bearerToken(request.headers)
      const entry = state.accounts.withToken(token, at)
      const clientId =
        entry?.account.clientId ?? state.accounts.knownClientId(basicCredentials(request.headers)?.clientId)
      const fault = faults.take({ route, clientId })
      const received: Mutable<SandboxRequest> = {
        at,
        route,
        method: request.method,
        path: url.pathname,
        ticketId,
        headers: Headers.redact(request.headers, redactedHeaders),
        clientId,
        status: undefined,
        fault
      }
      const number = journal.add(received)
      const routeCounts = route && counts[route]
      if (routeCounts !== undefined) routeCounts.arrived += 1

      if (fault?._tag === "TokenExpired" && token !== undefined) entry?.tokens.delete(token)
      if (fault?._tag === "TokensRevoked") entry?.tokens.clear()

      const storesTicket = fault?.stored ?? true
      // The body is touched only here: a refused connection carries none.
      const processed = Effect.suspend(() => {
        const encoded = encodeForm(request)
        received.headers = Headers.redact(encoded.headers, redactedHeaders)
        return process(state, { request: encoded, at, ticketId, storesTicket })
      })
      const response = yield* applyFault(fault, processed).pipe(
        Effect.ensuring(Effect.sync(() => routeCounts?.processed.increment()))
      )
      yield* delayOf(fault)
      received.status = response.status
      return toServerResponse(response, `sandbox-request-${number}`)
    })

  return {
    handle,
    received: (): ReadonlyArray<SandboxRequest> => journal.entries,
    count: (route?: Route): number => (route === undefined ? journal.count : counts[route].arrived),
    awaitProcessed: (route: Route, count: number): Effect.Effect<void> => counts[route].processed.reach(count)
  }
}
