import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { FetchTransport, Ripio, SupportTickets, TicketId } from "effect-ripio-tickets"
import { onEffect } from "./onEffect.ts"

export const open = onEffect(
  () =>
    SupportTickets.useSync(
      (tickets) => (id: string) =>
        tickets.retrieve(TicketId.make(id)).pipe(
          Effect.map((ticket) => (ticket._tag === "Created" ? ticket.issueKey : ticket._tag)),
          Effect.catchTag("NotFound", () => Effect.succeed("no such ticket"))
        )
    ),
  (baseUrl) => Ripio.layer({ environment: { baseUrl }, clientId: "partner", clientSecret: Redacted.make("secret") }),
  FetchTransport.layer
)
