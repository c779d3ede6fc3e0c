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

/** The two calls that may be repeated, each as the first request of its client. */
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

const good: Record<Operation, string> = { retrieve: "Created", token: "a token" }

const ended = (exit: Exit.Exit<string, unknown>) => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  if (!(error instanceof RipioHttpError)) return Cause.pretty(exit.cause)
  const { attempts, reason } = error
  const status = "status" in reason ? ` ${reason.status}` : ""
  return `${reason._tag}${status} after ${attempts}`
}

/** The three ways in which HTTP/1.1 says where an answer ends. */
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

/** One call through a proxy of its own: how it ends, how often it tried, and what it leaves open. */
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
    return { how: ended(exit), proxy }
  })

/** How many bytes a call sends and receives, when nothing goes wrong. */
const lengths = Effect.fnUntraced(function* (port: number, client: Layer.Layer<HttpClient>, operation: Operation) {
  const { how, proxy } = yield* Effect.scoped(call(port, client, operation))
  assert.strictEqual(how, good[operation])
  assert.isAbove(Math.min(proxy.seen.passed.request, proxy.seen.passed.answer), 100)
  return proxy.seen.passed
})

const kinds = ["reset", "close", "half-close", "stall"] as const

/** Every fault at every byte is many thousands of connections: by default each byte has one of them, in turn. */
const all = process.env["FAULTS"] === "all"

const expected = (framing: Framing, { at, how, side }: Plan): ReadonlyArray<string> => {
  if (how === "stall") return ["TimedOut after 2"]
  if (side === "request") {
    // A server may say what it thinks of half a request.
    return how === "half-close" && at > 0
      ? ["TransportFailed after 2", "UnexpectedResponse 400 after 1"]
      : ["TransportFailed after 2"]
  }
  // Nothing says that more should have come, not even a reset to these clients; but half of an object is no JSON.
  return framing === "until closed" && at >= head.length
    ? ["UnexpectedResponse 200 after 1"]
    : ["TransportFailed after 2"]
}

/** Counts the fibers of an effect. */
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

for (const [turn, [name, client]] of sockets.entries()) {
  describe(`faults at every byte, by ${name}`, () => {
    for (const operation of ["retrieve", "token"] as const) {
      for (const framing of framings) {
        for (const side of ["request", "answer"] as const) {
          // The framing of the answer makes no difference to the request.
          if (side === "request" && framing !== "length") continue
          const what = side === "answer" ? `answer to ${operation}, ${framing}` : `request of ${operation}`

          it.live(
            `of the ${what}: the right error, the right attempts, and nothing is left open`,
            () =>
              Effect.gen(function* () {
                const port = yield* upstream(framing)
                const total = (yield* lengths(port, client, operation))[side]
                const plans = Array.from({ length: total }, (_, at) =>
                  kinds
                    .filter((_, index) => all || index === (at + turn) % kinds.length)
                    .map((how): Plan => ({ side, at, how }))
                ).flat()
                const { fibers, value } = yield* Effect.forEach(
                  plans,
                  Effect.fnUntraced(function* (plan) {
                    const timeout = plan.how === "stall" ? "300 millis" : "10 seconds"
                    const { how, proxy } = yield* call(port, client, operation, plan, { timeout })
                    const left = yield* proxy.left
                    const { asked } = proxy.seen
                    const should = expected(framing, plan)
                    const attempts = Number(how.at(-1))
                    // On a busy machine the time of an attempt may be up before it has left.
                    const isAsked = plan.how === "stall" ? asked <= attempts : asked === attempts
                    return should.includes(how) && isAsked && left === 0
                      ? []
                      : [
                          `${plan.how} at ${plan.at}: ${how}, asked ${asked} times, ${left} left; not ${should.join(" or ")}`
                        ]
                  }, Effect.scoped),
                  { concurrency: 64 }
                ).pipe(countingFibers)
                assert.deepStrictEqual(value.flat(), [])
                assert.strictEqual(fibers.active, 0)
                assert.isAbove(fibers.started, plans.length)
              }).pipe(Effect.scoped),
            all ? 120_000 : 30_000
          )
        }
      }

      it.live(`of ${operation} on the first connection alone: the second one makes it good`, () =>
        Effect.gen(function* () {
          const port = yield* upstream("length")
          const total = yield* lengths(port, client, operation)
          const plans = (["request", "answer"] as const).flatMap((side) =>
            Array.from({ length: Math.ceil(total[side] / 9) }, (_, index) => index * 9).map((at): Plan => ({
              side,
              at,
              how: at % 2 === 0 ? "reset" : "close",
              connections: 1
            }))
          )
          const ends = yield* Effect.forEach(
            plans,
            (plan) =>
              Effect.map(Effect.scoped(call(port, client, operation, plan)), ({ how, proxy }) => [
                how,
                proxy.seen.asked
              ]),
            { concurrency: 16 }
          )
          assert.deepStrictEqual(
            ends,
            plans.map(() => [good[operation], 2])
          )
        }).pipe(Effect.scoped)
      )

      it.live(`of ${operation}: what is late or slow is waited for, up to the time limit and no longer`, () =>
        Effect.gen(function* () {
          const port = yield* upstream("chunked")
          const total = yield* lengths(port, client, operation)
          const plans = (["request", "answer"] as const).flatMap((side) => [
            ...Array.from({ length: Math.ceil(total[side] / 9) }, (_, index): Plan => ({
              side,
              at: index * 9,
              how: "delay",
              milliseconds: 30
            })),
            { side, at: 0, how: "throttle" } satisfies Plan
          ])
          const ends = yield* Effect.forEach(
            plans,
            (plan) =>
              Effect.map(Effect.scoped(call(port, client, operation, plan)), ({ how, proxy }) => [
                how,
                proxy.seen.asked
              ]),
            { concurrency: 16 }
          )
          assert.deepStrictEqual(
            ends,
            plans.map(() => [good[operation], 1])
          )
          // Bytes that keep coming do not make it longer.
          const drip: Plan = { side: "answer", at: 0, how: "throttle", milliseconds: 5 }
          const start = performance.now()
          const { how, proxy } = yield* call(port, client, operation, drip, { timeout: "200 millis" })
          assert.deepStrictEqual([how, proxy.seen.asked, yield* proxy.left], ["TimedOut after 2", 2, 0])
          assert.isAtLeast(performance.now() - start, 400)
          assert.isBelow(performance.now() - start, 200 * 5 * 2)
        }).pipe(Effect.scoped)
      )
    }
  })
}
