import { assert, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { DataPointType } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import {
  ATTR_ERROR_TYPE,
  ATTR_EXCEPTION_MESSAGE,
  ATTR_EXCEPTION_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  METRIC_HTTP_CLIENT_REQUEST_DURATION
} from "@opentelemetry/semantic-conventions"
import { ATTR_URL_TEMPLATE } from "@opentelemetry/semantic-conventions/incubating"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type Ripio, SupportTickets } from "../../src/index.ts"
import type { ScriptedReply, ScriptedStep } from "../../src/testing/index.ts"
import { apiErrors, created, failed, pending, ticketId } from "../support/fixtures.ts"
import { newTicket } from "../support/newTicket.ts"
import { exportedMetrics, inMemoryTracer } from "../support/openTelemetry.ts"
import { playScript, retrieve, waits } from "../support/playScript.ts"
import { json, tokenResponse } from "../support/replies.ts"

/** The spans that a program exports, in the order in which they end. */
const exportedSpans = (
  program: Parameters<typeof playScript>[0],
  script: ReadonlyArray<ScriptedStep>,
  options?: Partial<Ripio.Options>
) =>
  Effect.gen(function* () {
    const { exporter, layer } = inMemoryTracer()
    yield* playScript(program, script, options).pipe(Effect.provide(layer))
    return exporter.getFinishedSpans()
  })

const exceptionsOf = ({ events }: ReadableSpan) =>
  events.flatMap(({ attributes, name }) => (name === "exception" ? [attributes] : []))

const isClient = ({ kind }: ReadableSpan) => kind === SpanKind.CLIENT
const named = (spans: ReadonlyArray<ReadableSpan>, name: string) => spans.filter((span) => span.name === name)

const create = SupportTickets.use((tickets) => tickets.create(newTicket()))

describe("the OpenTelemetry SDK", () => {
  it.effect("exports an attempt as a client span with the attributes of the conventions", () =>
    Effect.gen(function* () {
      const [token, first, second, operation, ...others] = yield* exportedSpans(
        retrieve,
        [tokenResponse(), { status: 503 }, json(created)],
        { environment: { baseUrl: "http://[::1]:8080" } }
      ).pipe(Effect.map((spans) => spans.filter(({ name }) => name !== "AuthService.accessToken")))
      assert(token && first && second && operation)
      assert.deepStrictEqual(others, [])
      assert.strictEqual(token.name, "POST /oauth2/token/")
      assert.strictEqual(operation.name, "SupportTickets.retrieve")
      const attributes = {
        [ATTR_HTTP_REQUEST_METHOD]: "GET",
        [ATTR_URL_FULL]: `http://[::1]:8080/api/v1/supportTickets/${ticketId}/`,
        [ATTR_URL_TEMPLATE]: "/api/v1/supportTickets/{ticketId}/",
        [ATTR_SERVER_ADDRESS]: "::1",
        [ATTR_SERVER_PORT]: 8080
      }
      for (const span of [token, first, second]) assert.strictEqual(span.kind, SpanKind.CLIENT)
      assert.deepStrictEqual(first.attributes, {
        ...attributes,
        [ATTR_HTTP_RESPONSE_STATUS_CODE]: 503,
        [ATTR_ERROR_TYPE]: "503"
      })
      assert.strictEqual(first.status.code, SpanStatusCode.ERROR)
      assert.deepStrictEqual(second.attributes, {
        ...attributes,
        [ATTR_HTTP_RESPONSE_STATUS_CODE]: 200,
        [ATTR_HTTP_REQUEST_RESEND_COUNT]: 1
      })
      assert.notStrictEqual(second.status.code, SpanStatusCode.ERROR)
      for (const span of [first, second]) {
        assert.strictEqual(span.name, "GET /api/v1/supportTickets/{ticketId}/")
        assert.strictEqual(span.parentSpanContext?.spanId, operation.spanContext().spanId)
      }
    })
  )

  it.effect("exports the tag of an error as exception.type, and its kind as error.type", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<{
        readonly call?: typeof create
        readonly script: ReadonlyArray<ScriptedStep>
        /** `exception.type` and `error.type` of the last attempt, and of the operation. */
        readonly attempt: readonly [string, string]
        readonly operation: readonly [string, string]
      }> = [
        {
          script: [tokenResponse(), "refused"],
          attempt: ["TransportFailed", "TransportFailed"],
          operation: ["RipioHttpError", "TransportFailed"]
        },
        {
          script: [tokenResponse(), "hang"],
          attempt: ["TimedOut", "TimedOut"],
          operation: ["RipioHttpError", "TimedOut"]
        },
        {
          script: [tokenResponse(), { status: 429 }],
          attempt: ["RateLimited", "429"],
          operation: ["RipioHttpError", "RateLimited"]
        },
        {
          script: [tokenResponse(), { status: 503 }],
          attempt: ["ServerFailed", "503"],
          operation: ["RipioHttpError", "ServerFailed"]
        },
        {
          script: [tokenResponse(), { status: 418 }],
          attempt: ["UnexpectedResponse", "418"],
          operation: ["RipioHttpError", "UnexpectedResponse"]
        },
        {
          // The SDK prefers the `code` of an error to its name.
          script: [tokenResponse(), { status: 404, json: apiErrors.notFound }],
          attempt: ["ApiError", "404"],
          operation: ["NotFound", "NotFound"]
        },
        {
          script: [tokenResponse(), { status: 403, json: apiErrors.notEnabled }],
          attempt: ["ApiError", "403"],
          operation: ["NotEnabled", "NotEnabled"]
        },
        {
          script: [{ status: 400, json: { error: "invalid_client" } }],
          attempt: ["Unauthenticated", "400"],
          operation: ["Unauthenticated", "Unauthenticated"]
        },
        {
          call: create,
          script: [tokenResponse(), { status: 500, json: apiErrors.notFound }],
          attempt: ["ServerFailed", "500"],
          operation: ["CreateAmbiguous", "ServerFailed"]
        }
      ]
      for (const { attempt, call = retrieve, operation, script } of cases) {
        const spans = yield* exportedSpans(call, script, { retry: { times: 0 } })
        const typesOf = (span: ReadableSpan | undefined) => {
          assert(span)
          assert.strictEqual(span.status.code, SpanStatusCode.ERROR)
          const [exception, ...others] = exceptionsOf(span)
          assert.deepStrictEqual(others, [])
          assert.isAbove(String(exception?.[ATTR_EXCEPTION_MESSAGE]).length, 10)
          return [exception?.[ATTR_EXCEPTION_TYPE], span.attributes[ATTR_ERROR_TYPE]]
        }
        assert.deepStrictEqual(typesOf(spans.findLast(isClient)), [...attempt])
        assert.deepStrictEqual(typesOf(spans.at(-1)), [...operation])
      }
    })
  )

  it.effect("exports an interrupted call without an error", () =>
    Effect.gen(function* () {
      const spans = yield* exportedSpans(Effect.timeoutOption(retrieve, "1 second"), [tokenResponse(), "hang"])
      const interrupted = [...named(spans, "SupportTickets.retrieve"), ...spans.filter(isClient).slice(1)]
      assert.strictEqual(interrupted.length, 2)
      for (const span of interrupted) {
        assert.strictEqual(span.status.code, SpanStatusCode.UNSET)
        assert.deepStrictEqual(exceptionsOf(span), [])
        assert.isUndefined(span.attributes[ATTR_ERROR_TYPE])
      }
    })
  )

  it.effect("exports each poll as a trace that links to the span of its wait", () =>
    Effect.gen(function* () {
      for (const wait of waits) {
        const spans = yield* exportedSpans(wait, [tokenResponse(), json(pending), { status: 503 }, json(created)])
        const span = spans.at(-1)
        const polls = named(spans, "SupportTickets.retrieve")
        assert(span)
        assert.include(span.attributes, { ticketId, "ripio.polls": 3, "ripio.polls.failed": 1 })
        assert.strictEqual(polls.length, 3)
        for (const poll of polls) {
          assert.isUndefined(poll.parentSpanContext)
          assert.deepStrictEqual(
            poll.links.map(({ context }) => [context.traceId, context.spanId]),
            [[span.spanContext().traceId, span.spanContext().spanId]]
          )
        }
        assert.strictEqual(new Set(spans.map((each) => each.spanContext().traceId)).size, 4)
      }
    })
  )

  it.effect("exports a wait of a thousand polls as a span without children, events and links", () =>
    Effect.gen(function* () {
      const polls = Array.from({ length: 1000 }, (): ScriptedStep => json(pending))
      const options = { schedule: Schedule.spaced("1 second"), deadline: "1 day" } as const
      for (const wait of [
        SupportTickets.use((tickets) => tickets.awaitOutcome(ticketId, options)),
        SupportTickets.use((tickets) => Stream.runDrain(tickets.changes(ticketId, options)))
      ]) {
        const spans = yield* exportedSpans(wait, [tokenResponse(), ...polls, json(failed)])
        const span = spans.at(-1)
        assert(span)
        assert.strictEqual(span.attributes["ripio.polls"], 1001)
        assert.deepStrictEqual([span.events, span.links], [[], []])
        const { spanId, traceId } = span.spanContext()
        assert.isFalse(spans.some(({ parentSpanContext }) => parentSpanContext?.spanId === spanId))
        assert.strictEqual(spans.filter((each) => each.spanContext().traceId === traceId).length, 1)
      }
    })
  )

  it.effect("exports no secret, and nothing of a ticket's content", () =>
    Effect.gen(function* () {
      const token = "the-token-of-this-test"
      const secret = "the client secret of this test"
      const basic = Buffer.from(`partner:${secret}`).toString("base64")
      const refusal = (detail: string): ReadonlyArray<ScriptedReply> => [
        { status: 503, text: detail },
        { status: 418, text: detail },
        { status: 404, json: { ...apiErrors.notFound, detail: { message: detail } } },
        { status: 400, json: { error: detail } },
        { status: 200, text: detail }
      ]
      // A hostile server repeats what the request contains.
      const scripts: ReadonlyArray<ReadonlyArray<ScriptedStep>> = [
        ...refusal(`Bearer ${token}`).map((reply) => [tokenResponse(token), reply]),
        ...refusal(`Basic ${basic} ${secret}`).map((reply) => [reply])
      ]
      for (const script of scripts) {
        for (const call of [retrieve, create]) {
          const spans = yield* exportedSpans(call, script, {
            clientSecret: Redacted.make(secret),
            retry: { times: 0 }
          })
          assert.isAbove(spans.length, 2)
          const text = JSON.stringify(
            spans.map(({ attributes, events, links, name, status }) => ({ attributes, events, links, name, status }))
          )
          for (const hidden of [token, secret, basic, "partner", "A deposit is missing", "Since Monday"]) {
            assert.notInclude(text, hidden)
          }
        }
      }
    })
  )

  it.effect("exports the duration of requests as the conventions say", () =>
    Effect.gen(function* () {
      const slowly =
        (reply: ScriptedReply): ScriptedStep =>
        () =>
          Effect.delay(Effect.succeed(reply), "80 millis")
      const metrics = yield* exportedMetrics(
        playScript(retrieve, [tokenResponse(), slowly({ status: 503 }), json(created)])
      )
      const duration = metrics.find(({ descriptor }) => descriptor.name === METRIC_HTTP_CLIENT_REQUEST_DURATION)
      assert(duration?.dataPointType === DataPointType.HISTOGRAM)
      assert.strictEqual(duration.descriptor.unit, "s")
      assert.strictEqual(duration.dataPoints.length, 3)
      for (const { attributes, value } of duration.dataPoints) {
        assert.include(attributes, { [ATTR_SERVER_ADDRESS]: "ripio.test", [ATTR_SERVER_PORT]: "443" })
        assert.deepStrictEqual(
          value.buckets.boundaries,
          [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
        )
      }
      const slow = duration.dataPoints.find(({ attributes }) => attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] === "503")
      assert(slow)
      assert.strictEqual(slow.attributes[ATTR_ERROR_TYPE], "503")
      assert.strictEqual(slow.attributes[ATTR_HTTP_REQUEST_METHOD], "GET")
      assert.strictEqual(slow.value.sum, 0.08)
      assert.deepStrictEqual(slow.value.buckets.counts, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    })
  )

  it.effect("exports a unit with each metric, and no label that contains a ticket or a secret", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        for (const wait of waits) yield* wait
        yield* Effect.exit(create)
      })
      const metrics = yield* exportedMetrics(
        playScript(program, [{ status: 500 }, tokenResponse(), json(pending), { status: 503 }, json(created), "hang"], {
          gate: { account: "AR" }
        })
      )
      const units = Object.fromEntries(metrics.map(({ descriptor }) => [descriptor.name, descriptor.unit]))
      assert.deepStrictEqual(units, {
        "http.client.request.duration": "s",
        "ripio.client.attempts": "{request}",
        "ripio.client.retries": "{request}",
        "ripio.client.failures": "{call}",
        "ripio.client.polls": "{poll}",
        "ripio.client.waiters": "{wait}",
        "ripio.client.outcomes": "{wait}",
        "ripio.client.creates.ambiguous": "{ticket}",
        "ripio.client.token.renewals": "{token}",
        "ripio.client.token.age": "s",
        "ripio.ticket.contradictions": "{ticket}"
      })
      for (const { dataPoints, descriptor } of metrics) {
        for (const { attributes } of dataPoints) {
          assert.strictEqual(attributes["account"], "AR", descriptor.name)
          assert.notMatch(JSON.stringify(attributes), /9b1deb4d|partner|secret|a-token|3f2a7c1e/u)
        }
      }
    })
  )
})
