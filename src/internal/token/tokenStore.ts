import * as Clock from "effect/Clock"
import * as Aead from "effect/crypto/Aead"
import * as Digest from "effect/crypto/Digest"
import * as Kdf from "effect/crypto/Kdf"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { BearerToken, maxLifetime, renewAfter } from "../../domain/AccessToken.ts"
import { stopwatchMillis } from "../http/monotonic.ts"
import type { CachedToken } from "./requestToken.ts"

/** What is needed of a store of `effect/persistence`. */
export interface TextStore<E> {
  readonly get: (key: string) => Effect.Effect<string | undefined, E>
  readonly set: (key: string, value: string) => Effect.Effect<void, E>
}

/** The stored token of one account. */
export interface TokenStore {
  /** The token, or `undefined` if there is none that can be decrypted and decoded. */
  readonly read: Effect.Effect<CachedToken | undefined, unknown>
  readonly write: (token: CachedToken) => Effect.Effect<void, unknown>
}

const StoredToken = Schema.fromJsonString(
  Schema.Struct({
    token: BearerToken,
    requestedAt: Schema.Finite,
    lifetime: Schema.Finite.check(
      Schema.isBetween({ minimum: 1, maximum: Duration.toMillis(maxLifetime) }, { expected: "a lifetime" })
    )
  })
)
const encode = Schema.encodeEffect(StoredToken)
const decode = Schema.decodeUnknownResult(StoredToken)

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder("utf-8", { fatal: true })
// The version of the format. An entry of another version counts as absent.
const version = "v1."
const nonceLength = 12

/** The WebCrypto of the runtime. */
export const crypto = Layer.mergeAll(Aead.layerWebCrypto, Digest.layerWebCrypto, Kdf.layerWebCrypto).pipe(
  Layer.provideMerge(SecureRandom.layerWebCrypto)
)

/**
 * Stores the token of an account: encrypted with AES-256-GCM under a key that HKDF derives from the client secret, under a
 * name that is a hash of the base URL and the client id. The name is authenticated with the token, so that an entry cannot
 * be moved to another account.
 */
export const makeTokenStore = Effect.fnUntraced(function* <E>(options: {
  readonly baseUrl: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
  readonly store: TextStore<E>
}) {
  const aead = yield* Aead.Aead
  const digest = yield* Digest.Digest
  const kdf = yield* Kdf.Kdf
  const random = yield* SecureRandom.SecureRandom
  const { store } = options

  // Derived with the first use, because a runtime may lack WebCrypto: the token is then requested directly.
  let derived: { readonly name: string; readonly aad: Uint8Array; readonly key: Aead.Key } | undefined
  const derive = Effect.gen(function* () {
    if (derived !== undefined) return derived
    const account = utf8.encode(JSON.stringify([options.baseUrl, options.clientId]))
    const name = `effect-ripio-tickets:token:${yield* digest.digestHex(Digest.sha256, account)}`
    const aad = utf8.encode(name)
    const bytes = yield* kdf.derive(Kdf.hkdfSha256, utf8.encode(Redacted.value(options.clientSecret)), {
      salt: utf8.encode("effect-ripio-tickets"),
      info: aad,
      length: 32
    })
    return (derived = { name, aad, key: yield* Aead.key(Aead.aes256Gcm, bytes) })
  })

  const decrypt = Effect.fnUntraced(function* (entry: unknown) {
    const { aad, key } = yield* derive
    if (typeof entry !== "string" || !entry.startsWith(version)) return undefined
    const bytes = Base64Url.decode(entry.slice(version.length))
    if (Result.isFailure(bytes)) return undefined
    const [nonce, ciphertext] = [bytes.success.slice(0, nonceLength), bytes.success.slice(nonceLength)]
    const plaintext = yield* Effect.result(aead.decrypt(key, ciphertext, { nonce, aad }))
    if (Result.isFailure(plaintext)) return undefined
    return Result.getOrUndefined(decode(fromUtf8.decode(plaintext.success)))
  })

  const tokenStore: TokenStore = {
    read: Effect.gen(function* () {
      const { name } = yield* derive
      const stored = yield* decrypt(yield* store.get(name))
      if (stored === undefined) return undefined
      const clock = yield* Clock.Clock
      const now = clock.currentTimeMillisUnsafe()
      // The clock of the process that requested the token may be ahead of this one.
      const wallMillis = Math.min(stored.requestedAt, now)
      const lifetime = Duration.millis(stored.lifetime)
      return {
        token: Redacted.make(stored.token, { label: "access token" }),
        requestedAt: {
          wallMillis,
          monotonicMillis: stopwatchMillis(clock) - (now - wallMillis)
        },
        renewAfter: Duration.toMillis(renewAfter(lifetime)),
        expiresAfter: Duration.toMillis(lifetime)
      }
    }),
    write: Effect.fnUntraced(function* ({ expiresAfter, requestedAt, token }) {
      const { aad, key, name } = yield* derive
      const text = yield* encode({
        token: Redacted.value(token),
        requestedAt: requestedAt.wallMillis,
        lifetime: expiresAfter
      })
      const nonce = yield* random.randomBytes(nonceLength)
      const ciphertext = yield* aead.encrypt(key, utf8.encode(text), { nonce, aad })
      const entry = new Uint8Array(nonceLength + ciphertext.length)
      entry.set(nonce)
      entry.set(ciphertext, nonceLength)
      yield* store.set(name, version + Base64Url.encode(entry))
    })
  }
  return tokenStore
})
