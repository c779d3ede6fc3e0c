import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Redacted from "effect/Redacted"
import {
  AuthClientCredentials,
  RipioHttpLive,
  SupportTickets,
  SupportTicketsLive,
  type TicketEvent,
  TicketInbox,
  TicketInboxLive,
  TicketWebhookHandler,
  TicketWebhooks,
  TicketWebhooksLive
} from "../../src/index.ts"
import { Fault, Sandbox, signWebhook } from "../../src/testing/index.ts"
import { ticketId } from "../support/fixtures.ts"
import { newTicket } from "../support/newTicket.ts"
import { untyped } from "../support/untyped.ts"
import { failedTicket, secret } from "./fixtures.ts"
import { post, url, webhooks } from "./receivers.ts"
import { recordLog } from "./recordLog.ts"

const lifetimes = ["process", "request"] as const

/** A genuine webhook of now. */
const genuine = () => Effect.runPromise(signWebhook(failedTicket, { secret })).then(post)
const forged = () =>
  Effect.runPromise(signWebhook(failedTicket, { secret: Redacted.make("a secret of a forger") })).then(post)

/** The webhook layer, with the number of times that it was built and closed. */
const counted = () => {
  const counts = { built: 0, closed: 0 }
  const layer = Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.sync(() => void counts.built++),
      () => Effect.sync(() => void counts.closed++)
    )
  ).pipe(Layer.provideMerge(webhooks))
  return { counts, layer }
}

const ignore = () => Effect.void

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

describe("TicketWebhookHandler.fromLayer", () => {
  for (const lifetime of lifetimes) {
    it(`with lifetime "${lifetime}" builds nothing before the first webhook`, async () => {
      const { counts, layer } = counted()
      const handle = TicketWebhookHandler.fromLayer(layer, ignore, { lifetime })
      assert.strictEqual((await handle(new Request(url))).status, 405)
      assert.strictEqual(counts.built, 0)
      assert.strictEqual((await handle(await genuine())).status, 200)
      assert.strictEqual(counts.built, 1)
      await handle.dispose()
    })

    it(`with lifetime "${lifetime}" responds 503 while the layer cannot be built, and builds it for a later webhook`, async () => {
      const env: Record<string, string> = {}
      const errors: Array<string> = []
      const layer = Layer.suspend(() => TicketWebhooksLive.layerConfig.pipe(Layer.provide(provider(env)))).pipe(
        Layer.tapError((error) => Effect.sync(() => errors.push(error._tag)))
      )
      const handle = TicketWebhookHandler.fromLayer(layer, ignore, { lifetime })
      assert.strictEqual((await handle(await genuine())).status, 503)
      env["RIPIO_WEBHOOK_SECRETS"] = Redacted.value(secret)
      assert.strictEqual((await handle(await genuine())).status, 200)
      assert.deepStrictEqual(errors, ["ConfigError"])
      await handle.dispose()
    })

    it(`with lifetime "${lifetime}" does not handle a forged webhook, and logs one line for many`, async () => {
      const { layer, lines } = recordLog()
      const events: Array<TicketEvent> = []
      const handle = TicketWebhookHandler.fromLayer(
        Layer.merge(webhooks, layer),
        (event) => Effect.sync(() => events.push(event)),
        { lifetime }
      )
      for (let index = 0; index < 5; index++) assert.strictEqual((await handle(await forged())).status, 401)
      assert.strictEqual(events.length, 0)
      assert.strictEqual(lines.length, 1)
      await handle.dispose()
    })

    it(`with lifetime "${lifetime}" responds 503 if onEvent fails or takes too long`, async () => {
      const { layer } = recordLog()
      const fails = TicketWebhookHandler.fromLayer(Layer.merge(webhooks, layer), () => Effect.fail("full"), {
        lifetime
      })
      assert.strictEqual((await fails(await genuine())).status, 503)
      const hangs = TicketWebhookHandler.fromLayer(Layer.merge(webhooks, layer), () => Effect.never, {
        lifetime,
        timeout: 20
      })
      assert.strictEqual((await hangs(await genuine())).status, 503)
      await Promise.all([fails.dispose(), hangs.dispose()])
    })
  }

  it("responds 503 to every webhook if an option is invalid", async () => {
    const { counts, layer } = counted()
    const options: ReadonlyArray<unknown> = [{ lifetime: "forever" }, { lifetime: 1 }, { timeout: -1 }]
    for (const invalid of options) {
      const handle = TicketWebhookHandler.fromLayer(layer, ignore, untyped(invalid))
      assert.strictEqual((await handle(await genuine())).status, 503)
      await handle.dispose()
    }
    assert.strictEqual(counts.closed, counts.built)
  })
})

const provider = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

describe('lifetime "process"', () => {
  it("builds the layer once for concurrent webhooks, and closes it with dispose", async () => {
    const { counts, layer } = counted()
    const handle = TicketWebhookHandler.fromLayer(layer, ignore)
    const requests = await Promise.all(Array.from({ length: 20 }, genuine))
    const responses = await Promise.all(requests.map((request) => handle(request)))
    assert.isTrue(responses.every(({ status }) => status === 200))
    assert.deepStrictEqual(counts, { built: 1, closed: 0 })
    await handle.dispose()
    assert.deepStrictEqual(counts, { built: 1, closed: 1 })
    assert.strictEqual((await handle(await genuine())).status, 503)
    assert.strictEqual(counts.built, 1)
  })

  it("runs an inbox in memory and its handler between requests", async () => {
    const handled: Array<string> = []
    const worker = TicketInboxLive.handler((event) => Effect.sync(() => handled.push(event.dedupeKey)))
    const handle = TicketWebhookHandler.fromLayer(
      Layer.merge(webhooks, worker.pipe(Layer.provideMerge(TicketInboxLive.layer()))),
      TicketInbox.offer
    )
    for (let index = 0; index < 3; index++) assert.strictEqual((await handle(await genuine())).status, 200)
    while (handled.length === 0) await sleep(1)
    await sleep(20)
    assert.strictEqual(handled.length, 1)
    await handle.dispose()
  })
})

describe('lifetime "request"', () => {
  it("builds and closes the layer for each webhook, before the response", async () => {
    const { counts, layer } = counted()
    const handle = TicketWebhookHandler.fromLayer(layer, ignore, { lifetime: "request" })
    for (const count of [1, 2, 3]) {
      assert.strictEqual((await handle(await genuine())).status, 200)
      assert.deepStrictEqual(counts, { built: count, closed: count })
    }
    await handle.dispose()
    assert.strictEqual((await handle(await genuine())).status, 200)
  })

  it("shares nothing between two webhooks that run at the same time", async () => {
    const { counts, layer } = counted()
    const seen = new Set<unknown>()
    const handle = TicketWebhookHandler.fromLayer(
      layer,
      () =>
        Effect.andThen(
          TicketWebhooks.useSync((service) => seen.add(service)),
          Effect.sleep(20)
        ),
      { lifetime: "request" }
    )
    await Promise.all([handle(await genuine()), handle(await genuine())])
    assert.deepStrictEqual(counts, { built: 2, closed: 2 })
    assert.strictEqual(seen.size, 2)
  })

  it("refuses an inbox in memory with InvalidOption, wherever it is in the layer", async () => {
    const inbox = TicketInboxLive.layer()
    const worker = TicketInboxLive.handler(ignore)
    for (const layer of [
      Layer.merge(webhooks, inbox),
      Layer.merge(webhooks, worker.pipe(Layer.provideMerge(inbox))),
      Layer.merge(webhooks, Layer.effect(TicketInbox, TicketInbox).pipe(Layer.provide(inbox)))
    ]) {
      const errors: Array<unknown> = []
      const handle = TicketWebhookHandler.fromLayer(
        layer.pipe(Layer.tapError((error) => Effect.sync(() => errors.push(error)))),
        TicketInbox.offer,
        { lifetime: "request" }
      )
      assert.strictEqual((await handle(await genuine())).status, 503)
      assert.strictEqual(errors.length, 1)
      assert.include(String(errors[0]), "InvalidOption")
      assert.include(String(errors[0]), "an inbox in memory")
    }
  })

  it("accepts an inbox on a store, where another process handles the event", async () => {
    const store = Layer.succeedContext(
      await Effect.runPromise(Effect.scoped(Layer.build(PersistedQueue.layerStoreMemory)))
    )
    const inbox = TicketInboxLive.layerStore().pipe(Layer.provide(store))
    const handle = TicketWebhookHandler.fromLayer(Layer.merge(webhooks, inbox), TicketInbox.offer, {
      lifetime: "request"
    })
    for (let index = 0; index < 3; index++) assert.strictEqual((await handle(await genuine())).status, 200)
    const handled: Array<string> = []
    await Effect.runPromise(
      TicketInbox.use(({ handle }) =>
        Effect.raceFirst(
          handle((event) => Effect.sync(() => handled.push(event.dedupeKey))),
          Effect.sleep(100)
        )
      ).pipe(Effect.provide(inbox))
    )
    assert.strictEqual(handled.length, 1)
  })

  for (const hasWaitUntil of [false, true]) {
    const how = hasWaitUntil ? "hands it to waitUntil" : "waits for it before the response"
    it.live(`finishes a create in flight whose caller was interrupted: ${how}`, () =>
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const { layer: log, lines } = recordLog()
        const { context, handedOver } = platform()
        // The response to the create takes 300 ms, and onEvent has 100 ms.
        yield* sandbox.inject(Fault.latency("300 millis"), { on: "create" })
        const handle = TicketWebhookHandler.fromLayer(
          Layer.mergeAll(webhooks, log, yield* client),
          () => SupportTickets.use(({ create }) => create(newTicket({ customerId: sandbox.customer }))),
          { lifetime: "request", timeout: 100 }
        )
        const response = yield* Effect.promise(async () =>
          handle(await genuine(), hasWaitUntil ? context : withoutWaitUntil)
        )
        assert.strictEqual(response.status, 503)
        const isFinished = () => lines.some((line) => line.includes("the API carried it out"))
        yield* sandbox.awaitRequests("create", 1)
        if (hasWaitUntil) {
          assert.strictEqual(handedOver.length, 1)
          assert.isFalse(isFinished())
          yield* Effect.promise(() => Promise.all(handedOver))
        }
        assert.isTrue(isFinished(), lines.join("\n"))
        assert.strictEqual(yield* sandbox.count("create"), 1)
      }).pipe(Effect.provide(Sandbox.layer()))
    )
  }

  it.live("finishes the renewal of a shared token, so that the next webhook uses it", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      const { context, handedOver } = platform()
      const handle = TicketWebhookHandler.fromLayer(
        Layer.merge(webhooks, yield* client),
        () => SupportTickets.use(({ retrieve }) => Effect.ignore(retrieve(ticketId))),
        { lifetime: "request" }
      )
      const receive = Effect.promise(async () => handle(await genuine(), context))
      yield* receive
      assert.strictEqual(yield* sandbox.count("token"), 1)
      // The token lasts 2 s: the renewal is due after 1 s, and certain after 1.84 s.
      yield* Effect.sleep("1880 millis")
      yield* sandbox.inject(Fault.latency("100 millis"), { on: "token" })
      yield* receive
      yield* Effect.promise(() => Promise.all(handedOver))
      assert.strictEqual(yield* sandbox.count("token"), 2)
      yield* Effect.all([receive, receive], { concurrency: "unbounded" })
      assert.strictEqual(yield* sandbox.count("token"), 2)
    }).pipe(Effect.provide(Sandbox.layer({ tokenLifetime: "2 seconds" })))
  )

  it.live("does not make a webhook wait for the token request of another", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox
      yield* sandbox.inject(Fault.latency("2 seconds"), { on: "token" })
      const handle = TicketWebhookHandler.fromLayer(
        Layer.merge(webhooks, yield* client),
        () => SupportTickets.use(({ retrieve }) => Effect.ignore(retrieve(ticketId))),
        { lifetime: "request" }
      )
      const first = handle(yield* Effect.promise(genuine))
      yield* sandbox.awaitRequests("token", 1)
      const second = yield* Effect.timed(Effect.promise(async () => handle(await genuine())))
      assert.isBelow(Duration.toMillis(second[0]), 1500)
      assert.strictEqual(yield* sandbox.count("token"), 2)
      yield* Effect.promise(() => first)
    }).pipe(Effect.provide(Sandbox.layer()))
  )
})

/** The client of the sandbox's account, with its token in a store that outlives the layer. */
const client = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const store = Layer.succeed(
    KeyValueStore.KeyValueStore,
    Context.get(yield* Layer.build(KeyValueStore.layerMemory), KeyValueStore.KeyValueStore)
  )
  const environment = { baseUrl: "https://ripio.test" }
  return SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ environment })),
    Layer.provide(AuthClientCredentials.layerStore({ environment, ...sandbox.account })),
    Layer.provide([store, Sandbox.layerHttpClient.pipe(Layer.provide(Layer.succeed(Sandbox, sandbox)))])
  )
})

/** The context of a server that ends no program, such as that of a route of Next.js. */
const withoutWaitUntil = { params: {} }

/** The context of a platform whose `waitUntil` needs its `this`, as that of Cloudflare Workers does. */
const platform = () => {
  const handedOver: Array<Promise<unknown>> = []
  const context = {
    waitUntil(this: unknown, promise: Promise<unknown>) {
      if (this !== context) throw new TypeError("Illegal invocation")
      handedOver.push(promise)
    }
  }
  return { context, handedOver }
}
