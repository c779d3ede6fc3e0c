import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { AuthClientCredentials, AuthService } from "../../src/index.ts"
import { Fault, Sandbox, type SandboxAccount, ScriptedHttpClient } from "../../src/testing/index.ts"
import * as canary from "../support/canary.ts"
import { collectLogs } from "../support/collectLogs.ts"
import { tokenResponse } from "../support/replies.ts"
import * as sqlite from "../support/sqlite.ts"

const minutes = 60_000

/** A store in memory that a test can read, change and break. */
const makeStore = () => {
  const entries = new Map<string, string>()
  const calls = { get: 0, set: 0 }
  let failure: (() => Effect.Effect<never, KeyValueStore.KeyValueStoreError>) | undefined
  const store = KeyValueStore.makeStringOnly({
    get: (key) =>
      Effect.suspend(() => {
        calls.get++
        return failure?.() ?? Effect.succeed(entries.get(key))
      }),
    set: (key, value) =>
      Effect.suspend(() => {
        calls.set++
        return failure?.() ?? Effect.sync(() => void entries.set(key, value))
      }),
    remove: (key) => Effect.sync(() => void entries.delete(key)),
    clear: Effect.sync(() => entries.clear()),
    size: Effect.sync(() => entries.size),
    keys: Effect.sync(() => [...entries.keys()])
  })
  return {
    entries,
    calls,
    fail: (how: typeof failure) => {
      failure = how
    },
    layer: Layer.succeed(KeyValueStore.KeyValueStore, store)
  }
}

type Entry = readonly [name: string, entry: string]

/** The first two entries of a store. */
const entriesOf = (entries: ReadonlyMap<string, string>): readonly [Entry, Entry] => {
  const [one = ["", ""], other = ["", ""]] = entries
  return [one, other]
}

interface IsolateOptions extends Partial<SandboxAccount> {
  readonly store: Layer.Layer<KeyValueStore.KeyValueStore>
}

/** `AuthService` of one process, in the scope of the test or in one that the test closes. */
const isolate = Effect.fnUntraced(function* ({ store, ...account }: IsolateOptions) {
  const sandbox = yield* Sandbox
  const layer = AuthClientCredentials.layerStore({
    environment: { baseUrl: "https://ripio.test" },
    ...sandbox.account,
    ...account
  }).pipe(Layer.provide([store, Sandbox.layerHttpClient]))
  const service = Context.get(yield* Layer.build(layer), AuthService)
  return { ...service, token: Effect.map(service.accessToken, Redacted.value) }
})

const tokenRequests = Sandbox.use((sandbox) => sandbox.count("token"))

const onSandbox = <A, E>(test: Effect.Effect<A, E, Sandbox | Scope.Scope>, tokenLifetime = 10 * minutes) =>
  test.pipe(Effect.scoped, Effect.provide(Sandbox.layer({ tokenLifetime })), Random.withSeed("shared token"))

describe("the token in a store", () => {
  it.effect("is requested by one process and used by the others", () =>
    onSandbox(
      Effect.gen(function* () {
        const { calls, layer } = makeStore()
        const tokens: Array<string> = []
        for (let index = 0; index < 20; index++) {
          const { token } = yield* isolate({ store: layer })
          tokens.push(yield* token, yield* token)
        }
        assert.strictEqual(new Set(tokens).size, 1)
        assert.strictEqual(yield* tokenRequests, 1)
        // The second call of a process does not read the store.
        assert.deepStrictEqual(calls, { get: 20, set: 1 })
      })
    )
  )

  it.effect("is shared through a table of a database", () =>
    onSandbox(
      Effect.gen(function* () {
        const store = KeyValueStore.layerSql({ table: "ripio_tokens" }).pipe(Layer.provide(sqlite.layer(":memory:")))
        const shared = Layer.succeedContext(yield* Layer.build(store))
        const first = yield* isolate({ store: shared })
        const second = yield* isolate({ store: shared })
        assert.strictEqual(yield* first.token, yield* second.token)
        assert.strictEqual(yield* tokenRequests, 1)
      })
    )
  )

  it.effect("is not used after it has expired", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer } = makeStore()
        const first = yield* (yield* isolate({ store: layer })).token
        yield* TestClock.adjust(10 * minutes)
        const second = yield* (yield* isolate({ store: layer })).token
        assert.notStrictEqual(second, first)
        assert.strictEqual(yield* tokenRequests, 2)
      })
    )
  )

  it.effect("keeps its age, whenever a process begins to use it", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer } = makeStore()
        yield* (yield* isolate({ store: layer })).token
        yield* TestClock.adjust(8 * minutes)
        const late = yield* isolate({ store: layer })
        const first = yield* late.token
        yield* TestClock.adjust(2 * minutes)
        assert.notStrictEqual(yield* late.token, first)
      })
    )
  )

  it.effect("is replaced for all processes when the API refuses it", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer } = makeStore()
        const one = yield* isolate({ store: layer })
        const other = yield* isolate({ store: layer })
        const refused = yield* one.accessToken
        yield* other.accessToken
        yield* one.invalidate(refused)
        const next = yield* one.token
        assert.notStrictEqual(next, Redacted.value(refused))
        yield* other.invalidate(refused)
        assert.strictEqual(yield* other.token, next)
        assert.strictEqual(yield* tokenRequests, 2)
      })
    )
  )

  it.effect("belongs to one account: base URL and client id", () =>
    onSandbox(
      Effect.gen(function* () {
        const { entries, layer } = makeStore()
        const sandbox = yield* Sandbox
        const brazil = yield* sandbox.addAccount({ clientId: "partner-br" })
        const ar = yield* (yield* isolate({ store: layer })).token
        const br = yield* (yield* isolate({ store: layer, ...brazil })).token
        assert.notStrictEqual(br, ar)
        assert.strictEqual(entries.size, 2)

        // An entry under the name of the other account is not decrypted, even with the same client secret.
        const [[arName, arEntry], [brName]] = entriesOf(entries)
        entries.set(brName, arEntry)
        assert.notStrictEqual(yield* (yield* isolate({ store: layer, ...brazil })).token, ar)
        entries.set(arName, entries.get(brName) ?? "")
        assert.notStrictEqual(yield* (yield* isolate({ store: layer })).token, br)
        assert.strictEqual(yield* tokenRequests, 4)
      })
    )
  )
})

describe("a hundred processes in the last minute of a token", () => {
  const withWorn = Effect.fnUntraced(function* (seconds: number) {
    const store = makeStore()
    const first = yield* isolate({ store: store.layer })
    const old = yield* first.token
    yield* TestClock.adjust(10 * minutes - seconds * 1000)
    return { ...store, old }
  })

  it.effect("request a handful of tokens, if all are running and call every second", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer, old } = yield* withWorn(70)
        const isolates = yield* Effect.forEach(Array.from({ length: 100 }), () => isolate({ store: layer }))
        const used = new Set<string>()
        for (let second = 0; second < 70; second++) {
          for (const { token } of isolates) used.add(yield* token)
          // The background of each call: the store, WebCrypto and the token endpoint do not wait for the clock.
          yield* settled
          yield* TestClock.adjust("1 second")
        }
        yield* settled
        const requests = (yield* tokenRequests) - 1
        assert.isAtLeast(requests, 1)
        assert.isAtMost(requests, 6)
        // Each process has a new token before the old one expires.
        const last = yield* Effect.forEach(isolates, ({ token }) => token)
        assert.notInclude(last, old)
        assert.strictEqual((yield* tokenRequests) - 1, requests)
        assert.isAtMost(used.size, 1 + requests)
      })
    )
  )

  it.effect("request a handful of tokens, if they start one after the other", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer } = yield* withWorn(60)
        for (let index = 0; index < 100; index++) {
          yield* (yield* isolate({ store: layer })).token
          yield* settled
          yield* TestClock.adjust(600)
        }
        yield* settled
        const requests = (yield* tokenRequests) - 1
        assert.isAtLeast(requests, 1)
        assert.isAtMost(requests, 6)
      })
    )
  )

  it.effect("request a handful of tokens, if all start at the same moment", () =>
    onSandbox(
      Effect.gen(function* () {
        const { layer, old } = yield* withWorn(30)
        const isolates = yield* Effect.forEach(Array.from({ length: 100 }), () => isolate({ store: layer }))
        const tokens = yield* Effect.forEach(isolates, ({ token }) => token, { concurrency: "unbounded" })
        // No call waits for the renewal.
        assert.deepStrictEqual([...new Set(tokens)], [old])
        for (let step = 0; step < 100; step++) {
          yield* settled
          yield* TestClock.adjust(10)
        }
        yield* settled
        const requests = (yield* tokenRequests) - 1
        assert.isAtLeast(requests, 1)
        assert.isAtMost(requests, 6)
      })
    )
  )
})

/** Lets what runs in the background go on until it waits for the clock. */
const settled = Effect.promise(async () => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
})

describe("an entry of the store", () => {
  it.effect("shows neither the token, nor the credentials, nor the account", () =>
    Effect.gen(function* () {
      const { entries, layer } = makeStore()
      const scripted = yield* ScriptedHttpClient.make([tokenResponse(canary.token("A"))])
      const credentials = {
        environment: { baseUrl: "https://ripio.test" },
        clientId: canary.clientId,
        clientSecret: Redacted.make(canary.clientSecret)
      }
      const { accessToken } = Context.get(
        yield* Layer.build(AuthClientCredentials.layerStore(credentials).pipe(Layer.provide([layer, scripted.layer]))),
        AuthService
      )
      assert.strictEqual(Redacted.value(yield* accessToken), canary.token("A"))
      const [[name, entry]] = entriesOf(entries)
      const bytes = Result.getOrThrow(Base64Url.decode(entry.replace("v1.", "")))
      for (const text of [name, entry, new TextDecoder("latin1").decode(bytes)]) {
        assert.deepStrictEqual(canary.sightings(text), [])
        for (const part of [canary.clientId, Base64.encode(canary.clientId), "ripio.test"])
          assert.notInclude(text, part)
      }
      assert.match(name, /^effect-ripio-tickets:token:[0-9a-f]{64}$/u)
    }).pipe(Effect.scoped)
  )

  it.effect("differs for each write of the same token", () =>
    Effect.gen(function* () {
      const written = new Set<string>()
      for (let index = 0; index < 3; index++) {
        const { entries, layer } = makeStore()
        const scripted = yield* ScriptedHttpClient.make([tokenResponse()])
        const auth = AuthClientCredentials.layerStore({
          environment: "sandbox",
          clientId: "partner",
          clientSecret: Redacted.make("a secret of the partner")
        }).pipe(Layer.provide([layer, scripted.layer]))
        yield* AuthService.use(({ accessToken }) => accessToken).pipe(Effect.provide(auth))
        for (const entry of entries.values()) written.add(entry)
      }
      assert.strictEqual(written.size, 3)
    })
  )

  it.effect("counts as absent under another client secret, and is replaced", () =>
    onSandbox(
      Effect.gen(function* () {
        const { entries, layer } = makeStore()
        const before = yield* (yield* isolate({ store: layer })).token
        const sandbox = yield* Sandbox
        // The account with its new secret, in a sandbox that knows only this one.
        const rotated = Redacted.make("the new client secret")
        const after = yield* Effect.gen(function* () {
          const renewed = yield* (yield* Sandbox).addAccount({ clientId: "rotated", clientSecret: rotated })
          return yield* (yield* isolate({ store: layer, ...renewed })).token
        })
        assert.notStrictEqual(after, before)
        assert.strictEqual(entries.size, 2)

        const [[name]] = entriesOf(entries)
        const withNewSecret = yield* isolate({ store: layer, clientSecret: rotated })
        const error = yield* Effect.flip(withNewSecret.accessToken)
        // Not the stored token: it is requested, and this sandbox refuses the secret.
        assert.strictEqual(error._tag, "Unauthenticated")
        assert.strictEqual(yield* sandbox.count("token"), 3)
        assert.isTrue(entries.has(name))
        assert.strictEqual(yield* (yield* isolate({ store: layer })).token, before)
      })
    )
  )

  it.effect("counts as absent if any part of it was changed", () =>
    onSandbox(
      Effect.gen(function* () {
        const { entries, layer } = makeStore()
        yield* (yield* isolate({ store: layer })).token
        const [[name, entry]] = entriesOf(entries)
        const flip = (index: number) =>
          `${entry.slice(0, index)}${entry[index] === "A" ? "B" : "A"}${entry.slice(index + 1)}`
        const positions = Array.from({ length: 40 }, (_, index) => Math.floor((index * entry.length) / 40))
        const changed = [
          ...positions.map(flip),
          ...[0, 2, 3, 10, 20, entry.length - 5].map((length) => entry.slice(0, length)),
          `${entry}AAAA`,
          entry.replace("v1.", "v2."),
          "v1.!",
          "{}",
          "null"
        ]
        let requests = yield* tokenRequests
        const lines = yield* collectLogs(
          Effect.forEach(changed, (value) =>
            Effect.gen(function* () {
              entries.set(name, value)
              yield* (yield* isolate({ store: layer })).token
              // The last digit of base64 has bits that do not count.
              requests += entries.get(name) === value ? 0 : 1
              assert.strictEqual(yield* tokenRequests, requests)
            })
          )
        )
        assert.isAtLeast(requests, changed.length)
        assert.deepStrictEqual(
          lines.filter((line) => !line.startsWith("Debug")),
          []
        )
      })
    )
  )
})

describe("a store that fails", () => {
  const failures: Record<string, () => Effect.Effect<never, KeyValueStore.KeyValueStoreError>> = {
    "with an error": () =>
      Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "get", message: "no connection" })),
    "with a defect": () => Effect.die(new Error("no connection")),
    "by throwing": () => {
      throw new Error("no connection")
    },
    "by interrupting itself": () => Effect.interrupt,
    "by not responding": () => Effect.never
  }
  for (const [how, failure] of Object.entries(failures)) {
    it.effect(`${how} costs a token request and one warning, until it works again`, () =>
      onSandbox(
        Effect.gen(function* () {
          const { entries, fail, layer } = makeStore()
          const { invalidate, accessToken } = yield* isolate({ store: layer })
          /** A new token, although the store may not respond. */
          const replace = Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(accessToken, { startImmediately: true })
            while (fiber.pollUnsafe() === undefined) {
              yield* settled
              yield* TestClock.adjust("500 millis")
            }
            const token = yield* Fiber.join(fiber)
            yield* invalidate(token)
            return Redacted.value(token)
          })
          fail(failure)
          const down = yield* collectLogs(Effect.andThen(replace, replace))
          assert.strictEqual(yield* tokenRequests, 2)
          assert.strictEqual(entries.size, 0)
          const warnings = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("Warn"))
          assert.strictEqual(warnings(down).length, 1)
          assert.include(warnings(down)[0], "The store of access tokens failed")
          if (how === "by not responding") assert.include(warnings(down)[0], "no response within 2s")

          fail(undefined)
          assert.deepStrictEqual(warnings(yield* collectLogs(replace)), [])
          assert.strictEqual(entries.size, 1)
          fail(failure)
          assert.strictEqual(warnings(yield* collectLogs(replace)).length, 1)
        })
      )
    )
  }

  it.effect("is not asked, and no token is requested, before the first call", () =>
    onSandbox(
      Effect.gen(function* () {
        const { calls, layer } = makeStore()
        yield* isolate({ store: layer })
        assert.deepStrictEqual(calls, { get: 0, set: 0 })
        assert.strictEqual(yield* tokenRequests, 0)
      })
    )
  )
})

describe("closing the layer", () => {
  it.effect("waits for a renewal in flight, so that its token is stored", () =>
    onSandbox(
      Effect.gen(function* () {
        const sandbox = yield* Sandbox
        const { entries, layer } = makeStore()
        yield* (yield* isolate({ store: layer })).token
        yield* TestClock.adjust(10 * minutes - 5000)
        const scope = yield* Scope.make()
        const { token } = yield* Scope.provide(isolate({ store: layer }), scope)
        yield* sandbox.inject(Fault.latency("2 seconds"), { on: "token" })
        const before = [...entries.values()]
        yield* token
        yield* settled
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* settled
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        assert.strictEqual(yield* tokenRequests, 2)
        assert.notDeepEqual([...entries.values()], before)
      })
    )
  )
})
