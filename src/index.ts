/**
 * Support tickets of the Ripio Ramp API for Effect programs: domain, services and layers.
 *
 * @since 0.1.0
 */
export { Unauthenticated } from "./domain/AccessToken.ts"
export { ApiError, ApiErrorBody, ApiErrorCode } from "./domain/ApiError.ts"
export * from "./domain/AwaitOptions.ts"
export { contentHashOf } from "./domain/ContentHash.ts"
export * from "./domain/CreateAmbiguous.ts"
export * from "./domain/CustomerId.ts"
export * from "./domain/DeadLetter.ts"
export { type Environment } from "./domain/Environment.ts"
export * from "./domain/ExecuteOptions.ts"
export { InboxEvent, SubmissionEvidence } from "./domain/InboxEvent.ts"
export * from "./domain/InboxUnavailable.ts"
export * from "./domain/GateOptions.ts"
export { InvalidOption } from "./domain/InvalidOption.ts"
export * from "./domain/IssueKey.ts"
export * from "./domain/NewTicket.ts"
export * from "./domain/OutcomeContradiction.ts"
export * from "./domain/OutcomePending.ts"
export * from "./domain/PollingSchedule.ts"
export * from "./domain/RequestOptions.ts"
export {
  InvalidRequest,
  RateLimited,
  RipioHttpError,
  RipioHttpErrorReason,
  ServerFailed,
  TimedOut,
  TransportFailed,
  UnexpectedResponse
} from "./domain/RipioHttpError.ts"
export {
  type Created,
  type Failed,
  isOutcome,
  type Pending,
  SupportTicket,
  SupportTicketFromWire,
  TicketOutcome
} from "./domain/SupportTicket.ts"
export { NotEnabled, NotFound, type TicketError } from "./domain/TicketError.ts"
export {
  type OtherEvent,
  outcomeOfEvent,
  type TicketCreated,
  TicketEvent,
  type TicketFailed
} from "./domain/TicketEvent.ts"
export { TicketId } from "./domain/TicketId.ts"
export * from "./domain/TicketRejected.ts"
export * from "./domain/WebhookDelivery.ts"
export * from "./domain/WebhookRejected.ts"
/**
 * Access tokens by client credentials: requested, cached and renewed.
 *
 * @category layers
 * @since 0.1.0
 */
export * as AuthClientCredentials from "./layers/AuthClientCredentials.ts"
/**
 * An access token that the program already has.
 *
 * @category layers
 * @since 0.1.0
 */
export * as AuthStaticToken from "./layers/AuthStaticToken.ts"
/**
 * A transport on the runtime's `fetch`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as FetchTransport from "./layers/FetchTransport.ts"
/**
 * The whole client for one account: `Ripio.layer` from values, `Ripio.layerConfig` from configuration variables.
 *
 * @category layers
 * @since 0.1.0
 */
export * as Ripio from "./layers/Ripio.ts"
/**
 * The layer of `RipioHttp`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as RipioHttpLive from "./layers/RipioHttpLive.ts"
/**
 * The layer of `SupportTickets`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as SupportTicketsLive from "./layers/SupportTicketsLive.ts"
/**
 * Layers of `TicketInbox`, in memory or on a store, and of its handler.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketInboxLive from "./layers/TicketInboxLive.ts"
/**
 * The layer of `TicketOutcomes`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketOutcomesLive from "./layers/TicketOutcomesLive.ts"
/**
 * Webhooks as a function from `Request` to `Response`.
 *
 * @category constructors
 * @since 0.1.0
 */
export * as TicketWebhookHandler from "./layers/TicketWebhookHandler.ts"
/**
 * Webhooks as a route of the router of `effect/http`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketWebhookRoute from "./layers/TicketWebhookRoute.ts"
/**
 * Layers of `TicketWebhooks`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketWebhooksLive from "./layers/TicketWebhooksLive.ts"
export { AuthService } from "./services/AuthService.ts"
export { RipioHttp, type RipioHttpOptions } from "./services/RipioHttp.ts"
export { SupportTickets } from "./services/SupportTickets.ts"
export { type HandleOptions, TicketInbox, type TicketInboxOptions } from "./services/TicketInbox.ts"
export { TicketOutcomes, type TicketOutcomesOptions } from "./services/TicketOutcomes.ts"
export { TicketWebhooks, type TicketWebhooksOptions } from "./services/TicketWebhooks.ts"
