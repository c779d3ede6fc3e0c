import * as Effect from "effect/Effect"
import { SupportTicket, SupportTickets } from "effect-ripio-tickets"
import { Sandbox } from "effect-ripio-tickets/testing"

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const tickets = yield* SupportTickets
  const ticketId = yield* sandbox.seed({ after: 0 })
  const ticket: SupportTicket = yield* tickets.retrieve(ticketId)
  return SupportTicket.match(ticket, {
    Pending: () => "Pending",
    Created: ({ issueKey }) => `Created ${issueKey}`,
    Failed: () => "Failed"
  })
}).pipe(Effect.provide(Sandbox.layerRipio({ seed: 0 })))

console.log(await Effect.runPromise(program))
