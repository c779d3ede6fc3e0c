import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type {
  ApiError,
  AuthService,
  AwaitOptions,
  CreateAmbiguous,
  Created,
  ExecuteOptions,
  Failed,
  InvalidOption,
  NewTicket,
  NotEnabled,
  NotFound,
  OutcomePending,
  Pending,
  RipioHttp,
  RipioHttpError,
  SupportTicket,
  SupportTickets,
  TicketError,
  TicketId,
  TicketOutcomes,
  TicketRejected,
  Unauthenticated
} from "effect-ripio-tickets"
import {
  AuthClientCredentials,
  AuthStaticToken,
  makePollingSchedule,
  pollingSchedule,
  Ripio,
  RipioHttpLive,
  SupportTicketsLive
} from "effect-ripio-tickets"
import type { ConfigError } from "effect/Config"
import type * as Layer from "effect/Layer"
import { describe, expect, test } from "tstyche"

declare const tickets: SupportTickets["Service"]
declare const http: RipioHttp["Service"]
declare const auth: AuthService["Service"]
declare const id: TicketId
declare const ticket: NewTicket
declare const options: AwaitOptions
declare const secret: Redacted.Redacted
declare const request: HttpClientRequest.HttpClientRequest
declare const execute: ExecuteOptions<number>

describe("SupportTickets", () => {
  test("retrieve fails with the three errors of TicketError, with RipioHttpError, and with nothing else", () => {
    expect(tickets.retrieve(id)).type.toBe<
      Effect.Effect<SupportTicket, NotEnabled | NotFound | Unauthenticated | RipioHttpError>
    >()
    expect<TicketError>().type.toBe<NotEnabled | NotFound | Unauthenticated>()
  })

  test("retrieve does not accept a plain string", () => {
    expect(tickets.retrieve).type.not.toBeCallableWith("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
  })

  test("awaitOutcome returns Created or Failed", () => {
    expect(tickets.awaitOutcome(id)).type.toBe<
      Effect.Effect<Created | Failed, NotEnabled | NotFound | Unauthenticated | OutcomePending>
    >()
    expect(tickets.awaitOutcome(id, options)).type.toBe<
      Effect.Effect<Created | Failed, NotEnabled | NotFound | Unauthenticated | OutcomePending>
    >()
  })

  test("awaitOutcome accepts any schedule without errors and requirements", () => {
    expect(tickets.awaitOutcome).type.toBeCallableWith(id, { schedule: pollingSchedule, deadline: "1 minute" })
    expect<Schedule.Schedule<number>>().type.toBeAssignableTo<NonNullable<AwaitOptions["schedule"]>>()
    expect<Schedule.Schedule<number, unknown, "error">>().type.not.toBeAssignableTo<
      NonNullable<AwaitOptions["schedule"]>
    >()
    expect<Schedule.Schedule<number, unknown, never, "service">>().type.not.toBeAssignableTo<
      NonNullable<AwaitOptions["schedule"]>
    >()
  })

  test("changes is a stream of tickets, and fails with the errors of awaitOutcome", () => {
    expect(tickets.changes(id)).type.toBe<
      Stream.Stream<SupportTicket, NotEnabled | NotFound | Unauthenticated | OutcomePending>
    >()
  })

  test("create returns a pending ticket", () => {
    expect(tickets.create(ticket)).type.toBe<
      Effect.Effect<Pending, NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError>
    >()
  })

  test("raise returns an outcome, and fails with the errors of create or with OutcomePending", () => {
    expect(tickets.raise(ticket)).type.toBe<
      Effect.Effect<
        Created | Failed,
        NotEnabled | Unauthenticated | TicketRejected | CreateAmbiguous | RipioHttpError | OutcomePending
      >
    >()
  })
})

describe("AuthService", () => {
  test("returns and accepts redacted tokens", () => {
    expect(auth.accessToken).type.toBe<Effect.Effect<Redacted.Redacted, Unauthenticated | RipioHttpError>>()
    expect(auth.invalidate(secret)).type.toBe<Effect.Effect<void>>()
  })
})

describe("RipioHttp", () => {
  test("execute returns the result of decode", () => {
    expect(http.execute(request, execute)).type.toBe<
      Effect.Effect<number, Unauthenticated | ApiError | RipioHttpError>
    >()
  })
})

describe("layers", () => {
  type All = AuthService | RipioHttp | SupportTickets | TicketOutcomes
  const credentials = { environment: "sandbox", clientId: "id", clientSecret: secret } as const

  test("Ripio provides all services and requires an HttpClient", () => {
    expect(Ripio.layer(credentials)).type.toBe<Layer.Layer<All, InvalidOption, HttpClient>>()
    expect(Ripio.layerConfig).type.toBe<Layer.Layer<All, InvalidOption | ConfigError, HttpClient>>()
    expect(Ripio.layerConfigFor("AR")).type.toBe<Layer.Layer<All, InvalidOption | ConfigError, HttpClient>>()
  })

  test("secrets cannot be plain strings", () => {
    expect(Ripio.layer).type.not.toBeCallableWith({ environment: "sandbox", clientId: "id", clientSecret: "secret" })
    expect(AuthStaticToken.layer).type.not.toBeCallableWith({ token: "token" })
  })

  test("each layer requires the services below it", () => {
    expect(AuthClientCredentials.layer(credentials)).type.toBe<Layer.Layer<AuthService, InvalidOption, HttpClient>>()
    expect(AuthClientCredentials.layerStore(credentials)).type.toBe<
      Layer.Layer<AuthService, InvalidOption, HttpClient | KeyValueStore>
    >()
    expect(AuthStaticToken.layer({ token: secret })).type.toBe<Layer.Layer<AuthService, InvalidOption>>()
    expect(RipioHttpLive.layer({ environment: "production" })).type.toBe<
      Layer.Layer<RipioHttp, InvalidOption, AuthService | HttpClient>
    >()
    expect(SupportTicketsLive.layer).type.toBe<Layer.Layer<SupportTickets, never, RipioHttp>>()
  })
})

describe("polling schedules", () => {
  test("are schedules that output the wait", () => {
    expect(pollingSchedule).type.toBe<Schedule.Schedule<Duration.Duration>>()
    expect(makePollingSchedule({ first: "1 second", factor: 2, max: "1 minute", jitter: false })).type.toBe<
      Schedule.Schedule<Duration.Duration>
    >()
  })
})
