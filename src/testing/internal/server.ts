import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { TicketId } from "../../domain/TicketId.ts"
import { ConnectionLost } from "../ConnectionLost.ts"
import type { Fault } from "../Fault.ts"
import type { SandboxRequest, Route } from "../SandboxRequest.ts"
import * as Answer from "./sandboxResponse.ts"
import { basic, bearer } from "./authorization.ts"
import type { Endpoint, World } from "./endpoint.ts"
import { createRoute } from "./createRoute.ts"
import type { Faults } from "./faults.ts"
import { retrieveRoute } from "./retrieveRoute.ts"
import { tokenRoute } from "./tokenRoute.ts"

const endpoints: ReadonlyArray<Endpoint> = [tokenRoute, createRoute, retrieveRoute]

const secret = ["authorization", "proxy-authorization", "cookie", "x-api-key"]

interface Target extends Pick<Endpoint, "handle"> {
  readonly route: Route | undefined
  readonly ticketId: TicketId | undefined
}

const noEndpoint = (page: Answer.Answer): Target => ({
  route: undefined,
  ticketId: undefined,
  handle: () => Effect.succeed(page)
})

const endpointsAt = (path: string) =>
  endpoints.flatMap((endpoint) => {
    const params = endpoint.match(path)
    return params === undefined ? [] : [{ ...endpoint, ticketId: params.ticketId }]
  })

/** The endpoint that a request is for, or what Django says where there is none. */
const dispatch = (method: string, { pathname, search }: URL): Target => {
  const here = endpointsAt(pathname)
  const target = here.find((endpoint) => endpoint.method === method)
  if (target !== undefined) return target
  if (here.length > 0) {
    const allow = here.map((endpoint) => endpoint.method).join(", ")
    return noEndpoint(Answer.html(405, "Method Not Allowed", { allow }))
  }
  const slashed = `${pathname}/`
  // APPEND_SLASH: for every method, which is how the body of a POST gets lost.
  return endpointsAt(slashed).length > 0
    ? noEndpoint(Answer.html(301, "Moved Permanently", { location: `${slashed}${search}` }))
    : noEndpoint(Answer.html(404, "Not Found"))
}

const underFault = (
  fault: Fault | undefined,
  processed: Effect.Effect<Answer.Answer>
): Effect.Effect<Answer.Answer, ConnectionLost> => {
  const instead = (answer: Answer.Answer) =>
    fault?.stored === true ? Effect.as(processed, answer) : Effect.succeed(answer)
  switch (fault?._tag) {
    case undefined:
    case "TokenExpired":
    case "TokensRevoked":
      return processed
    case "Latency":
      return Effect.tap(processed, () => Effect.sleep(fault.duration))
    case "Hang":
      return Effect.andThen(processed, Effect.never)
    case "Refused":
      return Effect.fail(new ConnectionLost({ code: "ECONNREFUSED" }))
    case "Dropped":
      return Effect.andThen(processed, Effect.fail(new ConnectionLost({ code: "ECONNRESET" })))
    case "Reset":
      return Effect.map(processed, (answer) => ({ ...answer, cutAfter: fault.afterBytes }))
    case "Answer": {
      const { body, contentType, retryAfter, status } = fault
      return instead({
        status,
        contentType,
        body,
        headers: retryAfter === undefined ? {} : { "retry-after": retryAfter }
      })
    }
    case "CutJson":
      return Effect.map(processed, (answer) => ({ ...answer, body: answer.body.slice(0, answer.body.length / 2) }))
    case "Oversized":
      return Effect.map(processed, (answer) => Answer.pad(answer, fault.bytes))
    case "Unauthenticated":
      return instead(Answer.notAuthenticated(fault.status))
  }
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** One sandbox as a function from a request to its response, and the journal of what came. */
export const make = (world: World, faults: Faults) => {
  const journal: Array<Mutable<SandboxRequest>> = []

  const handle = (request: HttpServerRequest): Effect.Effect<HttpServerResponse, ConnectionLost> =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      // The host is whatever the client calls the API: only the path counts.
      const url = new URL(request.url.startsWith("/") ? `http://localhost${request.url}` : request.url)
      const { handle: process, route, ticketId } = dispatch(request.method, url)
      const token = bearer(request.headers)
      const entry = token === undefined ? undefined : world.accounts.withToken(token, at)
      const clientId = entry?.account.clientId ?? world.accounts.known(basic(request.headers)?.clientId)
      const fault = faults.take({ route, clientId })
      const received: Mutable<SandboxRequest> = {
        at,
        route,
        method: request.method,
        path: url.pathname,
        ticketId,
        headers: Headers.redact(request.headers, secret),
        clientId,
        status: undefined,
        fault
      }
      const number = journal.push(received)

      if (fault?._tag === "TokenExpired" && token !== undefined) entry?.tokens.delete(token)
      if (fault?._tag === "TokensRevoked") entry?.tokens.clear()

      const stores = fault?.stored ?? true
      const answer = yield* underFault(fault, process(world, { request, at, ticketId, stores }))
      received.status = answer.status
      return Answer.toResponse(answer, `sandbox-request-${number}`)
    })

  return { handle, received: (): ReadonlyArray<SandboxRequest> => journal.map((request) => ({ ...request })) }
}
