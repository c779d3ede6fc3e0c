import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { createHmac } from "node:crypto"
import { CustomerId, IssueKey, SupportTicket, TicketId } from "../../src/index.ts"
import {
  Fault,
  type OutcomeOptions,
  Sandbox,
  type SandboxAccount,
  type SandboxOptions,
  type SandboxWebhookOptions,
  ScriptedHttpClient,
  type ScriptedReply,
  type SeedOptions,
  signWebhook,
  type SignWebhookOptions
} from "../../src/testing/index.ts"
import { onSandbox } from "../support/harness.ts"

/** Every key of an options type with the value `undefined`: a key that a test leaves out does not compile. */
type AllUndefined<Options> = { readonly [Key in keyof Options]-?: undefined }

type Method = "addAccount" | "addCustomer" | "inject"

/** The options of a method, which are its last parameter. */
type OptionsOf<Name extends Method> =
  Required<Parameters<Sandbox["Service"][Name]>> extends readonly [...unknown[], infer Options] ? Options : never

const ticketId = TicketId.make("00000000-0000-4000-8000-000000000001")
const created = { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1001") } as const
const text = { summary: "A deposit is missing", description: "Since Monday." }

const requestToken = (account: SandboxAccount) =>
  HttpClientRequest.post("https://ripio.test/oauth2/token/").pipe(
    HttpClientRequest.basicAuth(account.clientId, account.clientSecret),
    HttpClientRequest.bodyUrlParams({ grant_type: "client_credentials" }),
    HttpClient.execute,
    Effect.flatMap(({ json }) => json),
    Effect.map((json) => json as { readonly accessToken?: string; readonly expiresIn?: number })
  )

describe("explicit undefined selects the default of", () => {
  const sandboxOptions: AllUndefined<SandboxOptions> = {
    seed: undefined,
    tokenLifetime: undefined,
    tokenResponseCase: undefined
  }

  it.effect("SandboxOptions: tokens live ten hours, names in camelCase", () =>
    Effect.gen(function* () {
      const { account } = yield* Sandbox
      const token = yield* requestToken(account)
      assert.hasAllKeys(token, ["accessToken", "expiresIn", "tokenType", "scope"])
      assert.propertyVal(token, "expiresIn", 36_000)
    }).pipe(Effect.provide(Sandbox.layerHttpClient), Effect.provide(Sandbox.layer(sandboxOptions)))
  )

  it.effect("addAccount: generated credentials, support tickets enabled", () =>
    onSandbox(({ sandbox }) =>
      Effect.gen(function* () {
        const options: AllUndefined<OptionsOf<"addAccount">> = {
          clientId: undefined,
          clientSecret: undefined,
          enabled: undefined
        }
        const account = yield* sandbox.addAccount(options)
        assert.strictEqual(account.clientId, "sandbox-client-2")
        assert.strictEqual(Redacted.value(account.clientSecret), "sandbox-secret-2")
        const ticket = yield* sandbox.seed({ account })
        const { status } = yield* Effect.flatMap(requestToken(account), ({ accessToken = "" }) =>
          HttpClientRequest.get(`https://ripio.test/api/v1/supportTickets/${ticket}/`).pipe(
            HttpClientRequest.bearerToken(accessToken),
            HttpClient.execute
          )
        ).pipe(Effect.provide(Sandbox.layerHttpClient), Effect.provideService(Sandbox, sandbox))
        assert.strictEqual(status, 200)
      })
    )
  )

  it.effect("addCustomer: a new customer of the default account, with an email address", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const options: AllUndefined<OptionsOf<"addCustomer">> = {
            account: undefined,
            customerId: undefined,
            email: undefined
          }
          const customerId = yield* sandbox.addCustomer(options)
          assert.strictEqual(customerId, CustomerId.make("00000000-0000-4000-9000-000000000002"))
          assert.strictEqual((yield* tickets.create({ customerId, ...text })).ticketId, ticketId)
        }),
      { seed: 0 }
    )
  )

  it.effect("seed: a ticket of the default account, created after 3 seconds", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const options: AllUndefined<SeedOptions> = {
            account: undefined,
            after: undefined,
            issueKey: undefined,
            outcome: undefined,
            ticketId: undefined
          }
          assert.strictEqual(yield* sandbox.seed(options), ticketId)
          yield* TestClock.adjust(2999)
          assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Pending")
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* tickets.retrieve(ticketId), created)
        }),
      { seed: 0 }
    )
  )

  it.effect("onCreate: created after 3 seconds, also after a call with other options", () =>
    onSandbox(
      ({ sandbox, tickets }) =>
        Effect.gen(function* () {
          const options: AllUndefined<OutcomeOptions> = { after: undefined, outcome: undefined }
          yield* sandbox.onCreate({ outcome: "Failed", after: 0 })
          yield* sandbox.onCreate(options)
          yield* tickets.create({ customerId: sandbox.customer, ...text })
          yield* TestClock.adjust(2999)
          assert.strictEqual((yield* tickets.retrieve(ticketId))._tag, "Pending")
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* tickets.retrieve(ticketId), created)
        }),
      { seed: 0 }
    )
  )

  it.effect("inject: one request, to any endpoint, of any account", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const options: AllUndefined<OptionsOf<"inject">> = { account: undefined, on: undefined, times: undefined }
      yield* sandbox.inject(Fault.status(503), options)
      const status = Effect.map(HttpClient.get("https://ripio.test/elsewhere/"), (response) => response.status)
      assert.deepStrictEqual([yield* status, yield* status], [503, 404])
    }).pipe(Effect.provide(Sandbox.layerHttpClient), Effect.provide(Sandbox.layer()))
  )

  it.effect("subscribe: one delivery at the end, signed with webhookSecret, with five retries", () =>
    onSandbox(
      ({ sandbox }) =>
        Effect.gen(function* () {
          const options: AllUndefined<SandboxWebhookOptions> = {
            account: undefined,
            delay: undefined,
            forge: undefined,
            reorderWindow: undefined,
            retries: undefined,
            secret: undefined,
            times: undefined
          }
          const received: Array<{ readonly signature: string | null; readonly body: Uint8Array }> = []
          const handler = async (request: Request) => {
            received.push({
              signature: request.headers.get("http-x-wh-signature-256"),
              body: new Uint8Array(await request.arrayBuffer())
            })
            return new Response(null, { status: 503 })
          }
          yield* sandbox.subscribe(handler, options)
          yield* sandbox.seed()
          yield* TestClock.adjust("3 seconds")
          yield* sandbox.awaitDeliveries(1)
          assert.deepStrictEqual(yield* sandbox.deliveries, [
            { at: 3000, content: created, attempt: 1, forged: false, status: 503 }
          ])
          for (const attempt of [2, 3, 4, 5, 6]) {
            yield* TestClock.adjust("1 hour")
            yield* sandbox.awaitDeliveries(attempt)
          }
          yield* TestClock.adjust("1 day")
          assert.deepStrictEqual(
            (yield* sandbox.deliveries).map(({ attempt, forged }) => [attempt, forged]),
            [1, 2, 3, 4, 5, 6].map((attempt) => [attempt, false])
          )
          const secret = Redacted.value(sandbox.webhookSecret)
          assert.strictEqual(received.length, 6)
          for (const { body, signature } of received) {
            assert.strictEqual(signature, `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`)
          }
        }),
      { seed: 0 }
    )
  )

  it("the constructors of Fault", () => {
    assert.deepStrictEqual(Fault.rateLimited({ retryAfter: undefined }), Fault.rateLimited())
    assert.deepStrictEqual(Fault.status(500, { body: undefined, retryAfter: undefined }), Fault.status(500))
    assert.deepStrictEqual(Fault.body({}, { contentType: undefined, status: undefined }), Fault.body({}))
    assert.deepStrictEqual(Fault.unauthenticated(undefined), Fault.unauthenticated(401))
  })

  it.effect("stored of a fault: as the kind of the fault", () =>
    onSandbox(({ sandbox, tickets }) =>
      Effect.gen(function* () {
        const create = Effect.exit(tickets.create({ customerId: sandbox.customer, ...text }))
        yield* sandbox.inject({ ...Fault.status(500), stored: undefined }, { on: "create" })
        yield* create
        assert.strictEqual((yield* sandbox.tickets).length, 0)
        yield* sandbox.inject({ ...Fault.dropped, stored: undefined }, { on: "create" })
        yield* create
        assert.strictEqual((yield* sandbox.tickets).length, 1)
      })
    )
  )

  it.effect("a scripted reply: no headers, an empty body", () =>
    Effect.gen(function* () {
      const reply: ScriptedReply = { status: 200, headers: undefined, json: undefined, text: undefined }
      const scripted = yield* ScriptedHttpClient.make([reply, { status: 200 }, { ...reply, text: "text" }])
      const get = Effect.flatMap(HttpClient.get("https://api.test/"), ({ headers, text }) =>
        Effect.map(text, (body) => ({ headers: { ...headers }, body }))
      ).pipe(Effect.provide(scripted.layer))
      const explicit = yield* get
      assert.strictEqual(explicit.body, "")
      assert.deepStrictEqual(explicit, yield* get)
      assert.strictEqual((yield* get).body, "text")
    })
  )

  it.effect("signWebhook: issued now, in the documented header", () =>
    Effect.gen(function* () {
      const options: AllUndefined<Omit<SignWebhookOptions, "secret">> = { header: undefined, issuedAt: undefined }
      yield* TestClock.setTime(Date.parse("2026-06-26T14:30:00.000Z"))
      const failed = SupportTicket.cases.Failed.make({ ticketId })
      const { body, headers } = yield* signWebhook(failed, { secret: Redacted.make("a secret"), ...options })
      assert.hasAllKeys(headers, ["content-type", "Http-X-Wh-Signature-256"])
      assert.include(new TextDecoder().decode(body), '"issueDatetime":"2026-06-26T14:30:00.000Z"')
    })
  )
})
