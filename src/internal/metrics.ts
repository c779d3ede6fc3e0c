import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { ApiError } from "../domain/ApiError.ts"
import type { OutcomePending } from "../domain/OutcomePending.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import type { SupportTicket } from "../domain/SupportTicket.ts"
import type { TicketError } from "../domain/TicketError.ts"
import type { TicketEvent } from "../domain/TicketEvent.ts"
import type { WebhookRejectedReason } from "../domain/WebhookRejected.ts"

type AnyContext = Context.Context<never>

/** Remembers the results of a function. To create a metric costs more than to update it, and there are few labels. */
const memoize = <K, A>(create: (key: K) => A): ((key: K) => A) => {
  const results = new Map<K, A>()
  return (key) => {
    const known = results.get(key)
    if (known !== undefined) return known
    const result = create(key)
    results.set(key, result)
    return result
  }
}

/** The labels of a series. One without a value is left out. */
type Labels = Readonly<Record<string, string | undefined>>

/** The exporters read the unit of a metric, in the notation of UCUM, from the attribute `unit`. */
const attributesOf = (unit: string, labels: Labels): Record<string, string> => {
  const attributes: Record<string, string> = { unit }
  for (const [name, value] of Object.entries(labels)) if (value !== undefined) attributes[name] = value
  return attributes
}

// A metric for each set of labels costs less per update than `Metric.withAttributes`, which copies the context.
const counter = (name: string, unit: string, description: string) => (labels: Labels) =>
  Metric.counter(name, { description, incremental: true, attributes: attributesOf(unit, labels) })

const gauge = (name: string, unit: string, description: string) => (labels: Labels) =>
  Metric.gauge(name, { description, attributes: attributesOf(unit, labels) })

const histogram = (name: string, description: string, boundaries: ReadonlyArray<number>) => (labels: Labels) =>
  Metric.histogram(name, { description, boundaries, attributes: attributesOf("s", labels) })

const requestDuration = histogram(
  "http.client.request.duration",
  "Duration of HTTP client requests",
  // The conventions of OpenTelemetry for HTTP name these boundaries.
  [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
)

const attempts = counter(
  "ripio.client.attempts",
  "{request}",
  "Requests sent to Ripio by operation, including token requests, retries and polls"
)
const retries = counter("ripio.client.retries", "{request}", "Retries by operation")
const failures = counter("ripio.client.failures", "{call}", "Failed calls by operation and error")
const polls = counter("ripio.client.polls", "{poll}", "Polls of tickets whose outcome is awaited")
const waiters = gauge("ripio.client.waiters", "{wait}", "Waits for an outcome that have begun to poll and not ended")
const outcomes = counter("ripio.client.outcomes", "{wait}", "Ended waits by outcome, or by the error that ended them")
const ambiguousCreates = counter(
  "ripio.client.creates.ambiguous",
  "{ticket}",
  "Calls of create that failed with CreateAmbiguous"
)
const gateWait = histogram(
  "ripio.client.gate.wait",
  "Waiting times of calls and polls at the account gate",
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
)
const tokenRenewals = counter(
  "ripio.client.token.renewals",
  "{token}",
  "Access tokens received, including the first one"
)
const tokenAge = gauge("ripio.client.token.age", "s", "Age of the access token at its last use")

/** The server of an account, by OpenTelemetry's conventions. */
export interface Server {
  readonly address: string
  readonly port: number
}

const serverOf = (baseUrl: string): Server => {
  const { hostname, port, protocol } = new URL(baseUrl)
  return {
    // Without the brackets of an IPv6 address.
    address: hostname.replace(/^\[|\]$/gu, ""),
    port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port)
  }
}

/** The value of `error.type` for an error: its tag, or the tag of its reason. */
export const errorTypeOf = (error: {
  readonly _tag: string
  readonly reason?: { readonly _tag: string } | undefined
}): string => error.reason?._tag ?? error._tag

/** The metrics of one operation of an account. */
export class OperationMetrics {
  readonly server: Server
  private readonly attempts: Metric.Counter<number>
  private readonly retries: Metric.Counter<number>
  private readonly failures: (error: string) => Metric.Counter<number>
  private readonly durations: (method: string) => (result: number | string) => Metric.Histogram<number>

  constructor(operation: string, account: string | undefined, server: Server) {
    this.server = server
    this.attempts = attempts({ account, operation })
    this.retries = retries({ account, operation })
    this.failures = memoize((error) => failures({ account, operation, "error.type": error }))
    this.durations = memoize((method) =>
      memoize((result) =>
        requestDuration({
          account,
          operation,
          "http.request.method": method,
          "server.address": server.address,
          "server.port": `${server.port}`,
          "http.response.status_code": typeof result === "number" ? `${result}` : undefined,
          "error.type": typeof result === "string" || result >= 400 ? `${result}` : undefined
        })
      )
    )
  }

  attempt(number: number, context: AnyContext): void {
    this.attempts.updateUnsafe(1, context)
    if (number > 1) this.retries.updateUnsafe(1, context)
  }

  failure(failure: Unauthenticated | ApiError | RipioHttpError, context: AnyContext): void {
    this.failures(errorTypeOf(failure)).updateUnsafe(1, context)
  }

  /**
   * An attempt ended.
   *
   * @param result the status of the response, or the kind of the failure
   */
  duration(method: string, result: number | string, seconds: number, context: AnyContext): void {
    this.durations(method)(result).updateUnsafe(seconds, context)
  }
}

/** The metrics of an account. No label contains a ticket or a credential. */
export class AccountMetrics {
  readonly forOperation: (operation: string) => OperationMetrics
  private readonly polls: Metric.Counter<number>
  private readonly waiters: Metric.Gauge<number>
  private readonly gateWait: Metric.Histogram<number>

  constructor({ account, baseUrl }: { readonly account: string | undefined; readonly baseUrl: string }) {
    const server = serverOf(baseUrl)
    this.forOperation = memoize((operation) => new OperationMetrics(operation, account, server))
    this.polls = polls({ account })
    this.waiters = waiters({ account })
    this.gateWait = gateWait({ account })
  }

  poll(context: AnyContext): void {
    this.polls.updateUnsafe(1, context)
  }

  /** Waits began, or ended. Clients of one account have one gauge, so it is changed and not set. */
  addWaiters(change: number, context: AnyContext): void {
    this.waiters.modifyUnsafe(change, context)
  }

  /** A call or poll waited for the gate. Those that did not wait are not counted. */
  waitedForGate(millis: number, context: AnyContext): void {
    this.gateWait.updateUnsafe(millis / 1000, context)
  }
}

/** The metrics of the tokens of an account. */
export class TokenMetrics {
  private readonly renewals: Metric.Counter<number>
  private readonly age: Metric.Gauge<number>

  constructor(account: string | undefined) {
    this.renewals = tokenRenewals({ account })
    this.age = tokenAge({ account })
  }

  readonly renewed = Effect.suspend(() => Metric.update(this.renewals, 1))

  /** @param ageMillis the age of the token in milliseconds */
  used(ageMillis: number, context: AnyContext): void {
    this.age.updateUnsafe(ageMillis / 1000, context)
  }
}

/** The name of the account of a `RipioHttp`, for what is built on it. */
export const AccountName = Context.Reference<string | undefined>("effect-ripio-tickets/AccountName", {
  defaultValue: () => undefined
})

/** The metrics of the tickets of an account. */
export class TicketMetrics {
  private readonly outcomes: (outcome: string) => Metric.Counter<number>
  private readonly ambiguous: Metric.Counter<number>

  constructor(account: string | undefined) {
    this.outcomes = memoize((outcome) => outcomes({ account, outcome }))
    this.ambiguous = ambiguousCreates({ account })
  }

  /** A wait received a state, or ended with an error. An interruption is not counted. */
  received(exit: Exit.Exit<SupportTicket, TicketError | OutcomePending>): Effect.Effect<void> {
    const result = Exit.isSuccess(exit) ? exit.value : exit.cause.reasons.find(Cause.isFailReason)?.error
    return result === undefined || result._tag === "Pending"
      ? Effect.void
      : Metric.update(this.outcomes(result._tag), 1)
  }

  /** Adds the series of what must never happen. From its first increase on, an alert sees it change. */
  readonly register = Effect.suspend(() => Metric.update(this.ambiguous, 0))

  readonly createdAmbiguously = Effect.suspend(() => Metric.update(this.ambiguous, 1))
}

const deliveriesWith = memoize((result: string) =>
  Metric.update(
    counter(
      "ripio.webhook.deliveries",
      "{delivery}",
      "Webhook deliveries by event, or by the reason of the rejection"
    )({ result }),
    1
  )
)

/** Counts one webhook delivery. */
export const countDelivery = (result: TicketEvent["_tag"] | WebhookRejectedReason["_tag"]): Effect.Effect<void> =>
  deliveriesWith(result)

/** Counts the events that the inbox moved to the dead letters. */
export const deadLetters = counter("ripio.webhook.dead_letters", "{event}", "Events that failed in every attempt")({})

/** Counts the tickets for which two outcomes were reported. */
export const contradictions = counter(
  "ripio.ticket.contradictions",
  "{ticket}",
  "Outcomes that contradict the known outcome of their ticket"
)

const submissions = counter("ripio.durable.submissions", "{submission}", "Submissions by how they ended")

/** Counts the submissions of an outbox. */
export const submissionCounter = memoize((result: string) => Metric.update(submissions({ result }), 1))

/** Adds the series of what a person has to act on. From its first increase on, an alert sees it change. */
export const registerSubmissions = Effect.suspend(() => Metric.update(submissions({ result: "Ambiguous" }), 0))

const trackings = counter("ripio.durable.trackings", "{ticket}", "Tracked tickets by how the tracking ended")

/** Counts the tickets of a tracker. */
export const trackingCounter = memoize((result: string) => Metric.update(trackings({ result }), 1))

/** The number of elements that wait in a queue or are handled. */
export const queueSize = gauge("ripio.durable.queue.size", "{element}", "Elements of a queue that are not done")

/** The age of the oldest element that waits in a queue or is handled. */
export const queueAge = gauge("ripio.durable.queue.age", "s", "Age of the oldest element of a queue that is not done")
