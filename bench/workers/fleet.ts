// Waits for the outcomes of many tickets at once, as one candidate does.
import { AdaptiveRetryStrategy } from "@smithy/core/retry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { FetchTransport, makePollingSchedule, Ripio, SupportTickets, TicketId } from "effect-ripio-tickets"
import pLimit from "p-limit"
import { token } from "../client.ts"
import { availableAt, type Detected, idOf, intervals, type Scenario, tickets } from "../fleet.ts"
import { role, serve } from "./serve.ts"

const { candidate, scenario } = role() as {
  readonly candidate: keyof typeof candidates
  readonly scenario: Scenario
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const get = (baseUrl: string, id: string) =>
  fetch(`${baseUrl}/api/v1/supportTickets/${id}/`, { headers: { authorization: `Bearer ${token}` } })

/** Whether a response says that the ticket has an outcome. What is not a success says nothing. */
const isOutcome = async (response: Response): Promise<boolean> => {
  const text = await response.text()
  return response.ok && (JSON.parse(text) as { readonly status: string }).status !== "PENDING"
}

/** Polls on the schedule until there is an outcome. A failed poll does not end the wait. */
const pollUntilOutcome = async (poll: () => Promise<boolean>): Promise<void> => {
  for (let delay = intervals.first; !(await poll().catch(() => false));) {
    await sleep(delay)
    delay = Math.min(delay * intervals.factor, intervals.max)
  }
}

type RetryToken = Parameters<AdaptiveRetryStrategy["recordSuccess"]>[0]

/** Retries as the AWS SDK does in its adaptive mode, with its limit of connections. */
const adaptive = (baseUrl: string) => {
  const strategy = new AdaptiveRetryStrategy(3)
  const limit = pLimit(50)
  const send = async (id: string): Promise<boolean> => {
    let retryToken = (await strategy.acquireInitialRetryToken("")) as RetryToken
    while (true) {
      const response = await limit(() => get(baseUrl, id))
      if (response.ok) {
        strategy.recordSuccess(retryToken)
        return isOutcome(response)
      }
      await response.text()
      const seconds = Number(response.headers.get("retry-after"))
      retryToken = (await strategy.refreshRetryTokenForRetry(retryToken, {
        errorType: response.status === 429 ? "THROTTLING" : "TRANSIENT",
        ...(seconds > 0 ? { retryAfterHint: new Date(Date.now() + seconds * 1000) } : {})
      })) as RetryToken
    }
  }
  return (id: string) => pollUntilOutcome(() => send(id))
}

const ours = (baseUrl: string) => {
  const runtime = ManagedRuntime.make(
    Ripio.layer({
      environment: { baseUrl },
      clientId: "bench",
      clientSecret: Redacted.make("any secret")
    }).pipe(Layer.provide(FetchTransport.layer), Layer.provideMerge(Logger.layer([])))
  )
  const schedule = makePollingSchedule({ first: intervals.first, factor: intervals.factor, max: intervals.max })
  return (id: string): Promise<unknown> =>
    runtime.runPromise(
      SupportTickets.use(({ awaitOutcome }) => Effect.exit(awaitOutcome(TicketId.make(id), { schedule })))
    )
}

const candidates = {
  "a loop with fetch": (baseUrl: string) => (id: string) =>
    pollUntilOutcome(async () => isOutcome(await get(baseUrl, id))),
  "p-limit (32) and fetch": (baseUrl: string) => {
    const limit = pLimit(32)
    return (id: string) => pollUntilOutcome(() => limit(async () => isOutcome(await get(baseUrl, id))))
  },
  "AWS, adaptive retry": adaptive,
  "ours, awaitOutcome": ours
}

serve(async (message): Promise<Detected> => {
  const { startedAt, url } = message as unknown as { readonly url: string; readonly startedAt: number }
  const wait = candidates[candidate](url)
  const delays: Array<number> = []
  const all = Array.from({ length: tickets }, async (_, number) => {
    await wait(idOf(number))
    delays.push(Math.max(Date.now() - startedAt - availableAt(scenario, number), 0))
  })
  await Promise.race([Promise.all(all), sleep(40_000)])
  return { delays, missed: tickets - delays.length }
})
