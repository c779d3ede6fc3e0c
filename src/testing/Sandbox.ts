import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { HttpClient } from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { CustomerId } from "../domain/CustomerId.ts"
import type { TicketId } from "../domain/TicketId.ts"
import type { RequestOptions } from "../domain/RetryPolicy.ts"
import * as Ripio from "../layers/Ripio.ts"
import type { AuthService } from "../services/AuthService.ts"
import type { RipioHttp } from "../services/RipioHttp.ts"
import type { SupportTickets } from "../services/SupportTickets.ts"
import type { ConnectionLost } from "./ConnectionLost.ts"
import type { Fault } from "./Fault.ts"
import { Accounts } from "./internal/accounts.ts"
import { Faults } from "./internal/faults.ts"
import * as Server from "./internal/server.ts"
import { notifyAtEnd, type Ticket, Tickets } from "./internal/tickets.ts"
import * as Transport from "./internal/transport.ts"
import { Webhooks } from "./internal/webhooks.ts"
import type { SandboxRequest, Route } from "./SandboxRequest.ts"
import type { SandboxAccount } from "./SandboxAccount.ts"
import type { OutcomeOptions, SandboxOptions, SeedOptions } from "./SandboxOptions.ts"
import type { SandboxDelivery, SandboxWebhookOptions, WebhookTarget } from "./SandboxWebhooks.ts"
import type { SandboxTicket } from "./SandboxTicket.ts"
import type { WebhookContent } from "./SignWebhook.ts"

/**
 * A Ripio in memory: the token endpoint, Create and Retrieve Support Ticket, strict where the real ones are, with tickets
 * that end when the `Clock` says so, and with faults on demand. Each build of the layer is a world of its own.
 *
 * A wrong use of the sandbox, such as to settle a ticket that it does not have, is a mistake in the test: it dies with
 * a message that says which.
 *
 * **When to use**
 *
 * `Sandbox.layerRipio` is the whole client on a sandbox: no socket is opened, and `TestClock` drives it all.
 * `Sandbox.layerHttpClient` does the same for a client that you put together, or for one that is not this library's.
 * `Sandbox.layerServer` and `Sandbox.toWebHandler` serve any client in any language, on a port.
 *
 * **Example** (A ticket that is registered after three seconds)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { SupportTickets } from "effect-ripio-tickets"
 * import { Sandbox } from "effect-ripio-tickets/testing"
 *
 * const test = Effect.gen(function* () {
 *   const sandbox = yield* Sandbox
 *   const tickets = yield* SupportTickets
 *   const ticketId = yield* sandbox.seed({ outcome: "Created", after: "3 seconds" })
 *   const outcome = yield* tickets.awaitOutcome(ticketId)
 *   return { outcome, polls: yield* sandbox.count("retrieve") }
 * }).pipe(Effect.provide(Sandbox.layerRipio()))
 * ```
 *
 * **Example** (A ticket that was raised although nobody saw the answer)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { SupportTickets } from "effect-ripio-tickets"
 * import { Fault, Sandbox } from "effect-ripio-tickets/testing"
 *
 * const test = Effect.gen(function* () {
 *   const sandbox = yield* Sandbox
 *   const tickets = yield* SupportTickets
 *   yield* sandbox.inject(Fault.dropped, { on: "create" })
 *   const error = yield* Effect.flip(
 *     tickets.create({ customerId: sandbox.customer, summary: "A deposit is missing", description: "Since Monday." })
 *   )
 *   return { error: error._tag, raised: (yield* sandbox.tickets).length } // CreateAmbiguous, 1
 * }).pipe(Effect.provide(Sandbox.layerRipio()))
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
    /** The customer that the sandbox's own account has from the start, with an email address on file. */
    readonly customer: CustomerId
    /** One more customer, by default of the sandbox's own account, with an email address unless `email` is `false`. */
    readonly addCustomer: (options?: {
      readonly account?: SandboxAccount
      readonly customerId?: CustomerId
      readonly email?: boolean
    }) => Effect.Effect<CustomerId>
    /** Puts a ticket there, as if it had just been accepted. */
    readonly seed: (options?: SeedOptions) => Effect.Effect<TicketId>
    /** From now on, tickets that are created end so: until it is called, as `Created` after 3 seconds. */
    readonly onCreate: (options: OutcomeOptions) => Effect.Effect<void>
    /**
     * The tickets that were created by requests and are stored, in order, with what is in them: count them to know how
     * often a ticket was raised. Those of `seed` are not among them.
     */
    readonly tickets: Effect.Effect<ReadonlyArray<SandboxTicket>>
    /** Ends a ticket now. An outcome does not change: to end it twice in two ways dies. */
    readonly complete: (ticketId: TicketId, outcome: "Created" | "Failed") => Effect.Effect<void>
    /** What webhooks are signed with, unless their subscription has a secret of its own. */
    readonly webhookSecret: Redacted.Redacted
    /**
     * Sends the webhooks of tickets that end from now on to a URL or to a handler: on time, or late, twice, in another
     * order and beside forgeries, as the options say. With several subscriptions, each is sent its own.
     */
    readonly subscribe: (target: WebhookTarget, options?: SandboxWebhookOptions) => Effect.Effect<void>
    /** Sends a webhook of anything now, such as an event of another family, to the subscriptions of an account. */
    readonly emit: (content: WebhookContent, account?: SandboxAccount) => Effect.Effect<void>
    /** The webhooks that were sent, in order. */
    readonly deliveries: Effect.Effect<ReadonlyArray<SandboxDelivery>>
    /** Switches support tickets on or off for an account, by default the sandbox's own. While off, the API says 20061. */
    readonly setEnabled: (enabled: boolean, account?: SandboxAccount) => Effect.Effect<void>
    /** Makes every token of an account, by default the sandbox's own, useless. New ones can be had. */
    readonly revokeTokens: (account?: SandboxAccount) => Effect.Effect<void>
    /**
     * Queues a fault. A request meets the first fault in the queue that is meant for it, and uses it up: `times` of it,
     * by default one. Without `on` and `account` any request is meant, but what is wrong with a token waits for a request
     * to the API itself. `"forever"` lasts until `clearFaults`.
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
    readonly clearFaults: Effect.Effect<void>
    /** What arrived, in order; also what met a fault, a refused connection included. */
    readonly requests: Effect.Effect<ReadonlyArray<SandboxRequest>>
    /** How many requests arrived, at one endpoint or at all. */
    readonly count: (route?: Route) => Effect.Effect<number>
    /** Answers one request. The layers are built on it, and a transport of your own can be. */
    readonly handle: (request: HttpServerRequest) => Effect.Effect<HttpServerResponse, ConnectionLost>
  }
>()("effect-ripio-tickets/testing/Sandbox") {
  /** A new sandbox, at each call. Layers that are to share one are provided with one and the same layer. */
  static readonly layer = (options?: SandboxOptions): Layer.Layer<Sandbox> =>
    Layer.effect(
      Sandbox,
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const run = Effect.runForkWith(yield* Effect.context())
        return make(options ?? {}, (effect) => void Fiber.runIn(run(effect), scope))
      })
    )

  /**
   * An `HttpClient` that the sandbox answers in process and in the fiber that asks, whatever the host of the URL.
   * The `Clock` of that fiber is the sandbox's, and its interruption reaches the request.
   */
  static readonly layerHttpClient: Layer.Layer<HttpClient, never, Sandbox> = Layer.effect(
    HttpClient,
    Sandbox.useSync(({ handle }) => Transport.httpClient(handle))
  )

  /**
   * The whole client for the sandbox's own account, in process, and the sandbox beside it. An option that cannot work dies.
   *
   * For another account, provide `Ripio.layer` with its credentials and with `Sandbox.layerHttpClient`.
   */
  static readonly layerRipio = (
    options?: SandboxOptions & RequestOptions
  ): Layer.Layer<AuthService | RipioHttp | SupportTickets | Sandbox> =>
    Layer.unwrap(
      Sandbox.useSync(({ account }) =>
        Ripio.layer({ ...options, ...account, environment: { baseUrl: "https://ripio.test" } })
      )
    ).pipe(Layer.provide(Sandbox.layerHttpClient), Layer.provideMerge(Sandbox.layer(options)), Layer.orDie)

  /** The sandbox on the port of whatever `HttpServer` is provided, for any client in any language. */
  static readonly layerServer: Layer.Layer<never, never, Sandbox | HttpServer.HttpServer> = Layer.unwrap(
    Sandbox.useSync(({ handle }) => HttpServer.serve(Transport.serverEffect(handle)))
  )

  /** The sandbox as a function from `Request` to `Response`, for what serves those, or in the place of `fetch`. */
  static readonly toWebHandler: Effect.Effect<(request: Request) => Promise<Response>, never, Sandbox> = Sandbox.use(
    ({ handle }) => Transport.webHandler(handle)
  )
}

const make = (options: SandboxOptions, fork: (effect: Effect.Effect<unknown>) => void): Sandbox["Service"] => {
  const accounts = new Accounts()
  const tickets = new Tickets()
  const webhooks = new Webhooks(fork)
  const faults = new Faults()
  const server = Server.make(
    {
      accounts,
      tickets,
      tokenLifetimeMillis: Duration.toMillis(options.tokenLifetime ?? "10 hours"),
      tokenResponseCase: options.tokenResponseCase ?? "camelCase"
    },
    faults
  )

  const defaultAccount = accounts.add()
  const customer = accounts.addCustomer(defaultAccount)
  const entryOf = (account = defaultAccount) => accounts.get(account)
  const clientIdOf = (account?: SandboxAccount) => entryOf(account).account.clientId

  const scheduleWebhook = (ticket: Ticket) =>
    fork(notifyAtEnd(ticket, (outcome) => webhooks.emit(ticket.clientId, outcome)))
  tickets.onEndSet = (ticket) => {
    if (webhooks.isSubscribed(ticket.clientId)) scheduleWebhook(ticket)
  }

  return {
    account: defaultAccount,
    customer,
    addCustomer: (options = {}) => Effect.sync(() => accounts.addCustomer(options.account ?? defaultAccount, options)),
    addAccount: (options) => Effect.sync(() => accounts.add(options)),
    seed: (options = {}) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const ticket = tickets.make({ ...options, clientId: clientIdOf(options.account) }, now)
        tickets.add(ticket)
        return ticket.ticketId
      }),
    onCreate: (options) =>
      Effect.sync(() => {
        tickets.createOptions = options
      }),
    tickets: Effect.map(Clock.currentTimeMillis, (now) => tickets.created(now)),
    complete: (ticketId, outcome) =>
      Effect.map(Clock.currentTimeMillis, (now) => tickets.complete(ticketId, outcome, now)),
    webhookSecret: webhooks.secret,
    subscribe: (target, options = {}) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const clientId = clientIdOf(options.account)
        // After the first subscription of an account, the webhooks of its pending tickets are scheduled already.
        if (!webhooks.isSubscribed(clientId)) tickets.endingAfter(clientId, now).forEach(scheduleWebhook)
        webhooks.subscribe(clientId, target, options)
      }),
    emit: (content, account) => Effect.suspend(() => webhooks.emit(clientIdOf(account), content)),
    deliveries: Effect.sync(() => webhooks.deliveries),
    setEnabled: (enabled, account) =>
      Effect.sync(() => {
        entryOf(account).enabled = enabled
      }),
    revokeTokens: (account) => Effect.sync(() => entryOf(account).tokens.clear()),
    inject: (fault, { account, on, times = 1 } = {}) =>
      Effect.sync(() =>
        faults.inject({
          fault,
          on,
          clientId: account && clientIdOf(account),
          remaining: times === "forever" ? Infinity : times
        })
      ),
    clearFaults: Effect.sync(() => faults.clear()),
    requests: Effect.sync(() => server.received()),
    count: (route) =>
      Effect.sync(() => server.received().filter((request) => route === undefined || request.route === route).length),
    handle: server.handle
  }
}
