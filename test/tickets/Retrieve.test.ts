import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ticketId } from "../support/fixtures.ts"
import { baseUrl } from "../support/harness.ts"
import {
  createdReply,
  createdTicket,
  failedReply,
  failedTicket,
  pendingReply,
  pendingTicket,
  scripted
} from "./polling.ts"

describe("retrieve", () => {
  it.effect("sends one GET request per call, with the id in the path and a trailing slash", () =>
    Effect.gen(function* () {
      const { requests, retrieve } = yield* scripted([pendingReply, createdReply, failedReply])
      assert.deepStrictEqual(
        [yield* retrieve(ticketId), yield* retrieve(ticketId), yield* retrieve(ticketId)],
        [pendingTicket, createdTicket, failedTicket]
      )
      for (const { body, method, url } of yield* requests) {
        assert.deepStrictEqual(
          { body, method, url },
          { body: "", method: "GET", url: `${baseUrl}/api/v1/supportTickets/${ticketId}/` }
        )
      }
    })
  )
})
