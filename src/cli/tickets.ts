import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CustomerId } from "../domain/CustomerId.ts"
import { NewTicket } from "../domain/NewTicket.ts"
import type { SupportTicket } from "../domain/SupportTicket.ts"
import { SupportTickets } from "../services/SupportTickets.ts"
import { layerAccount } from "./account.ts"
import { openAttachment } from "./attachment.ts"
import { exitCodes, ExitWith, reportError } from "./exit.ts"
import { durationFlag, ticketIdArgument } from "./flags.ts"
import { makeInterruption } from "./interruption.ts"
import { layerNoLog } from "./log.ts"
import { Output } from "./output.ts"
import { printResult } from "./root.ts"
import { ticketLine, waitForOutcome } from "./wait.ts"

/** Prints a ticket. `Failed` has an exit code. */
const printTicket = Effect.fnUntraced(function* (ticket: SupportTicket) {
  yield* printResult(ticketLine(ticket), ticket)
  if (ticket._tag === "Failed") return yield* new ExitWith({ exitCode: exitCodes.Failed })
})

const deadline = durationFlag("deadline").pipe(
  Flag.optional,
  Flag.withDescription("The longest time to wait: 15m by default")
)

const exampleId = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
const exampleCustomer = "3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"

export const retrieve = Command.make("retrieve", { id: ticketIdArgument }, ({ id }) =>
  SupportTickets.use((tickets) => tickets.retrieve(id)).pipe(
    Effect.provide(layerAccount),
    Effect.provide(layerNoLog),
    Effect.matchEffect({ onSuccess: printTicket, onFailure: reportError })
  )
).pipe(
  Command.withDescription("Print the state of a ticket: Pending, Created with its issue key, or Failed"),
  Command.withExamples([{ command: `ripio-tickets retrieve ${exampleId}` }])
)

const awaitCommand = Command.make("await", { id: ticketIdArgument, deadline }, ({ deadline, id }) =>
  waitForOutcome(id, { deadline: Option.getOrUndefined(deadline), isNew: false }).pipe(
    Effect.provide(layerAccount),
    Effect.provide(layerNoLog),
    Effect.matchEffect({ onSuccess: printTicket, onFailure: reportError })
  )
).pipe(
  Command.withDescription("Wait for the outcome of a ticket and print it"),
  Command.withExamples([{ command: `ripio-tickets await ${exampleId} --deadline 1h` }])
)
export { awaitCommand as await }

export const raise = Command.make(
  "raise",
  {
    customer: Flag.String("customer").pipe(
      Flag.withSchema(CustomerId),
      Flag.withMetavar("uuid"),
      Flag.withDescription("The customer's id")
    ),
    summary: Flag.String("summary").pipe(
      Flag.withSchema(NewTicket.fields.summary),
      Flag.withDescription("One line that describes the problem")
    ),
    description: Flag.String("description").pipe(
      Flag.withSchema(NewTicket.fields.description),
      Flag.withDescription("The problem in detail")
    ),
    files: Flag.File("file", { mustExist: true }).pipe(
      Flag.withDescription("A file to attach. Repeat the flag for each file"),
      Flag.atLeast(0)
    ),
    noWait: Flag.Boolean("no-wait").pipe(
      Flag.withoutNegation,
      Flag.withDefault(false),
      Flag.withDescription("Print the new ticket and do not wait for its outcome")
    ),
    deadline
  },
  Effect.fnUntraced(function* ({ customer, deadline, description, files, noWait, summary }) {
    const output = yield* Output
    const interruption = yield* makeInterruption

    const raised = Effect.fnUntraced(function* (attachments: ReadonlyArray<File>) {
      const tickets = yield* SupportTickets
      const pending = yield* tickets
        .create({ customerId: customer, summary, description, files: attachments })
        .pipe(Effect.tap(interruption.created))
      if (noWait) return pending
      yield* output.message(`Ticket ${pending.ticketId} was created. Waiting for its outcome.`)
      return yield* waitForOutcome(pending.ticketId, { deadline: Option.getOrUndefined(deadline), isNew: true })
    })

    return yield* Effect.forEach(files, openAttachment).pipe(
      Effect.flatMap((attachments) =>
        raised(attachments).pipe(
          Effect.onInterrupt(() => interruption.begin),
          Effect.provide(layerAccount),
          Effect.provide(interruption.layerLogger),
          Effect.onInterrupt(() => interruption.end)
        )
      ),
      Effect.matchEffect({ onSuccess: printTicket, onFailure: reportError })
    )
  })
).pipe(
  Command.withDescription("Create a ticket for a customer, wait for its outcome and print it"),
  Command.withExamples([
    {
      command: `ripio-tickets raise --customer ${exampleCustomer} --summary "A deposit is missing" --description "Sent on Monday." --file receipt.pdf`
    }
  ])
)
