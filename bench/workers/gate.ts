// Measures what the account gate costs a call: the same call with the gate, and with a stub of it that permits everything.
// The stub is not public, so this reads the internal modules of the installed package.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Duration from "effect/Duration"
import { join } from "node:path"
import { token } from "../client.ts"
import type { GateCost } from "../parts/gate.ts"
import { bench } from "../project.ts"
import { serve } from "./serve.ts"

type Execute = (request: HttpClientRequest.HttpClientRequest, options: object) => Effect.Effect<unknown>
interface Internals {
  readonly AccountErrors: new (account: undefined) => object
  readonly AccountGate: new (options: object) => object
  readonly AccountMetrics: new (options: object) => object
  readonly makeDetach: Effect.Effect<object>
  readonly makeExecute: (baseUrl: string, account: object) => Execute
  readonly makeSendOnce: (timeout: Duration.Duration) => Effect.Effect<object, never, HttpClient.HttpClient>
  readonly makeTokenCheck: () => unknown
}

const folder = join(bench, "node_modules", "effect-ripio-tickets", "dist", "internal")
const modules = [
  "http/gate/accountErrors",
  "http/gate/accountGate",
  "metrics",
  "http/detach",
  "http/execute",
  "http/sendOnce",
  "token/tokenCheck"
]
const { AccountErrors, AccountGate, AccountMetrics, makeDetach, makeExecute, makeSendOnce, makeTokenCheck } =
  Object.assign({}, ...(await Promise.all(modules.map((name) => import(join(folder, `${name}.js`)))))) as Internals

const headers = { "content-type": "application/json", "content-length": "11" }
const http: HttpClient.HttpClient = HttpClient.makeWith<never, never, HttpClientError, never>(
  Effect.map(
    (request) =>
      ({
        [HttpClientResponse.TypeId]: HttpClientResponse.TypeId,
        status: 200,
        headers,
        request,
        text: Effect.succeed(`{"ok":true}`)
      }) as unknown as HttpClientResponse.HttpClientResponse
  ),
  Effect.succeed
)

const stub = {
  isHoldingBack: () => false,
  enter: () => true,
  end: () => {}
}

const calls = 1000
const get = HttpClientRequest.get("/path/")
const options = { operation: "bench", decode: Result.succeed }

const loopWith = (isGated: boolean) =>
  Effect.gen(function* () {
    const baseUrl = "http://stub.test"
    const metrics = new AccountMetrics({ account: undefined, baseUrl })
    const context = yield* Effect.context()
    const execute = makeExecute(baseUrl, {
      metrics,
      errors: new AccountErrors(undefined),
      checkToken: makeTokenCheck(),
      auth: { accessToken: Effect.succeed(Redacted.make(token)), invalidate: () => Effect.void },
      detach: yield* makeDetach,
      gate: isGated ? new AccountGate({ concurrency: 32, metrics, context }) : stub,
      schedule: Schedule.recurs(0),
      sendOnce: yield* makeSendOnce(Duration.seconds(10))
    })
    return Effect.gen(function* () {
      for (let call = 0; call < calls; call++) yield* execute(get, options)
    })
  }).pipe(Effect.provideService(HttpClient.HttpClient, http), Effect.scoped, Effect.runPromise)

const loops = [await loopWith(true), await loopWith(false)]

const microsOf = async (loop: Effect.Effect<unknown>): Promise<number> => {
  const cpu = process.cpuUsage()
  await Effect.runPromise(loop)
  const { system, user } = process.cpuUsage(cpu)
  return (system + user) / calls
}

/** The tenth percentile: other load on the machine only makes a round slower. */
const fastest = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length / 10]!

serve(async (): Promise<GateCost> => {
  const times = loops.map(() => new Array<number>())
  for (let round = -50; round < 300; round++) {
    for (const turn of [0, 1]) {
      const index = (turn + round) & 1
      const micros = await microsOf(loops[index]!)
      if (round >= 0) times[index]!.push(micros)
    }
  }
  const [gated, ungated] = times.map(fastest)
  return { gated: gated!, ungated: ungated! }
})
