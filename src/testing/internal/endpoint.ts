import type * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { TicketId } from "../../domain/TicketId.ts"
import type { Route } from "../SandboxRequest.ts"
import type { Accounts } from "./accounts.ts"
import type { Answer } from "./sandboxResponse.ts"
import type { Tickets } from "./tickets.ts"

/** What one sandbox knows. */
export interface World {
  readonly accounts: Accounts
  readonly tickets: Tickets
  readonly tokenLifetimeMillis: number
  readonly tokenResponseCase: "camelCase" | "snake_case"
}

/** One request on its way to an endpoint. */
export interface Call {
  readonly request: HttpServerRequest
  readonly at: number
  readonly ticketId: TicketId | undefined
  /** Whether what the request asks for is kept. If not, it is only answered. */
  readonly stores: boolean
}

/** An endpoint. `match` is given a path, and says whether it is this endpoint's. */
export interface Endpoint {
  readonly route: Route
  readonly method: "GET" | "POST"
  readonly match: (path: string) => { readonly ticketId?: TicketId } | undefined
  readonly handle: (world: World, call: Call) => Effect.Effect<Answer>
}
