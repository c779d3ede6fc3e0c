import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { CreateAmbiguous } from "../../../src/index.ts"
import { Fault } from "../../../src/testing/index.ts"
import { onSandbox } from "../../support/harness.ts"
import { newTicket } from "../../support/newTicket.ts"
import { assertAmbiguous } from "./assertAmbiguous.ts"
import { quick } from "./quick.ts"

interface Case {
  readonly title: string
  /** The fault of the first create. */
  readonly fault: Fault
  /** How many creates are sent. */
  readonly sent: number
  /** How many tickets the sandbox stores. */
  readonly stored: number
  /** The tag of the result, and of its reason. */
  readonly expected: string
}

const apiError = (status: number, code: number, type: string) =>
  Fault.status(status, { body: { code, type, detail: {}, status } })

const lost = "CreateAmbiguous TransportFailed"
const late = "CreateAmbiguous TimedOut"
const unreadable = "CreateAmbiguous UnexpectedResponse"
const failed = "CreateAmbiguous ServerFailed"
const refused = "RipioHttpError UnexpectedResponse"
const limited = "RipioHttpError RateLimited"

const cases: ReadonlyArray<Case> = [
  { title: "a dropped connection", fault: Fault.dropped, sent: 1, stored: 1, expected: lost },
  {
    title: "a dropped connection before storing",
    fault: Fault.beforeStoring(Fault.dropped),
    sent: 1,
    stored: 0,
    expected: lost
  },
  { title: "a reset after the headers", fault: Fault.reset({ afterBytes: 0 }), sent: 1, stored: 1, expected: lost },
  {
    title: "a reset within the body, before storing",
    fault: Fault.beforeStoring(Fault.reset({ afterBytes: 40 })),
    sent: 1,
    stored: 0,
    expected: lost
  },
  { title: "no response", fault: Fault.hang, sent: 1, stored: 1, expected: late },
  { title: "no response, before storing", fault: Fault.beforeStoring(Fault.hang), sent: 1, stored: 0, expected: late },
  { title: "a response after the timeout", fault: Fault.latency("1 second"), sent: 1, stored: 1, expected: late },
  { title: "a truncated body", fault: Fault.cutJson, sent: 1, stored: 1, expected: unreadable },
  { title: "an oversized body", fault: Fault.oversized(70_000), sent: 1, stored: 1, expected: unreadable },
  {
    title: "JSON of another shape",
    fault: Fault.afterStoring(Fault.body({ id: 7 })),
    sent: 1,
    stored: 1,
    expected: unreadable
  },
  {
    title: "an HTML page with status 200",
    fault: Fault.body("<html>", { contentType: "text/html" }),
    sent: 1,
    stored: 0,
    expected: unreadable
  },
  { title: "an empty 204", fault: Fault.body("", { status: 204 }), sent: 1, stored: 0, expected: unreadable },
  ...[408, 500, 502, 503, 504, 520].flatMap((status): ReadonlyArray<Case> => [
    { title: `${status}`, fault: Fault.status(status), sent: 1, stored: 0, expected: failed },
    {
      title: `${status} after storing`,
      fault: Fault.afterStoring(Fault.status(status)),
      sent: 1,
      stored: 1,
      expected: failed
    },
    {
      title: `${status} with Retry-After: 0`,
      fault: Fault.status(status, { retryAfter: 0 }),
      sent: 1,
      stored: 0,
      expected: failed
    }
  ]),
  {
    title: "503 with Retry-After: 600",
    fault: Fault.status(503, { retryAfter: 600 }),
    sent: 1,
    stored: 0,
    expected: "CreateAmbiguous RateLimited"
  },
  { title: "500 with an API error", fault: apiError(500, 50000, "Oops"), sent: 1, stored: 0, expected: failed },
  {
    title: "500 with code 40001, after storing",
    fault: Fault.afterStoring(apiError(500, 40001, "NotAuthenticated")),
    sent: 1,
    stored: 1,
    expected: failed
  },
  {
    title: "500 with code 40017, after storing",
    fault: Fault.afterStoring(apiError(500, 40017, "NotFound")),
    sent: 1,
    stored: 1,
    expected: failed
  },
  { title: "429", fault: Fault.rateLimited(), sent: 1, stored: 0, expected: limited },
  {
    title: "429 with Retry-After: 0",
    fault: Fault.rateLimited({ retryAfter: 0 }),
    sent: 1,
    stored: 0,
    expected: limited
  },
  { title: "403 from a proxy", fault: Fault.status(403), sent: 1, stored: 0, expected: refused },
  { title: "404 from a wrong base URL", fault: Fault.status(404), sent: 1, stored: 0, expected: refused },
  { title: "413 from a proxy", fault: Fault.status(413), sent: 1, stored: 0, expected: refused },
  { title: "a redirect with 308", fault: Fault.status(308), sent: 1, stored: 0, expected: refused },
  { title: "300, which does not confirm a POST", fault: Fault.status(300), sent: 1, stored: 0, expected: refused },
  {
    title: "303 after storing, which may confirm a POST",
    fault: Fault.afterStoring(Fault.status(303)),
    sent: 1,
    stored: 1,
    expected: unreadable
  },
  { title: "an unknown API error", fault: apiError(409, 20099, "Odd"), sent: 1, stored: 0, expected: "TicketRejected" },
  { title: "a refused connection, once", fault: Fault.refused, sent: 2, stored: 1, expected: "Pending" },
  { title: "a refused token", fault: Fault.unauthenticated(), sent: 2, stored: 1, expected: "Pending" },
  {
    title: "a refused token with status 403",
    fault: Fault.unauthenticated(403),
    sent: 2,
    stored: 1,
    expected: "Pending"
  },
  { title: "an expired token", fault: Fault.tokenExpired, sent: 2, stored: 1, expected: "Pending" },
  { title: "a response within the timeout", fault: Fault.latency("5 millis"), sent: 1, stored: 1, expected: "Pending" }
]

const secret = "Me robaron la tarjeta"

describe("create, if the first request meets", () => {
  for (const { expected, fault, sent, stored, title } of cases) {
    it.live(`${title}: ${expected}, ${sent} sent, ${stored} stored`, () =>
      onSandbox(
        ({ sandbox, tickets }) =>
          Effect.gen(function* () {
            const ticket = newTicket({ customerId: sandbox.customer, summary: secret, description: `${secret}.` })
            yield* sandbox.inject(fault, { on: "create" })
            const result = yield* Effect.match(tickets.create(ticket), {
              onFailure: (error) => error,
              onSuccess: (ticket) => ticket
            })
            const hasReason = result._tag === "CreateAmbiguous" || result._tag === "RipioHttpError"
            assert.deepStrictEqual(
              {
                result: hasReason ? `${result._tag} ${result.reason._tag}` : result._tag,
                sent: yield* sandbox.count("create"),
                stored: (yield* sandbox.tickets).length
              },
              { result: expected, sent, stored }
            )
            if (result._tag === "CreateAmbiguous") {
              yield* assertAmbiguous(result, ticket)
              assert.notInclude(JSON.stringify(result) + String(result), secret)
            }
            if (result._tag === "RipioHttpError") assert.strictEqual(result.attempts, sent)
          }),
        quick
      )
    )
  }
})

describe("concurrent creates", () => {
  it.live("send and store one ticket each, and only those with a lost response are ambiguous", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        yield* sandbox.inject(Fault.dropped, { on: "create", times: 30 })
        const results = yield* Effect.forEach(
          Array.from({ length: 100 }),
          () => Effect.result(tickets.create(newTicket({ customerId: sandbox.customer }))),
          { concurrency: "unbounded" }
        )
        const failures = results.filter((result) => result._tag === "Failure")
        assert.isTrue(failures.every(({ failure }) => failure instanceof CreateAmbiguous))
        assert.deepStrictEqual(
          {
            ambiguous: failures.length,
            sent: yield* sandbox.count("create"),
            stored: (yield* sandbox.tickets).length
          },
          { ambiguous: 30, sent: 100, stored: 100 }
        )
      })
    )
  )
})
