import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { newTicket } from "../support/newTicket.ts"
import { onDesk, until } from "./desk.ts"

describe("durable tickets on SQLite", () => {
  it.live("sends a submission once and follows it to its outcome", () =>
    onDesk(({ events, outbox, sandbox, working }) =>
      Effect.gen(function* () {
        yield* sandbox.onCreate({ after: "10 millis" })
        yield* outbox.submit(newTicket({ customerId: sandbox.customer }), { id: "complaint-1" })
        yield* working(until(() => events.length >= 2))
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["SubmissionAccepted", "TicketCreated"]
        )
      })
    )
  )
})
