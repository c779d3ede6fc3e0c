import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type {
  InboxEvent,
  InvalidOption,
  NewTicket,
  NotFound,
  SupportTickets,
  TicketEvent,
  TicketId,
  TicketInbox,
  TicketRejected
} from "effect-ripio-tickets"
import {
  DurableTickets,
  type InvalidSubmission,
  type OperationsUnavailable,
  type OutboxUnavailable,
  type TicketOperations,
  type TicketOutbox,
  type TicketTracker,
  TicketTrackerLive,
  type TrackerUnavailable,
  type UnsupportedStore
} from "effect-ripio-tickets/durable"
import { NodeSqlite } from "effect-ripio-tickets/node"
import { describe, expect, test } from "tstyche"

declare const outbox: TicketOutbox["Service"]
declare const tracker: TicketTracker["Service"]
declare const operations: TicketOperations["Service"]
declare const inbox: TicketInbox["Service"]
declare const ticket: NewTicket
declare const ticketId: TicketId
declare const webhook: TicketEvent
declare const event: InboxEvent

describe("durable tickets", () => {
  test("submit and track have no requirements, and a closed set of errors", () => {
    expect(outbox.submit(ticket, { id: "a" })).type.toBe<Effect.Effect<void, OutboxUnavailable | InvalidSubmission>>()
    expect(outbox.submit).type.not.toBeCallableWith(ticket)
    expect(tracker.track(ticketId)).type.toBe<Effect.Effect<void, TrackerUnavailable>>()
    expect(tracker.track).type.toBeCallableWith(ticketId, { deadline: undefined })
    expect(tracker.track).type.not.toBeCallableWith("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
  })

  test("the operations have no requirements", () => {
    expect(operations.resolve("a", "resend")).type.toBe<Effect.Effect<boolean, OperationsUnavailable>>()
    expect(operations.resolve).type.toBeCallableWith("a", { ticketId })
    expect(operations.resolve).type.not.toBeCallableWith("a", "send again")
    expect(operations.list).type.toBeCallableWith({ queue: "outbox", state: "ambiguous", after: 5 })
    expect(operations.list).type.not.toBeCallableWith({ queue: "another" })
  })

  test("the layer needs a SqlClient, and the worker the client", () => {
    expect(DurableTickets.layer()).type.toBe<
      Layer.Layer<
        TicketOutbox | TicketTracker | TicketInbox | TicketOperations,
        InvalidOption | UnsupportedStore,
        SqlClient
      >
    >()
    expect(DurableTickets.worker({ outbox: 2, tracker: 8, grace: "5 seconds" })).type.toBe<
      Layer.Layer<never, InvalidOption, TicketOutbox | TicketTracker | TicketInbox | SupportTickets>
    >()
    expect(NodeSqlite.layer({ filename: "tickets.db" })).type.toBe<Layer.Layer<SqlClient, SqlError>>()
  })

  test("Redis has no outbox, and may have a tracker", () => {
    const redis = PersistedQueue.layerStoreRedis()
    expect(redis).type.not.toBeAssignableTo<Layer.Layer<SqlClient, unknown, unknown>>()
    expect(TicketTrackerLive.layer()).type.toBe<Layer.Layer<TicketTracker, InvalidOption, PersistedQueueStore>>()
    expect(TicketTrackerLive.worker()).type.toBe<
      Layer.Layer<never, InvalidOption, TicketTracker | TicketInbox | SupportTickets>
    >()
  })

  test("an inbox stores the events of webhooks and its own", () => {
    expect(inbox.offer).type.toBeCallableWith(webhook)
    expect(inbox.offer).type.toBeCallableWith(event)
  })

  test("each event has a dedupeKey, and events about tickets have a source", () => {
    expect(event.dedupeKey).type.toBe<string>()
    if (event._tag === "TicketCreated") {
      expect(event.source).type.toBe<"webhook" | "poll">()
      expect(event.ticketId).type.toBe<TicketId>()
    }
    if (event._tag === "SubmissionRejected") expect(event.error).type.toBe<TicketRejected>()
    if (event._tag === "TrackingFailed") expect(event.error).type.toBe<NotFound>()
    expect<InboxEvent["_tag"]>().type.toBe<
      | "TicketCreated"
      | "TicketFailed"
      | "OtherEvent"
      | "SubmissionAccepted"
      | "SubmissionRejected"
      | "SubmissionNotSent"
      | "SubmissionAmbiguous"
      | "TrackingOverdue"
      | "TrackingFailed"
    >()
  })
})
