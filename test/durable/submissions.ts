import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type InboxEvent, type NewTicket } from "../../src/index.ts"
import { newTicket } from "../support/newTicket.ts"
import { type Desk, until } from "./desk.ts"

export const id = "complaint-1"

export const decodeSend = Schema.decodeUnknownEffect(
  Schema.fromJsonString(
    Schema.Struct({
      customerId: Schema.String,
      hash: Schema.String,
      fieldChunks: Schema.Int,
      chunks: Schema.Int,
      submittedAt: Schema.Int
    })
  )
)

export const tagsOf = (events: ReadonlyArray<InboxEvent>) => events.map(({ _tag }) => _tag)

export const contentCount = ({ sql }: Desk) =>
  Effect.map(
    sql<{ readonly count: number }>`SELECT COUNT(*) AS count FROM ripio_contents WHERE id NOT LIKE '%:closed-times'`,
    ([row]) => row?.count
  )

/** Submits a ticket of the sandbox's customer. */
export const submit = ({ outbox, sandbox }: Desk, fields: Partial<NewTicket> = {}, submissionId = id) =>
  outbox.submit(newTicket({ customerId: sandbox.customer, ...fields }), { id: submissionId })

/** Works until a number of events was handled, and 200 ms more for those that must not come. */
export const workUntil = (desk: Desk, count: number) =>
  desk.working(
    Effect.andThen(
      until(() => desk.events.length >= count),
      Effect.sleep(200)
    )
  )
