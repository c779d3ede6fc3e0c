export { AccessTokenFromWire, type AccessToken, renewAfter, TokenText, Unauthenticated } from "./domain/AccessToken.ts"
export * from "./domain/Answer.ts"
export { ApiError, ApiErrorBody, ApiErrorCode } from "./domain/ApiError.ts"
export * from "./domain/AwaitOptions.ts"
export * from "./domain/CreateAmbiguous.ts"
export * from "./domain/CustomerId.ts"
export { type Environment } from "./domain/Environment.ts"
export * from "./domain/InvalidOption.ts"
export * from "./domain/IssueKey.ts"
export * from "./domain/NewTicket.ts"
export * from "./domain/OutcomePending.ts"
export * from "./domain/PollingSchedule.ts"
export { longestRetryAfter, type RetryPolicy } from "./domain/RetryPolicy.ts"
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
export { TicketId } from "./domain/TicketId.ts"
export { contentHashOf } from "./internal/create.ts"
export { type RequestOptions } from "./internal/options.ts"
export * as AuthClientCredentials from "./layers/AuthClientCredentials.ts"
export * as AuthStaticToken from "./layers/AuthStaticToken.ts"
export * as Ripio from "./layers/Ripio.ts"
export * as RipioHttpLive from "./layers/RipioHttpLive.ts"
export * as SupportTicketsLive from "./layers/SupportTicketsLive.ts"
export * from "./services/AuthService.ts"
export * from "./services/RipioHttp.ts"
export * from "./services/SupportTickets.ts"
