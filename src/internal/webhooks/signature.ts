import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
import type { WebhookDelivery } from "../../domain/WebhookDelivery.ts"
import {
  MalformedSignature,
  MissingSignature,
  signatureHeaders,
  SignatureMismatch,
  type WebhookRejectedReason
} from "../../domain/WebhookRejected.ts"

const headerOf = (headers: WebhookDelivery["headers"], name: string): unknown => {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined
  if (Object.hasOwn(headers, name)) return Reflect.get(headers, name)
  const actualName = Object.keys(headers).find((key) => key.toLowerCase() === name)
  return actualName === undefined ? undefined : Reflect.get(headers, actualName)
}

const isDigest = (text: string) => /^[0-9a-f]{64}$/iu.test(text)

/** The bytes of a delivery's signature, or a function that creates the reason of the rejection. */
export const signatureOf = (
  headers: WebhookDelivery["headers"],
  acceptBareHex: boolean
): Result.Result<Uint8Array, () => WebhookRejectedReason> => {
  for (const header of signatureHeaders) {
    const found = headerOf(headers, header)
    const value: unknown = Array.isArray(found) && found.length === 1 ? found.at(0) : found
    if (value === undefined) continue
    const malformed = (issue: string) => Result.fail(() => new MalformedSignature({ header, issue }))
    if (typeof value !== "string") return malformed("expected one value")
    const text = value.trim()
    const isPrefixed = text.startsWith("sha256=")
    if (!isPrefixed && !acceptBareHex) {
      return malformed(
        isDigest(text)
          ? "expected sha256= before the digits. The option acceptBareHex accepts digits alone"
          : "expected sha256= and 64 hexadecimal digits"
      )
    }
    const digits = isPrefixed ? text.slice(7) : text
    const signature = isDigest(digits) ? Hex.decode(digits) : undefined
    return signature !== undefined && Result.isSuccess(signature)
      ? Result.succeed(signature.success)
      : malformed(`expected 64 hexadecimal digits after sha256=, got ${digits.length} characters`)
  }
  return Result.fail(() => new MissingSignature())
}

/** The reason if the body is not bytes. */
export const notBytes = (body: unknown): SignatureMismatch =>
  new SignatureMismatch({
    suspect: "body",
    issue: `the body is ${body === null ? "null" : `of type ${typeof body}`} instead of bytes. Pass the bytes as received, before any parser`,
    bodyBytes: 0,
    secretsTried: 0
  })

/** The reason if no secret matches. Ripio sends compact JSON in ASCII, so other bytes were changed after the signing. */
export const mismatch = (body: Uint8Array, secretsTried: number): SignatureMismatch => {
  const issue = describeChange(body)
  return new SignatureMismatch({
    suspect: issue === undefined ? "secret" : "body",
    issue:
      issue ??
      "the body looks like one of Ripio's, so the secret belongs to another account or environment or was replaced; or the body was parsed and serialised again; or the delivery is forged",
    bodyBytes: body.length,
    secretsTried
  })
}

const describeChange = (body: Uint8Array): string | undefined => {
  if (body.length === 0) return "the body is empty. Something may have read it before"
  if (body.some((byte) => byte >= 0x80)) {
    return "the body contains characters that Ripio escapes. It was parsed and serialised again, or its encoding was changed"
  }
  if (body[0] !== 0x7b || body[1] !== 0x22) {
    return "the body does not begin like one of Ripio's. It was parsed and serialised again, or wrapped"
  }
  return undefined
}
