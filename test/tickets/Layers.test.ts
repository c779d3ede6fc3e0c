import { createServer } from "node:http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  AuthService,
  AuthStaticToken,
  FetchTransport,
  IssueKey,
  Ripio,
  RipioHttp,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  TicketId
} from "../../src/index.ts"
import { Fault, Sandbox, type SandboxAccount, ScriptedHttpClient, type ScriptedReply } from "../../src/testing/index.ts"
import { within } from "../support/virtualTime.ts"
import { apiErrors } from "../support/fixtures.ts"

const ids = {
  created: TicketId.make("00000000-0000-4000-8000-000000000001"),
  failed: TicketId.make("00000000-0000-4000-8000-000000000002"),
  unknown: TicketId.make("00000000-0000-4000-8000-000000000009")
}
const issueKey = IssueKey.make("SUP-1001")

/** The program that runs unchanged on every transport. `settle` ends both tickets, once they have been polled. */
const program = (settle: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const { awaitOutcome, changes, retrieve } = yield* SupportTickets
    const schedule = Schedule.spaced("5 millis").pipe(
      Schedule.tap(({ attempt }) => (attempt === 3 ? settle : Effect.void))
    )
    const options = { schedule, deadline: "1 minute" } as const
    const first = yield* retrieve(ids.created)
    const [states, outcome] = yield* Effect.all(
      [Stream.runCollect(changes(ids.created, options)), awaitOutcome(ids.failed, options)],
      { concurrency: "unbounded" }
    )
    const { _tag, message } = yield* Effect.flip(retrieve(ids.unknown))
    return { first, states, outcome, last: yield* retrieve(ids.created), error: { _tag, about: message.slice(0, 60) } }
  })

const pending = { _tag: "Pending", ticketId: ids.created } as const
const created = { _tag: "Created", ticketId: ids.created, issueKey } as const
const expected: Effect.Success<ReturnType<typeof program>> = {
  first: pending,
  states: [pending, created],
  outcome: { _tag: "Failed", ticketId: ids.failed },
  last: created,
  error: { _tag: "NotFound", about: `This account has no ticket ${ids.unknown}: check the id`.slice(0, 60) }
}

const seeded = Sandbox.use((sandbox) =>
  Effect.as(
    Effect.all([
      sandbox.seed({ ticketId: ids.created, issueKey, outcome: "Pending" }),
      sandbox.seed({ ticketId: ids.failed, outcome: "Pending" })
    ]),
    Effect.all([sandbox.complete(ids.created, "Created"), sandbox.complete(ids.failed, "Failed")])
  )
)

/** The sandbox on a port, and the whole client on a transport of one's choice. */
const onPort = (
  client: Layer.Layer<HttpClient.HttpClient>,
  server = NodeHttpServer.layerServer(createServer, { port: 0 })
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { account } = yield* Sandbox
      const { address } = yield* HttpServer.HttpServer
      return Ripio.layer({
        environment: { baseUrl: HttpServer.formatAddress(address) },
        ...account,
        retry: Schedule.recurs(2)
      })
    })
  ).pipe(
    Layer.provide(client),
    Layer.merge(Sandbox.layerServer),
    Layer.provide(server),
    Layer.provideMerge(Sandbox.layer())
  )

const ports: ReadonlyArray<readonly [name: string, layer: ReturnType<typeof onPort>]> = [
  ["fetch", onPort(FetchTransport.layer)],
  ["undici", onPort(NodeHttpClient.layerUndici)],
  ["node:http", onPort(NodeHttpClient.layerNodeHttp)]
]

describe("the same program runs", () => {
  it.effect("on a client that answers from a script", () =>
    Effect.gen(function* () {
      let settled = false
      const scripted = yield* ScriptedHttpClient.make(({ url }): Effect.Effect<ScriptedReply> => {
        if (url.endsWith("/oauth2/token/")) {
          return Effect.succeed({ status: 200, json: { access_token: "a-token-of-the-script", expires_in: 36_000 } })
        }
        const ticketId = url.split("/").at(-2)
        if (ticketId === ids.unknown) return Effect.succeed({ status: 404, json: apiErrors.notFound })
        const [status, issueKey] = !settled
          ? ["PENDING", null]
          : ticketId === ids.failed
            ? ["FAILED", null]
            : ["CREATED", "SUP-1001"]
        return Effect.succeed({ status: 200, json: { ticketId, status, issueKey } })
      })
      const options = { environment: "production", clientId: "id", clientSecret: Redacted.make("a secret") } as const
      const settle = Effect.sync(() => (settled = true))
      const { exit } = yield* within(
        "1 minute",
        Effect.provide(program(settle), Ripio.layer(options).pipe(Layer.provide(scripted.layer)))
      )
      assert.deepStrictEqual(yield* exit, expected)
      assert.isTrue((yield* scripted.requests).every(({ url }) => url.startsWith("https://skala.ripio.com/")))
    })
  )

  it.effect("on the sandbox in process, in virtual time", () =>
    Effect.gen(function* () {
      const { after, exit } = yield* within("1 minute", program(yield* seeded))
      assert.deepStrictEqual(yield* exit, expected)
      assert.strictEqual(after, 15)
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  for (const [name, layer] of ports) {
    it.live(`on the sandbox behind a real socket, by ${name}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* program(yield* seeded), expected)
        assert.strictEqual(yield* (yield* Sandbox).count("token"), 1)
      }).pipe(Effect.provide(layer))
    )

    it.live(`and through a storm on a real socket, by ${name}`, () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const { retrieve } = yield* SupportTickets
        const settle = yield* seeded
        for (const on of ["token", "retrieve"] as const) {
          yield* sandbox.inject(Fault.gatewayHtml(502), { on })
          yield* sandbox.inject(Fault.refused, { on })
        }
        assert.deepStrictEqual(yield* retrieve(ids.created), pending)
        assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [3, 3])

        yield* sandbox.inject(Fault.reset({ afterBytes: 5 }), { on: "retrieve" })
        yield* sandbox.inject(Fault.tokensRevoked)
        yield* sandbox.inject(Fault.reset({ afterBytes: 0 }), { on: "retrieve" })
        assert.deepStrictEqual(yield* retrieve(ids.created), pending)
        assert.deepStrictEqual([yield* sandbox.count("token"), yield* sandbox.count("retrieve")], [4, 7])

        yield* sandbox.inject(Fault.unauthenticated(403), { on: "retrieve", times: 2 })
        assert.strictEqual((yield* Effect.flip(retrieve(ids.created)))._tag, "Unauthenticated")
        assert.deepStrictEqual(yield* program(settle), expected)
      }).pipe(Effect.provide(layer))
    )
  }

  it.live("on a server of the platform's own for tests", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* program(yield* seeded), expected)
    }).pipe(Effect.provide(onPort(FetchTransport.layer, NodeHttpServer.layerTest)))
  )
})

describe("SupportTickets without anything beneath it", () => {
  const mock = Layer.mock(SupportTickets, { retrieve: (ticketId) => Effect.succeed({ _tag: "Failed", ticketId }) })

  it.effect("is a mock of the methods that a test needs", () =>
    Effect.gen(function* () {
      const { retrieve } = yield* SupportTickets
      assert.deepStrictEqual(yield* retrieve(ids.failed), { _tag: "Failed", ticketId: ids.failed })
    }).pipe(Effect.provide(mock))
  )

  it.effect("which dies on any other, by its name", () =>
    Effect.gen(function* () {
      const { awaitOutcome } = yield* SupportTickets
      const exit = yield* Effect.exit(awaitOutcome(ids.failed))
      assert(Exit.isFailure(exit))
      assert.isTrue(Cause.hasDies(exit.cause))
      assert.include(Cause.pretty(exit.cause), "effect-ripio-tickets/SupportTickets")
      assert.include(Cause.pretty(exit.cause), "awaitOutcome")
    }).pipe(Effect.provide(mock))
  )
})

describe("several accounts side by side", () => {
  class Argentina extends Context.Service<Argentina, SupportTickets["Service"]>()("test/Argentina") {}
  class Brazil extends Context.Service<Brazil, SupportTickets["Service"]>()("test/Brazil") {}

  const two = Effect.gen(function* () {
    const sandbox = yield* Sandbox
    const accounts = { argentina: sandbox.account, brazil: yield* sandbox.addAccount({ clientId: "partner-br" }) }
    return {
      sandbox,
      ...accounts,
      inArgentina: yield* sandbox.seed({ account: accounts.argentina }),
      inBrazil: yield* sandbox.seed({ account: accounts.brazil })
    }
  })
  const ripio = (account: SandboxAccount) => Ripio.layer({ environment: "sandbox", ...account })
  const sandboxed = Sandbox.layerHttpClient.pipe(Layer.provideMerge(Sandbox.layer()))

  /** Who sees what: of both accounts, each of both tickets. */
  const seen = (
    argentina: SupportTickets["Service"],
    brazil: SupportTickets["Service"],
    ids: { readonly inArgentina: TicketId; readonly inBrazil: TicketId }
  ) =>
    Effect.forEach([argentina, brazil], ({ retrieve }) =>
      Effect.forEach([ids.inArgentina, ids.inBrazil], (id) =>
        Effect.match(retrieve(id), { onSuccess: ({ _tag }) => _tag, onFailure: ({ _tag }) => _tag })
      )
    )
  const apart = [
    ["Pending", "NotFound"],
    ["NotFound", "Pending"]
  ]

  it.effect("each under a name of its own, in one layer", () =>
    Effect.gen(function* () {
      const world = yield* two
      const both = Layer.merge(
        Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(ripio(world.argentina))),
        Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(ripio(world.brazil)))
      )
      const program = Effect.gen(function* () {
        return yield* seen(yield* Argentina, yield* Brazil, world)
      })
      assert.deepStrictEqual(yield* Effect.provide(program, both), apart)
      const clients = (yield* world.sandbox.requests).map(({ clientId, route }) => [route, clientId])
      assert.deepStrictEqual(
        clients.filter(([route]) => route === "token"),
        [
          ["token", world.argentina.clientId],
          ["token", "partner-br"]
        ]
      )
    }).pipe(Effect.provide(sandboxed))
  )

  it.effect("one provided within the other", () =>
    Effect.gen(function* () {
      const world = yield* two
      const program = Effect.gen(function* () {
        const argentina = yield* SupportTickets
        const brazil = yield* Effect.provide(SupportTickets, ripio(world.brazil))
        return yield* seen(argentina, brazil, world)
      })
      assert.deepStrictEqual(yield* Effect.provide(program, ripio(world.argentina)), apart)
    }).pipe(Effect.provide(sandboxed))
  )

  it.effect("on one value of the layer in between", () =>
    Effect.gen(function* () {
      const { layer, requests } = yield* ScriptedHttpClient.make(() => Effect.succeed({ status: 200, json: {} }))
      const http = RipioHttpLive.layer({ environment: "sandbox" })
      const on = (token: string) =>
        SupportTicketsLive.layer.pipe(
          Layer.provide(http),
          Layer.provide(AuthStaticToken.layer({ token: Redacted.make(token) }))
        )
      const both = Layer.merge(
        Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(on("token-ar"))),
        Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(on("token-br")))
      ).pipe(Layer.provide(layer))
      yield* Effect.gen(function* () {
        yield* Effect.exit((yield* Argentina).retrieve(ids.created))
        yield* Effect.exit((yield* Brazil).retrieve(ids.created))
      }).pipe(Effect.provide(both))
      const bearers = (yield* requests).map(({ headers }) => headers["authorization"])
      assert.deepStrictEqual(
        bearers.map((header) => (Redacted.isRedacted(header) ? Redacted.value(header) : header)),
        ["Bearer token-ar", "Bearer token-br"]
      )
    })
  )

  it.effect("put together by hand from the same parts", () =>
    Effect.gen(function* () {
      const world = yield* two
      const byHand = (token: Redacted.Redacted) =>
        SupportTicketsLive.layer.pipe(
          Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
          Layer.provide(AuthStaticToken.layer({ token }))
        )
      const tokens = yield* Effect.forEach([world.argentina, world.brazil], (account) =>
        Effect.flatMap(Effect.provide(AuthService, ripio(account)), ({ accessToken }) => accessToken)
      )
      const [one = Redacted.make("-"), two_ = Redacted.make("-")] = tokens
      const both = Layer.merge(
        Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(byHand(one))),
        Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(byHand(two_)))
      )
      const program = Effect.gen(function* () {
        return yield* seen(yield* Argentina, yield* Brazil, world)
      })
      assert.deepStrictEqual(yield* Effect.provide(program, both), apart)
    }).pipe(Effect.provide(sandboxed))
  )

  it.effect("from two configurations, each layer fresh", () =>
    Effect.gen(function* () {
      const world = yield* two
      const configured = ({ clientId, clientSecret }: SandboxAccount) =>
        Layer.fresh(Ripio.layerConfig).pipe(
          Layer.provide(
            ConfigProvider.layer(
              ConfigProvider.fromEnv({
                env: {
                  RIPIO_ENVIRONMENT: "sandbox",
                  RIPIO_CLIENT_ID: clientId,
                  RIPIO_CLIENT_SECRET: Redacted.value(clientSecret)
                }
              })
            )
          )
        )
      const both = Layer.merge(
        Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(configured(world.argentina))),
        Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(configured(world.brazil)))
      )
      const program = Effect.gen(function* () {
        return yield* seen(yield* Argentina, yield* Brazil, world)
      })
      assert.deepStrictEqual(yield* Effect.provide(program, both), apart)
    }).pipe(Effect.provide(sandboxed))
  )

  it.effect("one account whose layer is used twice has one token", () =>
    Effect.gen(function* () {
      const world = yield* two
      const shared = ripio(world.argentina)
      const both = Layer.merge(
        Layer.effect(Argentina, SupportTickets).pipe(Layer.provide(shared)),
        Layer.effect(Brazil, SupportTickets).pipe(Layer.provide(shared))
      )
      const program = Effect.gen(function* () {
        yield* (yield* Argentina).retrieve(world.inArgentina)
        yield* (yield* Brazil).retrieve(world.inArgentina)
      })
      yield* Effect.provide(program, both)
      assert.strictEqual(yield* world.sandbox.count("token"), 1)
    }).pipe(Effect.provide(sandboxed))
  )
})

describe("an AuthService of one's own", () => {
  it.effect("takes the place of ours, and is told which token was refused", () =>
    Effect.gen(function* () {
      const dropped: Array<string> = []
      const vault = ["from-the-vault", "a-newer-one"]
      const own = Layer.succeed(AuthService, {
        accessToken: Effect.sync(() => Redacted.make(vault[dropped.length] ?? "none")),
        invalidate: (stale) => Effect.sync(() => void dropped.push(Redacted.value(stale)))
      })
      const { layer, requests } = yield* ScriptedHttpClient.make([
        { status: 401, json: apiErrors.notAuthenticated },
        { status: 200, json: { ticketId: ids.failed, status: "FAILED", issueKey: null } }
      ])
      const tickets = SupportTicketsLive.layer.pipe(
        Layer.provide(RipioHttpLive.layer({ environment: "sandbox" })),
        Layer.provide([own, layer])
      )
      const { retrieve } = yield* Effect.provide(SupportTickets, tickets)
      assert.strictEqual((yield* retrieve(ids.failed))._tag, "Failed")
      assert.deepStrictEqual(dropped, ["from-the-vault"])
      assert.deepStrictEqual(
        (yield* requests).map(({ headers }) => {
          const { authorization } = headers
          return Redacted.isRedacted(authorization) ? Redacted.value(authorization) : authorization
        }),
        ["Bearer from-the-vault", "Bearer a-newer-one"]
      )
    })
  )
})

describe("Ripio.layer", () => {
  it.effect("gives all three services of one account, which share its token", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const id = yield* sandbox.seed()
      const { accessToken } = yield* AuthService
      const { execute } = yield* RipioHttp
      yield* accessToken
      yield* execute(HttpClientRequest.get(`/api/v1/supportTickets/${id}/`), {
        operation: "own",
        decode: Result.succeed
      })
      yield* (yield* SupportTickets).retrieve(id)
      assert.deepStrictEqual(
        (yield* sandbox.requests).map(({ route }) => route),
        ["token", "retrieve", "retrieve"]
      )
    }).pipe(Effect.provide(Sandbox.layerRipio()))
  )

  const options = { environment: "sandbox", clientId: "id", clientSecret: Redacted.make("secret") } as const
  it.effect.each<readonly [string, Partial<Ripio.Options>]>([
    ["baseUrl", { environment: { baseUrl: "skala.ripio.com" } }],
    ["baseUrl", { environment: { baseUrl: "ftp://skala.ripio.com" } }],
    ["baseUrl", { environment: { baseUrl: "https://user:password@skala.ripio.com" } }],
    ["baseUrl", { environment: { baseUrl: "https://skala.ripio.com/?a=b" } }],
    ["clientId", { clientId: "" }],
    ["clientSecret", { clientSecret: Redacted.make("") }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: -1 }],
    ["retry.times", { retry: { times: -1 } }],
    ["retry.times", { retry: { times: 1.5 } }],
    ["retry.base", { retry: { base: 0 } }],
    ["retry.max", { retry: { max: -1 } }]
  ])("fails with InvalidOption before anything is sent: %s, case %$", ([option, wrong]) =>
    Effect.gen(function* () {
      const { layer, requests } = yield* ScriptedHttpClient.make([])
      const built = Layer.build(Ripio.layer({ ...options, ...wrong }).pipe(Layer.provide(layer)))
      const error = yield* Effect.flip(built)
      assert.deepInclude(error, { _tag: "InvalidOption", option })
      assert.notInclude(JSON.stringify(error) + error.message, "password")
      assert.deepStrictEqual(yield* requests, [])
    })
  )
})

describe("Ripio.layerConfig", () => {
  const complete = { RIPIO_ENVIRONMENT: "sandbox", RIPIO_CLIENT_ID: "id", RIPIO_CLIENT_SECRET: "s3cr3t" }

  /** The URL of the first request, under these variables. */
  const run = (env: Record<string, string>) =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedHttpClient.make([{ status: 401 }])
      const layer = Ripio.layerConfig.pipe(
        Layer.provide(scripted.layer),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      const { accessToken } = yield* Effect.provide(AuthService, layer)
      yield* Effect.flip(accessToken)
      const [request] = yield* scripted.requests
      const authorization = request?.headers["authorization"]
      assert(Redacted.isRedacted(authorization))
      assert.strictEqual(Redacted.value(authorization), `Basic ${btoa("id:s3cr3t")}`)
      return request?.url
    })

  it.effect.each<readonly [Record<string, string>, string]>([
    [complete, "https://skala-sandbox.ripio.com/oauth2/token/"],
    [{ ...complete, RIPIO_ENVIRONMENT: "production" }, "https://skala.ripio.com/oauth2/token/"],
    [{ ...complete, RIPIO_BASE_URL: "http://localhost:8080/" }, "http://localhost:8080/oauth2/token/"],
    [
      { ...complete, RIPIO_ENVIRONMENT: "", RIPIO_BASE_URL: "https://mine.test/x" },
      "https://mine.test/x/oauth2/token/"
    ],
    [{ ...complete, RIPIO_BASE_URL: "" }, "https://skala-sandbox.ripio.com/oauth2/token/"]
  ])("reads the variables, case %$", ([env, url]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* run(env), url)
    })
  )

  it.effect.each<readonly [name: string, wrong: Record<string, string>, value: string]>([
    ["RIPIO_ENVIRONMENT", { RIPIO_ENVIRONMENT: "" }, "-"],
    ["RIPIO_ENVIRONMENT", { RIPIO_ENVIRONMENT: "prod-typo" }, "prod-typo"],
    ["RIPIO_CLIENT_ID", { RIPIO_CLIENT_ID: "" }, "-"],
    ["RIPIO_CLIENT_ID", { RIPIO_CLIENT_ID: "hush:hush" }, "hush"],
    ["RIPIO_CLIENT_SECRET", { RIPIO_CLIENT_SECRET: "" }, "-"],
    ["RIPIO_CLIENT_SECRET", { RIPIO_CLIENT_SECRET: "hush\nhush" }, "hush"],
    ["RIPIO_BASE_URL", { RIPIO_BASE_URL: "https://hush:hush@ripio.test" }, "hush"],
    ["RIPIO_BASE_URL", { RIPIO_BASE_URL: "no-url-at-all" }, "no-url-at-all"]
  ])("names the variable that is missing or wrong, and never its value: %s, case %$", ([name, wrong, value]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(run({ ...complete, ...wrong }))
      assert(Exit.isFailure(exit))
      const printed = Cause.pretty(exit.cause)
      assert.include(printed, name)
      if (value !== "-") assert.notInclude(printed.replaceAll(/^\s+at .*$/gmu, ""), value)
      assert.notInclude(printed, "s3cr3t")
    })
  )
})
