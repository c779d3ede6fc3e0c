import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { IssueKey } from "../domain/IssueKey.ts"
import { TicketId } from "../domain/TicketId.ts"
import type { ConnectionLost } from "./ConnectionLost.ts"
import type { Fault } from "./Fault.ts"
import { Accounts } from "./internal/Accounts.ts"
import { Faults } from "./internal/Faults.ts"
import * as Server from "./internal/Server.ts"
import { Tickets } from "./internal/Tickets.ts"
import * as Transport from "./internal/Transport.ts"
import type { ReceivedRequest, Route } from "./ReceivedRequest.ts"
import type { SandboxAccount } from "./SandboxAccount.ts"

/**
 * How a sandbox gives out tokens.
 *
 * @category options
 * @since 0.1.0
 */
export interface SandboxOptions {
  /** How long a token is good. Default: 10 hours, as in the API owner's example. */
  readonly tokenLifetime?: Duration.Input | undefined
  /** The names in the token endpoint's answer: both are seen in the field. Default: `camelCase`. */
  readonly spelling?: "camelCase" | "snake_case" | undefined
}

/**
 * A ticket that a test starts from.
 *
 * @category options
 * @since 0.1.0
 */
export interface SeedOptions {
  /** Default: `00000000-0000-4000-8000-000000000001`, and counting. */
  readonly ticketId?: TicketId | undefined
  /** Whose it is. Default: the sandbox's own account. */
  readonly account?: SandboxAccount | undefined
  /** How it ends; with `Pending` it does not, unless by `settle`. Default: `Created`. */
  readonly outcome?: "Created" | "Failed" | "Pending" | undefined
  /** The key under which it is registered, if it ever is. Default: `SUP-1001`, and counting along with the ids. */
  readonly issueKey?: IssueKey | undefined
  /** How long it stays pending, counted by the `Clock` from now on. Default: 3 seconds. */
  readonly after?: Duration.Input | undefined
}

/**
 * A Ripio in memory: the token endpoint and Retrieve Support Ticket, strict where the real ones are, with tickets that
 * end when the `Clock` says so, and with faults on demand. Each build of the layer is a world of its own.
 *
 * A wrong use of the sandbox, such as to settle a ticket that it does not have, is a mistake in the test: it dies with
 * a message that says which.
 *
 * **When to use**
 *
 * Provide `Sandbox.layerHttpClient` where the program under test asks for an `HttpClient`: no socket is opened, and
 * `TestClock` drives it all. `Sandbox.layerServer` and `Sandbox.toWebHandler` serve the same to any client on a port.
 *
 * **Example** (A ticket that is registered after three seconds)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import { Sandbox } from "effect-ripio-tickets/testing"
 *
 * const program = Effect.gen(function*() {
 *   const sandbox = yield* Sandbox
 *   const ticketId = yield* sandbox.seed({ outcome: "Created", after: "3 seconds" })
 *   // ... follow `ticketId` with the program under test ...
 *   return { ticketId, polls: yield* sandbox.count("retrieve") }
 * })
 *
 * const test = program.pipe(Effect.provide(Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Sandbox extends Context.Service<
  Sandbox,
  {
    /** The account that is there from the start, with support tickets switched on. */
    readonly account: SandboxAccount
    /** One more account. What is not given is made up; support tickets are on unless `enabled` is `false`. */
    readonly addAccount: (options?: {
      readonly clientId?: string
      readonly clientSecret?: Redacted.Redacted
      readonly enabled?: boolean
    }) => Effect.Effect<SandboxAccount>
    /** Puts a ticket there, as if it had just been accepted. */
    readonly seed: (options?: SeedOptions) => Effect.Effect<TicketId>
    /** Ends a ticket now. An outcome does not change: to end it twice in two ways dies. */
    readonly settle: (ticketId: TicketId, outcome: "Created" | "Failed") => Effect.Effect<void>
    /** Switches support tickets on or off for an account, by default the sandbox's own. While off, the API says 20061. */
    readonly setEnabled: (enabled: boolean, account?: SandboxAccount) => Effect.Effect<void>
    /** Makes every token of an account, by default the sandbox's own, useless. New ones can be had. */
    readonly revokeTokens: (account?: SandboxAccount) => Effect.Effect<void>
    /**
     * Queues a fault. A request meets the first fault in the queue that is meant for it, and uses it up: `times` of it,
     * by default one. Without `on` and `account` any request is meant, but what is wrong with a token waits for a request
     * to the API itself. `"forever"` lasts until `heal`.
     */
    readonly inject: (
      fault: Fault,
      options?: {
        readonly on?: Route
        readonly times?: number | "forever"
        readonly account?: SandboxAccount
      }
    ) => Effect.Effect<void>
    /** Drops every fault that is left. */
    readonly heal: Effect.Effect<void>
    /** What arrived, in order; also what met a fault, a refused connection included. */
    readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>
    /** How many requests arrived, at one endpoint or at all. */
    readonly count: (route?: Route) => Effect.Effect<number>
    /** Answers one request. The layers are built on it, and a transport of your own can be. */
    readonly handle: (request: HttpServerRequest) => Effect.Effect<HttpServerResponse, ConnectionLost>
  }
>()("effect-ripio-tickets/testing/Sandbox") {
  /** A new sandbox. */
  static readonly layer = (options?: SandboxOptions): Layer.Layer<Sandbox> =>
    Layer.sync(Sandbox, () => make(options ?? {}))

  /**
   * An `HttpClient` that the sandbox answers in process and in the fiber that asks, whatever the host of the URL.
   * The `Clock` of that fiber is the sandbox's, and its interruption reaches the request.
   */
  static readonly layerHttpClient: Layer.Layer<HttpClient.HttpClient, never, Sandbox> = Layer.effect(
    HttpClient.HttpClient,
    Sandbox.useSync(({ handle }) => Transport.httpClient(handle))
  )

  /** The sandbox on the port of whatever `HttpServer` is provided, for any client in any language. */
  static readonly layerServer: Layer.Layer<never, never, Sandbox | HttpServer.HttpServer> = Layer.unwrap(
    Sandbox.useSync(({ handle }) => HttpServer.serve(Transport.serverEffect(handle)))
  )

  /** The sandbox as a function from `Request` to `Response`, for what serves those, or in the place of `fetch`. */
  static readonly toWebHandler: Effect.Effect<(request: Request) => Promise<Response>, never, Sandbox> = Sandbox.use(
    ({ handle }) => Transport.webHandler(handle)
  )
}

const make = (options: SandboxOptions): Sandbox["Service"] => {
  const accounts = new Accounts()
  const tickets = new Tickets()
  const faults = new Faults()
  const account = accounts.add()
  const server = Server.make(
    {
      accounts,
      tickets,
      tokenLifetimeMillis: Duration.toMillis(options.tokenLifetime ?? "10 hours"),
      spelling: options.spelling ?? "camelCase"
    },
    faults
  )

  return {
    account,
    addAccount: (like) => Effect.sync(() => accounts.add(like)),
    seed: (like = {}) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const number = tickets.next
        const ticketId = like.ticketId ?? TicketId.make(`00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`)
        const outcome = like.outcome ?? "Created"
        tickets.add({
          ticketId,
          clientId: accounts.get(like.account ?? account).account.clientId,
          issueKey: like.issueKey ?? IssueKey.make(`SUP-${1000 + number}`),
          end: outcome === "Pending" ? undefined : { outcome, at: now + Duration.toMillis(like.after ?? "3 seconds") }
        })
        return ticketId
      }),
    settle: (ticketId, outcome) => Effect.map(Clock.currentTimeMillis, (now) => tickets.settle(ticketId, outcome, now)),
    setEnabled: (enabled, of = account) =>
      Effect.sync(() => {
        accounts.get(of).enabled = enabled
      }),
    revokeTokens: (of = account) => Effect.sync(() => accounts.get(of).tokens.clear()),
    inject: (fault, { account: of, on, times = 1 } = {}) =>
      Effect.sync(() =>
        faults.inject({
          fault,
          on,
          clientId: of && accounts.get(of).account.clientId,
          left: times === "forever" ? Infinity : times
        })
      ),
    heal: Effect.sync(() => faults.clear()),
    requests: Effect.sync(() => server.received()),
    count: (route) =>
      Effect.sync(() => server.received().filter((request) => route === undefined || request.route === route).length),
    handle: server.handle
  }
}
