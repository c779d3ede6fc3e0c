import { runInNewContext } from "node:vm"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { SecondEffect } from "./secondEffect.ts"

/** Mulberry32: the same numbers for the same seed. */
const randomFrom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

/** Chooses at random, and makes what JavaScript can pass where TypeScript expects something else. */
export interface Hostile {
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(values: ReadonlyArray<A>) => A
  /** Any value. */
  readonly value: () => unknown
  /**
   * A valid object of which some fields are hostile: another value, a getter that throws, or a getter whose second value is
   * another one. The object itself may be frozen or a proxy, or be replaced by any value.
   */
  readonly object: (valid: object) => unknown
}

const boom = (): never => {
  throw new Error("a hostile getter")
}

// Throws from every trap.
const hostileHandler = new Proxy({}, { get: () => boom })

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const wiped = () => {
  const secret = Redacted.make("a secret that was wiped")
  Redacted.wipeUnsafe(secret)
  return secret
}

const withGetter = (target: object, name: string, get: () => unknown) =>
  Object.defineProperty(target, name, { configurable: true, enumerable: true, get })

const foreign = (code: string): unknown => runInNewContext(code, { File, Blob })

/** A file whose inherited or own properties do not work. */
const brokenFile = (name: string, get: () => unknown) => withGetter(new File(["content"], "a.txt"), name, get)

/** What a browser's document of another realm, such as jsdom's, passes as a file. */
const foreignFile = () => ({
  name: "a.txt",
  type: "text/plain",
  size: 7,
  stream: () => new Response("content").body,
  arrayBuffer: () => Promise.resolve(new ArrayBuffer(7)),
  [Symbol.toStringTag]: "File"
})

const files: ReadonlyArray<() => unknown> = [
  () => new File(["content"], "a.txt", { type: "text/plain" }),
  () => new File([], "empty.bin"),
  () => new File(["x"], 'a\r\n"b".txt', { type: "text/plain" }),
  () => new File(["x"], "a\ud800.txt"),
  () => new Blob(["content"]),
  foreignFile,
  () => foreign("Object.create(File.prototype)"),
  (): unknown => Object.create(File.prototype),
  () => brokenFile("name", boom),
  () => brokenFile("type", boom),
  () => brokenFile("size", boom),
  () => brokenFile("name", () => 7),
  () => brokenFile("name", () => null),
  () => brokenFile("type", () => undefined),
  () => brokenFile("type", () => "text/plain\r\nX-Injected: 1"),
  ...[0, 3, 7.5, -1, Number.NaN, Infinity, "7", undefined, 1n, 9_000_000].map(
    (size) => () => brokenFile("size", () => size)
  ),
  ...[
    boom,
    () => null,
    () => "text",
    () => Promise.reject(new Error("gone")),
    () => new Response("other").body
  ].flatMap((read) => [
    () => brokenFile("arrayBuffer", () => read),
    () =>
      withGetter(
        brokenFile("stream", () => read),
        "size",
        () => 9_000_000
      )
  ]),
  () => new Proxy(new File(["content"], "a.txt"), {}),
  () => Object.freeze(new File(["content"], "a.txt"))
]

const texts: ReadonlyArray<string> = [
  "",
  " ",
  "a",
  "\ud800",
  "a\udfffb",
  "\u0000",
  "\r\nX-Injected: 1",
  "\u001b[2J",
  "\u202e",
  "__proto__",
  "constructor",
  "toString",
  "%00%",
  "https://ripio.test",
  "//",
  "1 second",
  "-1 seconds",
  "1e400 seconds",
  `${"9".repeat(400)} days`,
  "NaN",
  "Infinity",
  "x".repeat(100_000),
  "💸".repeat(1000)
]

const scalars: ReadonlyArray<unknown> = [
  null,
  undefined,
  true,
  false,
  0,
  -0,
  1,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  1e308,
  5e-324,
  0n,
  -1n,
  10n ** 400n,
  Symbol("hostile"),
  Symbol.iterator
]

const forgedIds = [
  "~effect/Schedule",
  "~effect/Duration",
  "~effect/Redacted",
  "~effect/Effect",
  "~effect/http/HttpClientRequest",
  "~effect/http/HttpBody"
]

const objects: ReadonlyArray<() => unknown> = [
  () => ({}),
  () => [],
  () => [null],
  () => [undefined, {}],
  (): unknown => Object.create(null),
  () => Object.freeze({}),
  () => Object.freeze([1, 2]),
  () => new Map([["a", 1]]),
  () => new Set(),
  () => new Date(Number.NaN),
  () => /x/u,
  () => new Error("an error"),
  () => new URL("https://ripio.test/?a=b"),
  () => new ArrayBuffer(8),
  () => new Uint8Array(3),
  () => () => {},
  () => boom,
  () => URL,
  () => async () => {},
  () => Promise.resolve(1),
  () => new Proxy({}, hostileHandler),
  () => new Proxy(() => {}, hostileHandler),
  () => new Proxy([], {}),
  revoked,
  () => ({ toString: boom, valueOf: boom, toJSON: boom, [Symbol.toPrimitive]: boom }),
  () => ({ length: 1e9 }),
  () => ({ [Symbol.iterator]: boom }),
  () => withGetter({}, "baseUrl", boom),
  () => ({ baseUrl: { toString: boom } }),
  () => ({ baseUrl: "https://user:pass@ripio.test" }),
  () => ({ times: 1n, base: boom, max: [] }),
  () => withGetter({}, "times", boom),
  () => withGetter({}, "seconds", boom),
  () => ({ seconds: "1", minutes: {} }),
  () => ({ seconds: Symbol("s") }),
  () => withGetter({}, "then", boom),
  (): unknown => JSON.parse('{"__proto__":{"retry":null}}'),
  () => foreign("({})"),
  () => foreign("[]"),
  () => foreign("new Error('foreign')"),
  () => foreign("Object.create(null)"),
  () => Duration.seconds(1),
  () => Duration.infinity,
  () => Schedule.recurs(2),
  () => Schedule.spaced("1 second"),
  () => Schedule.fromStep(Effect.sync(boom)),
  () => Schedule.fromStep(Effect.succeed(boom)),
  () => Effect.void,
  () => Effect.die(new Error("a hostile effect")),
  () => Redacted.make("a secret of some length"),
  () => Redacted.make(7),
  () => Redacted.make("\r\n"),
  () => Redacted.make(new Proxy({}, hostileHandler)),
  wiped,
  ...forgedIds.flatMap((id) => [
    () => ({ [id]: id }),
    () => ({ [id]: id, value: { _tag: "Millis", millis: "1" }, step: Effect.void, body: null, url: 7, method: {} }),
    () => withGetter({ [id]: id, step: boom }, "value", boom)
  ]),
  ...files
]

export const makeHostile = (seed: number, second: SecondEffect): Hostile => {
  const random = randomFrom(seed)
  const chance = (probability: number) => random() < probability
  const pick = <A>(values: ReadonlyArray<A>): A => values[Math.floor(random() * values.length)]!

  const secondValues: ReadonlyArray<() => unknown> = [
    () => second.Redacted.make("a secret of the second copy"),
    () => second.Duration.seconds(1),
    () => second.Schedule.spaced("1 second")
  ]

  const value = (): unknown => {
    switch (pick([0, 1, 2, 3, 4] as const)) {
      case 0:
        return pick(scalars)
      case 1:
        return pick(texts)
      case 2:
        return pick(secondValues)()
      case 3:
        return pick(objects)()
      case 4:
        return [pick(files)(), pick(objects)()].slice(0, pick([1, 2]))
    }
  }

  const object = (valid: object): unknown => {
    if (chance(0.1)) return value()
    const copy: Record<string, unknown> = { ...valid }
    const names = Object.keys(valid)
    for (let count = pick([0, 1, 1, 1, 2, 3]); count > 0 && names.length > 0; count--) {
      const name = pick(names)
      const before: unknown = Reflect.get(valid, name)
      let reads = 0
      switch (pick([0, 0, 0, 1, 2, 3] as const)) {
        case 0:
          Object.defineProperty(copy, name, { configurable: true, enumerable: true, writable: true, value: value() })
          break
        case 1:
          withGetter(copy, name, boom)
          break
        case 2: {
          const later = value()
          withGetter(copy, name, () => (reads++ === 0 ? before : later))
          break
        }
        case 3:
          delete copy[name]
      }
    }
    if (chance(0.1)) return new Proxy(copy, {})
    return chance(0.1) ? Object.freeze(copy) : copy
  }

  return { chance, pick, value, object }
}
