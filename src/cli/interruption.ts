import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type { SupportTicket } from "../domain/SupportTicket.ts"
import { isTicketId, type TicketId } from "../domain/TicketId.ts"
import { type LogLine, makeLineLogger } from "./log.ts"
import { Output } from "./output.ts"
import { invocation, printJson, printResult } from "./root.ts"
import { ticketLine } from "./wait.ts"

/**
 * What became of a ticket when the program is interrupted. A create that was handed to the transport goes on until the
 * layer of the client is closed, and only the log says how it ended.
 */
export const makeInterruption = Effect.gen(function* () {
  const output = yield* Output
  const lines: Array<LogLine> = []
  let ticketId: TicketId | undefined
  let notice: Fiber.Fiber<void> | undefined

  const logger = makeLineLogger((line) => {
    const { annotations } = line
    // The lines about a create have the customer.
    if ("customerId" in annotations) lines.push(line)
    const logged = annotations["ticketId"]
    if (isTicketId(logged)) ticketId = logged
  })

  return {
    /** The log of the client goes here. What it reports without an interruption, the error of the command repeats. */
    layerLogger: Logger.layer([logger]),
    /** Records the ticket as soon as there is one. */
    created: (ticket: SupportTicket) =>
      Effect.sync(() => {
        ticketId = ticket.ticketId
      }),
    /** Says that the program goes on until there is a response. Most responses arrive before anyone can read it. */
    begin: Effect.suspend(() => {
      if (ticketId !== undefined) return Effect.void
      const message = output.message("Interrupted. Waiting for the response, which has the id of the ticket.")
      return Effect.map(Effect.forkDetach(Effect.delay(message, "300 millis")), (fiber) => {
        notice = fiber
      })
    }),
    /** Prints what became of the ticket, after the layer of the client is closed. */
    end: Effect.gen(function* () {
      if (notice !== undefined) yield* Fiber.interrupt(notice)
      if (ticketId !== undefined) {
        yield* output.message(
          `Interrupted. Ticket ${ticketId} was created. Wait for its outcome: ${invocation} await ${ticketId}`
        )
        const ticket: SupportTicket = { _tag: "Pending", ticketId }
        return yield* printResult(ticketLine(ticket), ticket)
      }
      if (lines.length === 0) return yield* output.message("Interrupted. No ticket was sent.")
      for (const { annotations, text } of lines) {
        yield* output.message(`Interrupted. ${text}`)
        yield* printJson({ _tag: "Interrupted", message: text, ...annotations })
      }
    })
  }
})
