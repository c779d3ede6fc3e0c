export { Unauthenticated } from "./domain/AccessToken.ts"
export { type Answer, type Classification, classify, type Evidence, maxBodyBytes } from "./domain/classify.ts"
export { ApiError, ApiErrorBody, ApiErrorCode } from "./domain/ApiError.ts"
export * from "./domain/AwaitOptions.ts"
export * from "./domain/ContentHash.ts"
export * from "./domain/CreateAmbiguous.ts"
export * from "./domain/CustomerId.ts"
export { type Environment } from "./domain/Environment.ts"
export * from "./domain/InboxUnavailable.ts"
export * from "./domain/InvalidOption.ts"
export * from "./domain/IssueKey.ts"
export * from "./domain/NewTicket.ts"
export * from "./domain/OutcomeContradiction.ts"
export * from "./domain/OutcomePending.ts"
export * from "./domain/PollingSchedule.ts"
export { maxRetryAfter, type RequestOptions, type RetryPolicy } from "./domain/RetryPolicy.ts"
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
export * from "./domain/SupportTicket.ts"
export { NotEnabled, NotFound, type TicketError } from "./domain/TicketError.ts"
export * from "./domain/TicketRejected.ts"
export {
  type OtherEvent,
  outcomeOfEvent,
  type TicketCreated,
  TicketEvent,
  type TicketFailed
} from "./domain/TicketEvent.ts"
export { TicketId } from "./domain/TicketId.ts"
export * from "./domain/WebhookRejected.ts"
/**
 * The access token by client credentials: obtained, kept and renewed.
 *
 * @category layers
 * @since 0.1.0
 */
export * as AuthClientCredentials from "./layers/AuthClientCredentials.ts"
/**
 * The access token that you have.
 *
 * @category layers
 * @since 0.1.0
 */
export * as AuthStaticToken from "./layers/AuthStaticToken.ts"
/**
 * Requests by the runtime's `fetch`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as FetchTransport from "./layers/FetchTransport.ts"
/**
 * The whole client for one account: `Ripio.layer` from values, `Ripio.layerConfig` from the configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export * as Ripio from "./layers/Ripio.ts"
/**
 * The API on an `AuthService`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as RipioHttpLive from "./layers/RipioHttpLive.ts"
/**
 * The support tickets on `RipioHttp`.
 *
 * @category layers
 * @since 0.1.0
 */
export * as SupportTicketsLive from "./layers/SupportTicketsLive.ts"
/**
 * The inbox of webhooks, in memory or on a store that outlives the process, and its handler.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketInboxLive from "./layers/TicketInboxLive.ts"
/**
 * The meeting place of webhooks and of those who wait for a ticket's outcome.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketOutcomesLive from "./layers/TicketOutcomesLive.ts"
/**
 * Receiving webhooks as a function from `Request` to `Response`.
 *
 * @category constructors
 * @since 0.1.0
 */
export * as TicketWebhookHandler from "./layers/TicketWebhookHandler.ts"
/**
 * Receiving webhooks as a route of `effect/http`'s router.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketWebhookRoute from "./layers/TicketWebhookRoute.ts"
/**
 * The verification of webhooks, from their secrets.
 *
 * @category layers
 * @since 0.1.0
 */
export * as TicketWebhooksLive from "./layers/TicketWebhooksLive.ts"
export * from "./services/AuthService.ts"
export * from "./services/RipioHttp.ts"
export * from "./services/SupportTickets.ts"
export * from "./services/TicketInbox.ts"
export * from "./services/TicketOutcomes.ts"
export * from "./services/TicketWebhooks.ts"
