import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { evidence, inBrackets } from "./ApiError.ts"

/**
 * The text of an access token. It is opaque, but it becomes part of an HTTP header, so it holds visible ASCII
 * characters only: no space, no line break, nothing with which a header could be injected.
 *
 * @category models
 * @since 0.1.0
 */
export const TokenText = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]+$/u, { expected: "visible ASCII characters and at least one" }),
  // No server takes a header that is longer.
  Schema.isMaxLength(8192)
)

// Longer lifetimes are not believed, whatever the token endpoint says of them.
const longestLifetime = Duration.hours(10)
const longestMargin = Duration.seconds(60)

/**
 * An access token as the token endpoint grants it.
 *
 * @category models
 * @since 0.1.0
 */
export interface AccessToken {
  readonly token: Redacted.Redacted
  /** How long it is good for, counted from the moment of the grant: ten hours at the most. */
  readonly lifetime: Duration.Duration
}

const Lifetime = Schema.Finite.check(
  Schema.isGreaterThanOrEqualTo(0, { expected: "a number of seconds that is not negative" })
)

const TokenType = Schema.optionalKey(
  Schema.String.check(Schema.isPattern(/^bearer$/iu, { expected: "the token type Bearer" }))
)

// The API's page spells the fields one way and running integrations see the other, so both are read.
const WireToken = Schema.Union([
  Schema.Struct({ accessToken: TokenText, expiresIn: Lifetime, tokenType: TokenType }),
  Schema.Struct({ access_token: TokenText, expires_in: Lifetime, token_type: TokenType })
])

/**
 * The codec of the token endpoint's answer, in the spelling of the API's page (`accessToken`, `expiresIn`) and in that of
 * RFC 6749 (`access_token`, `expires_in`). It encodes to the former.
 *
 * @see Acquire Access Token, answer 200; RFC 6749 section 5.1
 * @category codecs
 * @since 0.1.0
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
          lifetime: Duration.min(Duration.seconds(seconds), longestLifetime)
        }
      },
      encode: ({ lifetime, token }): typeof WireToken.Type => ({
        accessToken: Redacted.value(token),
        expiresIn: Duration.toSeconds(lifetime)
      })
    })
  )
)

/**
 * After how much of its lifetime a token is renewed: 60 s before its end, or at the half of a lifetime under two minutes.
 *
 * @category pure functions
 * @since 0.1.0
 */
export const renewAfter = (lifetime: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.subtract(lifetime, longestMargin), Duration.divideUnsafe(lifetime, 2))

/**
 * Ripio does not accept who we say we are.
 *
 * - `refused: "credentials"`: the token endpoint refused the client id and secret. Check both, and that they belong to
 *   this environment and country.
 * - `refused: "token"`: the API refused an access token (code 40001), and a new one as well. With a static token: it has
 *   expired or is wrong. With client credentials: the token endpoint and the API do not belong together.
 *
 * @see Acquire Access Token; Retrieve Support Ticket, answer 401
 * @category errors
 * @since 0.1.0
 */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>("effect-ripio-tickets/Unauthenticated")(
  "Unauthenticated",
  {
    /** What was refused: the client credentials, or the access token. */
    refused: Schema.Literals(["credentials", "token"]),
    ...evidence,
    code: Schema.optionalKey(evidence.code),
    /** The API's name for the error, or the `error` of RFC 6749, such as `invalid_client`. */
    type: Schema.optionalKey(evidence.type),
    detail: Schema.optionalKey(evidence.detail)
  }
) {
  override get message() {
    return this.refused === "credentials"
      ? `The token endpoint refused the client credentials: check the client id and secret, and that they are of this environment ${inBrackets(this)}`
      : `The API refused the access token: check that the token is of this environment and has not expired ${inBrackets(this)}`
  }
}
