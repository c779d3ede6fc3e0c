import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  AuthService,
  AuthStaticToken,
  Ripio,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  type TicketId
} from "../../src/index.ts"
import { Sandbox, type SandboxAccount, ScriptedHttpClient } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"

class Argentina extends Context.Service<Argentina, SupportTickets["Service"]>()("test/Argentina") {}
class Brazil extends Context.Service<Brazil, SupportTickets["Service"]>()("test/Brazil") {}

/** Two accounts in one sandbox, each with a ticket. */
const twoAccounts = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const argentina = sandbox.account
  const brazil = yield* sandbox.addAccount({ clientId: "partner-br" })
  return {
    sandbox,
    argentina,
    brazil,
    inArgentina: yield* sandbox.seed({ account: argentina }),
    inBrazil: yield* sandbox.seed({ account: brazil })
  }
})

const ripio = (account: SandboxAccount) => Ripio.layer({ environment: "sandbox", ...account })

const layerSandbox = Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))

/** Both accounts, each under its service tag. */
const merged = <E, R>(argentina: Layer.Layer<SupportTickets, E, R>, brazil: Layer.Layer<SupportTickets, E, R>) =>
  Layer.merge(
    Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(argentina)),
    Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(brazil))
  )

interface Ids {
  readonly inArgentina: TicketId
  readonly inBrazil: TicketId
}

/** What an account gets for each of the two tickets: its state, or the tag of an error. */
const visible = ({ retrieve }: SupportTickets["Service"], { inArgentina, inBrazil }: Ids) => {
  const tagOf = (id: TicketId) =>
    Effect.match(retrieve(id), { onSuccess: ({ _tag }) => _tag, onFailure: ({ _tag }) => _tag })
  return Effect.all({ inArgentina: tagOf(inArgentina), inBrazil: tagOf(inBrazil) })
}

const visibleToBoth = (ids: Ids) =>
  Effect.gen(function* () {
    return { argentina: yield* visible(yield* Argentina, ids), brazil: yield* visible(yield* Brazil, ids) }
  })

const onlyOwnTickets = {
  argentina: { inArgentina: "Pending", inBrazil: "NotFound" },
  brazil: { inArgentina: "NotFound", inBrazil: "Pending" }
}

describe("several accounts in one program see only their own tickets", () => {
  it.effect("if each has its own service tag", () =>
    Effect.gen(function* () {
      const accounts = yield* twoAccounts
      const both = merged(ripio(accounts.argentina), ripio(accounts.brazil))
      assert.deepStrictEqual(yield* Effect.provide(visibleToBoth(accounts), both), onlyOwnTickets)
      const tokenRequests = (yield* accounts.sandbox.requests).filter(({ route }) => route === "token")
      assert.deepStrictEqual(
        tokenRequests.map(({ clientId }) => clientId),
        [accounts.argentina.clientId, "partner-br"]
      )
    }).pipe(Effect.provide(layerSandbox))
  )

  it.effect("if one is provided within the other", () =>
    Effect.gen(function* () {
      const accounts = yield* twoAccounts
      const program = Effect.gen(function* () {
        const argentina = yield* SupportTickets
        const brazil = yield* Effect.provide(SupportTickets, ripio(accounts.brazil))
        return { argentina: yield* visible(argentina, accounts), brazil: yield* visible(brazil, accounts) }
      })
      assert.deepStrictEqual(yield* Effect.provide(program, ripio(accounts.argentina)), onlyOwnTickets)
    }).pipe(Effect.provide(layerSandbox))
  )

  it.effect("if they are composed from the same parts, with a token each", () =>
    Effect.gen(function* () {
      const accounts = yield* twoAccounts
      const tokenOf = (account: SandboxAccount) =>
        Effect.flatMap(Effect.provide(AuthService, ripio(account)), ({ accessToken }) => accessToken)
      const composed = (token: Redacted.Redacted) =>
        SupportTicketsLive.layer.pipe(
          Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
          Layer.provide(AuthStaticToken.layer({ token }))
        )
      const both = merged(composed(yield* tokenOf(accounts.argentina)), composed(yield* tokenOf(accounts.brazil)))
      assert.deepStrictEqual(yield* Effect.provide(visibleToBoth(accounts), both), onlyOwnTickets)
    }).pipe(Effect.provide(layerSandbox))
  )

  it.effect("if each reads another ConfigProvider", () =>
    Effect.gen(function* () {
      const accounts = yield* twoAccounts
      const configured = ({ clientId, clientSecret }: SandboxAccount) => {
        const env = {
          RIPIO_ENVIRONMENT: "sandbox",
          RIPIO_CLIENT_ID: clientId,
          RIPIO_CLIENT_SECRET: Redacted.value(clientSecret)
        }
        return Ripio.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
      }
      const both = merged(configured(accounts.argentina), configured(accounts.brazil))
      assert.deepStrictEqual(yield* Effect.provide(visibleToBoth(accounts), both), onlyOwnTickets)
    }).pipe(Effect.provide(layerSandbox))
  )
})

describe("layers that several clients share", () => {
  it.effect("keep the tokens of two accounts apart, if it is the layer of RipioHttp", () =>
    Effect.gen(function* () {
      const { layer, requests } = yield* ScriptedHttpClient.make(() => Effect.succeed({ status: 200, json: {} }))
      const http = RipioHttpLive.layer({ environment: "sandbox" })
      const withToken = (token: string) =>
        SupportTicketsLive.layer.pipe(
          Layer.provide(http),
          Layer.provide(AuthStaticToken.layer({ token: Redacted.make(token) }))
        )
      const both = merged(withToken("token-ar"), withToken("token-br")).pipe(Layer.provide(layer))
      yield* Effect.gen(function* () {
        yield* Effect.exit((yield* Argentina).retrieve(ticketId))
        yield* Effect.exit((yield* Brazil).retrieve(ticketId))
      }).pipe(Effect.provide(both))
      const authorizations = (yield* requests).map(({ headers }) => headers["authorization"])
      assert.deepStrictEqual(
        authorizations.map((header) => (Redacted.isRedacted(header) ? Redacted.value(header) : header)),
        ["Bearer token-ar", "Bearer token-br"]
      )
    })
  )

  it.effect("are one client with one token, if it is the layer of one account", () =>
    Effect.gen(function* () {
      const accounts = yield* twoAccounts
      const shared = ripio(accounts.argentina)
      const program = Effect.gen(function* () {
        assert.strictEqual(yield* Argentina, yield* Brazil)
        yield* (yield* Argentina).retrieve(accounts.inArgentina)
        yield* (yield* Brazil).retrieve(accounts.inArgentina)
      })
      yield* Effect.provide(program, merged(shared, shared))
      assert.strictEqual(yield* accounts.sandbox.count("token"), 1)
    }).pipe(Effect.provide(layerSandbox))
  )
})
