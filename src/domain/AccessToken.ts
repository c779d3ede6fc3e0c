/**
 * Access tokens: the token endpoint's response, when to renew a token, and the error if none is accepted.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { docsOf } from "./errorDocs.ts"
import { errorFields, formatDetails } from "./ApiError.ts"

/**
 * The text of an access token. The token is opaque but becomes part of an HTTP header. It therefore consists of visible
 * ASCII characters: no space, no line break, nothing that can inject a header.
 */
export const BearerToken = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]+$/u, { expected: "visible ASCII characters and at least one" }),
  // Servers reject longer headers.
  Schema.isMaxLength(8192)
)

/** The longest time for which a token is used. */
export const maxLifetime = Duration.hours(10)
const unknownLifetime = Duration.seconds(10)
const maxMargin = Duration.seconds(60)

/** An access token as the token endpoint issued it. */
export interface AccessToken {
  readonly token: Redacted.Redacted
  /** How long the token is used, counted from the request for it: see {@link lifetimeOf}. */
  readonly lifetime: Duration.Duration
}

/**
 * How long a token is used whose response says `expiresIn`: at most ten hours.
 *
 * Less than one second says nothing about the token: servers send 0 for a rounded fraction or for no limit. It counts as
 * ten seconds, so that such a server does not receive a token request for every call. If the API refuses the token earlier,
 * it is replaced at once.
 */
const lifetimeOf = (seconds: number): Duration.Duration =>
  seconds < 1 ? unknownLifetime : Duration.min(Duration.seconds(seconds), maxLifetime)

const expected = "a number of seconds that is not negative"
const Seconds = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0, { expected }))
// Some token endpoints send digits as text.
const SecondsFromText = Schema.String.check(Schema.isPattern(/^\d+(\.\d+)?$/u, { expected })).pipe(
  Schema.decodeTo(Seconds, SchemaTransformation.numberFromString)
)
const Lifetime = Schema.Union([Seconds, SecondsFromText])

const TokenType = Schema.optionalKey(
  Schema.String.check(Schema.isPattern(/^bearer$/iu, { expected: "the token type Bearer" }))
)

const WireToken = Schema.Union([
  Schema.Struct({ accessToken: BearerToken, expiresIn: Lifetime, tokenType: TokenType }),
  Schema.Struct({ access_token: BearerToken, expires_in: Lifetime, token_type: TokenType })
])

/**
 * The codec of the token endpoint's response. It decodes the names of the API's page (`accessToken`, `expiresIn`) and
 * those of RFC 6749 section 5.1 (`access_token`, `expires_in`), because integrations see both. It encodes to the former.
 *
 * @see https://docs.ripio.com/ramps-api/authentication/acquire-access-token
 */
export const AccessTokenFromWire = WireToken.pipe(
  Schema.decodeTo(
    Schema.Struct({ token: Schema.Redacted(Schema.String), lifetime: Schema.Duration }),
    SchemaTransformation.transform({
      decode: (wire): AccessToken => {
        const [token, seconds] =
          "accessToken" in wire ? [wire.accessToken, wire.expiresIn] : [wire.access_token, wire.expires_in]
        return {
          token: Redacted.make(token, { label: "access token" }),
          lifetime: lifetimeOf(seconds)
        }
      },
      encode: ({ lifetime, token }): typeof WireToken.Type => ({
        accessToken: Redacted.value(token),
        expiresIn: Duration.toSeconds(lifetime)
      })
    })
  )
)

/** When a token is renewed: 60 s before it expires, or after half of its lifetime if that is shorter than two minutes. */
export const renewAfter = (lifetime: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.subtract(lifetime, maxMargin), Duration.divideUnsafe(lifetime, 2))

/**
 * Ripio rejected the credentials or the access token.
 *
 * - `refused: "credentials"`: the token endpoint rejected the client id and secret. Check both, and that they belong to
 *   this environment and country.
 * - `refused: "token"`: the API rejected an access token (code 40001), and a new one as well. A static token is wrong or
 *   has expired. With client credentials, the token endpoint and the API do not belong together.
 *
 * @see https://docs.ripio.com/ramps-api/authentication/acquire-access-token
 * @category errors
 * @since 0.1.0
 */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>("effect-ripio-tickets/Unauthenticated")(
  "Unauthenticated",
  {
    /** What was rejected: the client credentials or the access token. */
    refused: Schema.Literals(["credentials", "token"]),
    ...errorFields,
    code: Schema.optionalKey(errorFields.code),
    /** The API's name for the error, or the `error` of RFC 6749, such as `invalid_client`. */
    type: Schema.optionalKey(errorFields.type),
    detail: Schema.optionalKey(errorFields.detail)
  }
) {
  /** Where the documents of the package describe it. */
  get docs(): string {
    return docsOf("Unauthenticated")
  }
  override get message() {
    return this.refused === "credentials"
      ? `The token endpoint rejected the client credentials. Check the client id and secret, and that they belong to this environment ${formatDetails(this)}`
      : `The API rejected the access token. Check that the token belongs to this environment and has not expired ${formatDetails(this)}`
  }
}
