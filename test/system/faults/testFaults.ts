import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import {
  AuthClientCredentials,
  AuthService,
  RipioHttpError,
  type RequestOptions,
  SupportTickets
} from "../../../src/index.ts"
import { withTokenAt } from "../../support/clients.ts"
import { created, ticketId } from "../../support/fixtures.ts"
import { serve, sockets } from "../../support/server.ts"
import { faultyProxy, type Plan } from "./proxy.ts"

const clientId = "partner"
const clientSecret = Redacted.make("a secret of the partner")

/** The two operations that are retried. Each builds a new client, so that its request is the client's first. */
const operations = {
  retrieve: (baseUrl: string, client: Layer.Layer<HttpClient>, options: RequestOptions) =>
    Effect.map(Layer.build(withTokenAt(baseUrl, client, options)), (context) =>
      Effect.map(Context.get(context, SupportTickets).retrieve(ticketId), ({ _tag }): string => _tag)
    ),
  token: (baseUrl: string, client: Layer.Layer<HttpClient>, options: RequestOptions) =>
    Effect.map(
      Layer.build(
        AuthClientCredentials.layer({ environment: { baseUrl }, clientId, clientSecret, ...options }).pipe(
          Layer.provide(client),
          Layer.orDie
        )
      ),
      (context) => Effect.as(Context.get(context, AuthService).accessToken, "a token")
    )
}

type Operation = keyof typeof operations

/** The result of each operation when nothing fails. */
const success: Record<Operation, string> = { retrieve: "Created", token: "a token" }

const describeExit = (exit: Exit.Exit<string, unknown>) => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  if (!(error instanceof RipioHttpError)) return Cause.pretty(exit.cause)
  const { attempts, reason } = error
  const status = "status" in reason ? ` ${reason.status}` : ""
  return `${reason._tag}${status} after ${attempts}`
}

/** The three ways in which HTTP/1.1 marks the end of a response. */
const framings = ["length", "chunked", "until closed"] as const

type Framing = (typeof framings)[number]

const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"

const upstream = (framing: Framing) =>
  Effect.map(
    serve((request, response) => {
      const isToken = request.url?.endsWith("/oauth2/token/")
      const body = JSON.stringify(isToken ? { accessToken: "a-token", expiresIn: 3600, tokenType: "Bearer" } : created)
      request.resume().on("end", () => {
        response.setHeader("content-type", "application/json")
        if (framing === "length") return void response.end(body)
        if (framing === "chunked") {
          response.write(body.slice(0, 40))
          return void response.end(body.slice(40))
        }
        response.socket?.end(`${head}${body}`)
      })
    }),
    (baseUrl) => Number(new URL(baseUrl).port)
  )

/** Runs one operation through a new proxy, and returns its result and the proxy. */
const call = (
  port: number,
  client: Layer.Layer<HttpClient>,
  operation: Operation,
  plan?: Plan,
  options: RequestOptions = {}
) =>
  Effect.gen(function* () {
    const proxy = yield* faultyProxy(port, plan)
    const run = yield* operations[operation](proxy.baseUrl, client, {
      retry: { times: 1, base: "1 milli" },
      ...options
    })
    const exit = yield* Effect.exit(Effect.timeout(run, "20 seconds"))
    return { result: describeExit(exit), proxy }
  })

const resultAndAttempts = (port: number, client: Layer.Layer<HttpClient>, operation: Operation, plan: Plan) =>
  Effect.map(Effect.scoped(call(port, client, operation, plan)), ({ proxy, result }) => ({
    result,
    attempts: proxy.seen.attempts
  }))

/** The number of bytes that an operation sends and receives when nothing fails. */
const messageLengths = Effect.fnUntraced(function* (
  port: number,
  client: Layer.Layer<HttpClient>,
  operation: Operation
) {
  const { proxy, result } = yield* Effect.scoped(call(port, client, operation))
  assert.strictEqual(result, success[operation])
  assert.isAbove(Math.min(proxy.seen.forwarded.request, proxy.seen.forwarded.response), 100)
  return proxy.seen.forwarded
})

const faults = ["reset", "close", "half-close", "stall"] as const

/** All faults at all bytes are many thousands of connections. By default each byte gets one fault, in rotation. */
const everyFault = process.env["FAULTS"] === "all"

const expectedResults = (framing: Framing, { fault, offset, side }: Plan): ReadonlyArray<string> => {
  if (fault === "stall") return ["TimedOut after 2"]
  if (side === "request") {
    // The server may reject half of a request.
    return fault === "half-close" && offset > 0
      ? ["TransportFailed after 2", "UnexpectedResponse 400 after 1"]
      : ["TransportFailed after 2"]
  }
  // Such a response ends with the connection, so the client cannot detect that it is incomplete. These clients do not
  // report a reset either. The body is then half of a JSON object.
  return framing === "until closed" && offset >= head.length
    ? ["UnexpectedResponse 200 after 1"]
    : ["TransportFailed after 2"]
}

/** Counts the fibers that an effect starts, and those that are active at its end. */
const countingFibers = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const fibers = { started: 0, active: 0 }
    return Effect.provideService(effect, Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => {
        fibers.started++
        fibers.active++
      },
      recordFiberEnd: () => void fibers.active--
    }).pipe(Effect.map((value) => ({ value, fibers })))
  })

const sides = ["request", "response"] as const

/** Every ninth offset of a message. */
const offsets = (length: number) => Array.from({ length: Math.ceil(length / 9) }, (_, index) => index * 9)

/** Tests clients that open real sockets. In several files, so that they run at the same time. */
export const testFaults = (isTested: (name: string) => boolean) => {
  for (const [rotation, [name, client]] of sockets.entries()) {
    if (!isTested(name)) continue
    describe(`faults at every byte, with ${name}`, () => {
      for (const operation of ["retrieve", "token"] as const) {
        for (const framing of framings) {
          for (const side of sides) {
            // The framing of the response does not affect the request.
            if (side === "request" && framing !== "length") continue
            const message = side === "response" ? `response to ${operation} (${framing})` : `request of ${operation}`

            it.live(
              `${message}: expected error and attempts, no open connection, no active fiber`,
              () =>
                Effect.gen(function* () {
                  const port = yield* upstream(framing)
                  const total = (yield* messageLengths(port, client, operation))[side]
                  const plans = Array.from({ length: total }, (_, offset) =>
                    faults
                      .filter((_, index) => everyFault || index === (offset + rotation) % faults.length)
                      .map((fault): Plan => ({ side, offset, fault }))
                  ).flat()
                  const { fibers, value } = yield* Effect.forEach(
                    plans,
                    Effect.fnUntraced(function* (plan) {
                      const timeout = plan.fault === "stall" ? "300 millis" : "10 seconds"
                      const { proxy, result } = yield* call(port, client, operation, plan, { timeout })
                      const open = yield* proxy.openConnections
                      const { attempts } = proxy.seen
                      const expected = expectedResults(framing, plan)
                      const reported = Number(result.at(-1))
                      // On a busy machine an attempt may time out before it has connected.
                      const isCounted = plan.fault === "stall" ? attempts <= reported : attempts === reported
                      return expected.includes(result) && isCounted && open === 0
                        ? []
                        : [
                            `${plan.fault} at ${plan.offset}: ${result}, ${attempts} attempts, ${open} open connections; ` +
                              `expected ${expected.join(" or ")}`
                          ]
                    }, Effect.scoped),
                    { concurrency: 64 }
                  ).pipe(countingFibers)
                  assert.deepStrictEqual(value.flat(), [])
                  assert.strictEqual(fibers.active, 0)
                  assert.isAbove(fibers.started, plans.length)
                }).pipe(Effect.scoped),
              everyFault ? 120_000 : 30_000
            )
          }
        }

        it.live(`${operation}: the second attempt succeeds after a fault on the first connection`, () =>
          Effect.gen(function* () {
            const port = yield* upstream("length")
            const total = yield* messageLengths(port, client, operation)
            const plans = sides.flatMap((side) =>
              offsets(total[side]).map((offset): Plan => ({
                side,
                offset,
                fault: offset % 2 === 0 ? "reset" : "close",
                connections: 1
              }))
            )
            const results = yield* Effect.forEach(plans, (plan) => resultAndAttempts(port, client, operation, plan), {
              concurrency: 16
            })
            assert.deepStrictEqual(
              results,
              plans.map(() => ({ result: success[operation], attempts: 2 }))
            )
          }).pipe(Effect.scoped)
        )

        it.live(`${operation}: waits for late or slow bytes until the timeout, and no longer`, () =>
          Effect.gen(function* () {
            const port = yield* upstream("chunked")
            const total = yield* messageLengths(port, client, operation)
            const plans = sides.flatMap((side) => [
              ...offsets(total[side]).map((offset): Plan => ({ side, offset, fault: "delay", milliseconds: 30 })),
              { side, offset: 0, fault: "throttle" } satisfies Plan
            ])
            const results = yield* Effect.forEach(plans, (plan) => resultAndAttempts(port, client, operation, plan), {
              concurrency: 16
            })
            assert.deepStrictEqual(
              results,
              plans.map(() => ({ result: success[operation], attempts: 1 }))
            )
            // A steady trickle of bytes does not extend the timeout.
            const trickle: Plan = { side: "response", offset: 0, fault: "throttle", milliseconds: 5 }
            const start = performance.now()
            const { proxy, result } = yield* call(port, client, operation, trickle, { timeout: "200 millis" })
            assert.deepStrictEqual(
              { result, attempts: proxy.seen.attempts, open: yield* proxy.openConnections },
              { result: "TimedOut after 2", attempts: 2, open: 0 }
            )
            assert.isAtLeast(performance.now() - start, 400)
            assert.isBelow(performance.now() - start, 200 * 5 * 2)
          }).pipe(Effect.scoped)
        )
      }
    })
  }
}
