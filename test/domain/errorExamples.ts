import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import {
  ApiError,
  CreateAmbiguous,
  InboxUnavailable,
  InvalidOption,
  InvalidRequest,
  NotEnabled,
  NotFound,
  OutcomePending,
  RateLimited,
  RipioHttpError,
  ServerFailed,
  SupportTicket,
  TicketRejected,
  TimedOut,
  TransportFailed,
  Unauthenticated,
  UnexpectedResponse
} from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { customerId } from "../support/newTicket.ts"

/** The fields that errors copy from a response. */
export const responseFields = {
  status: 403,
  code: 20061,
  type: "SupportTicketsNotEnabledException",
  detail: { message: "Support tickets are not enabled for this account." },
  requestId: "7f3a"
}

const minute = Duration.minutes(1)

/** One example of each reason of `RipioHttpError`. */
export const reasons = {
  TransportFailed: new TransportFailed({
    description: "connect ECONNREFUSED",
    code: "ECONNREFUSED",
    mayHaveBeenSent: false
  }),
  TimedOut: new TimedOut({ after: Duration.seconds(10) }),
  RateLimited: new RateLimited({ status: 429, retryAfter: minute }),
  ServerFailed: new ServerFailed({ status: 503, code: 99, retryAfter: minute }),
  UnexpectedResponse: new UnexpectedResponse({ status: 200, issue: "issueKey: Expected null", excerpt: "{}" }),
  InvalidRequest: new InvalidRequest({ issue: "ticketId: expected a UUID in lower case" })
}

/** A `RipioHttpError` with this reason. */
export const httpError = (reason: (typeof reasons)[keyof typeof reasons], attempts = 3) =>
  new RipioHttpError({ operation: "retrieve", attempts, reason, requestId: "7f3a" })

const createAmbiguous = (fields: { readonly requestId?: string }) =>
  new CreateAmbiguous({
    customerId,
    contentHash: "0123456789abcdef".repeat(4),
    sentAt: DateTime.makeUnsafe("2026-06-26T14:30:00Z"),
    reason: reasons.TimedOut,
    attempts: 1,
    ...fields
  })

const createAmbiguousTexts = [
  `customer ${customerId} may have been created. Check before retrying: `,
  reasons.TimedOut.message
]

interface ErrorExample {
  readonly error: Error & { readonly _tag: string }
  /** What its message has to say: what happened, what to do, and the details to quote to support. */
  readonly texts: ReadonlyArray<string>
}

/** Examples of every error, with texts that its message has to contain. */
export const errorExamples: ReadonlyArray<ErrorExample> = [
  {
    error: new NotEnabled(responseFields),
    texts: ["Ask the Ripio team to enable them", "(403, code 20061 SupportTicketsNotEnabledException, request 7f3a)"]
  },
  {
    error: new NotFound({
      ...responseFields,
      ticketId,
      status: 404,
      code: 40017,
      type: "SupportTicketNotFoundException"
    }),
    texts: [
      "Check the id",
      "these credentials",
      "environment",
      ticketId,
      "(404, code 40017 SupportTicketNotFoundException, request 7f3a)"
    ]
  },
  {
    error: new Unauthenticated({ refused: "credentials", status: 400, type: "invalid_client" }),
    texts: ["Check the client id and secret", "environment", "(400 invalid_client)"]
  },
  {
    error: new Unauthenticated({
      refused: "token",
      ...responseFields,
      status: 401,
      code: 40001,
      type: "NotAuthenticated"
    }),
    texts: [
      "Check that the token belongs to this environment and has not expired",
      "(401, code 40001 NotAuthenticated, request 7f3a)"
    ]
  },
  {
    error: new ApiError({ ...responseFields, attempts: 1 }),
    texts: [
      "Support tickets are not enabled for this account.",
      "(403, code 20061 SupportTicketsNotEnabledException, request 7f3a)"
    ]
  },
  {
    error: new InvalidOption({ option: "timeout", issue: "expected a duration above zero" }),
    texts: ["timeout", "expected a duration above zero"]
  },
  { error: reasons.TransportFailed, texts: ["connection failed", "connect ECONNREFUSED"] },
  { error: reasons.TimedOut, texts: ["10s"] },
  { error: reasons.RateLimited, texts: ["try again in 1m", "429"] },
  { error: reasons.ServerFailed, texts: ["503", "99"] },
  { error: reasons.UnexpectedResponse, texts: ["200", "issueKey: Expected null"] },
  { error: reasons.InvalidRequest, texts: ["not sent", "ticketId: expected a UUID in lower case"] },
  ...Object.values(reasons).map((reason) => ({
    error: httpError(reason),
    texts: ["retrieve", reason.message, "3 attempts", "request 7f3a"]
  })),
  { error: httpError(reasons.TimedOut, 1), texts: ["(1 attempt, request 7f3a)"] },
  {
    error: new OutcomePending({
      ticketId,
      lastTicket: SupportTicket.cases.Pending.make({ ticketId }),
      lastError: httpError(reasons.TimedOut),
      polls: 31,
      elapsed: Duration.minutes(15)
    }),
    texts: [ticketId, "15m", "31 polls", "Keep its id and ask again later", httpError(reasons.TimedOut).message]
  },
  {
    error: new OutcomePending({ ticketId, polls: 1, elapsed: Duration.zero }),
    texts: ["1 poll. Keep its id and ask again later"]
  },
  {
    error: new TicketRejected({
      ...responseFields,
      status: 400,
      code: 20099,
      type: "Odd",
      detail: { summary: ["too long"] }
    }),
    texts: [
      'Ripio rejected the ticket; it was not created. Fix this and try again: {"summary":["too long"]}',
      "(400, code 20099 Odd, request 7f3a)"
    ]
  },
  {
    error: createAmbiguous({}),
    texts: [...createAmbiguousTexts, "(sent at 2026-06-26T14:30:00.000Z, content 0123456789ab)"]
  },
  {
    error: createAmbiguous({ requestId: "7f3a" }),
    texts: [...createAmbiguousTexts, "(sent at 2026-06-26T14:30:00.000Z, content 0123456789ab, request 7f3a)"]
  },
  {
    error: new InboxUnavailable({ cause: "x" }),
    texts: ["The inbox cannot reach its store. Check the database behind it"]
  }
]
