import type * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { TicketId } from "../../domain/TicketId.ts"
import type { Route } from "../SandboxRequest.ts"
import type { Accounts } from "./accounts.ts"
import type { SandboxResponse } from "./sandboxResponse.ts"
import type { Tickets } from "./tickets.ts"

/** The state and the settings of one sandbox. */
export interface SandboxState {
  readonly accounts: Accounts
  readonly tickets: Tickets
  readonly tokenLifetimeMillis: number
  readonly tokenResponseCase: "camelCase" | "snake_case"
}

/** One request, with what the server knows about it. */
export interface RequestContext {
  readonly request: HttpServerRequest
  /** The millisecond at which the request arrived. */
  readonly at: number
  /** The ticket id in the path. */
  readonly ticketId: TicketId | undefined
  /** Whether a create stores its ticket. If not, the response is the same. */
  readonly storesTicket: boolean
}

/** One endpoint of the API. `match` returns the parameters of a path, or `undefined` for the path of another endpoint. */
export interface Endpoint {
  readonly route: Route
  readonly method: "GET" | "POST"
  readonly match: (path: string) => { readonly ticketId?: TicketId } | undefined
  readonly handle: (state: SandboxState, context: RequestContext) => Effect.Effect<SandboxResponse>
}
