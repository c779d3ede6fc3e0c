import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { AuthStaticToken, type RequestOptions, RipioHttpLive, SupportTicketsLive, TicketId } from "../../src/index.ts"
import { ScriptedHttpClient } from "../../src/testing/index.ts"

export const ticketId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

/** The documented answers of the API owner's page. */
export const pending = { ticketId, status: "PENDING", issueKey: null }
export const created = { ticketId, status: "CREATED", issueKey: "SUP-1234" }
export const failed = { ticketId, status: "FAILED", issueKey: null }

export const apiErrors = {
  notAuthenticated: {
    code: 40001,
    type: "NotAuthenticated",
    detail: { message: "Authentication credentials were not provided.", code: "not_authenticated" },
    status: 401
  },
  notEnabled: {
    code: 20061,
    type: "SupportTicketsNotEnabledException",
    detail: { message: "Support tickets are not enabled for this account." },
    status: 403
  },
  notFound: {
    code: 40017,
    type: "SupportTicketNotFoundException",
    detail: { message: "Support ticket not found." },
    status: 404
  }
}

/** Support tickets with a static token on a client that answers from a script. */
export const scriptedTickets = (
  script: Parameters<typeof ScriptedHttpClient.make>[0],
  options: RequestOptions & { readonly token?: string } = {}
) =>
  Effect.map(ScriptedHttpClient.make(script), (scripted) => ({
    ...scripted,
    layer: SupportTicketsLive.layer.pipe(
      Layer.provideMerge(RipioHttpLive.layer({ ...options, environment: { baseUrl: "https://ripio.test" } })),
      Layer.provideMerge(AuthStaticToken.layer({ token: Redacted.make(options.token ?? "a-token") })),
      Layer.provide(scripted.layer)
    )
  }))
