import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
import {
  BodyTooLarge,
  MalformedSignature,
  maxWebhookBytes,
  MissingSignature,
  signatureHeaders,
  SignatureMismatch,
  type WebhookRejectedReason
} from "../../domain/WebhookRejected.ts"
import { toBytes } from "../http/bytes.ts"

type Checked<A> = Result.Result<A, () => WebhookRejectedReason>

/** A delivery whose body is bytes and whose signature is well-formed. */
export interface SignedBody {
  /** A copy, because the caller may reuse the buffer between the check and the decoding. */
  readonly body: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function"

const property = (value: unknown, name: string): unknown => (isObject(value) ? Reflect.get(value, name) : undefined)

/** Reads a delivery. JavaScript may pass anything, and a getter may throw. */
export const readDelivery = (delivery: unknown, acceptBareHex: boolean): Checked<SignedBody> => {
  const body = readBody(delivery)
  if (Result.isFailure(body)) return Result.fail(body.failure)
  return Result.map(readSignature(delivery, acceptBareHex), (signature) => ({ body: body.success, signature }))
}

const readBody = (delivery: unknown): Checked<Uint8Array<ArrayBuffer>> => {
  let body: unknown
  try {
    body = property(delivery, "body")
    if (ArrayBuffer.isView(body)) {
      if (body.byteLength > maxWebhookBytes) return Result.fail(() => new BodyTooLarge({ limit: maxWebhookBytes }))
      const bytes = toBytes(body)
      if (bytes !== undefined) return Result.succeed(new Uint8Array(bytes))
    }
  } catch {
    // Such as a view of a detached buffer.
  }
  return Result.fail(() => notBytes(body))
}

const readSignature = (delivery: unknown, acceptBareHex: boolean): Checked<Uint8Array> => {
  try {
    return signatureOf(property(delivery, "headers"), acceptBareHex)
  } catch {
    const [header] = signatureHeaders
    return Result.fail(() => new MalformedSignature({ header, issue: "the headers cannot be read" }))
  }
}

const headerOf = (headers: object, name: string): unknown => {
  const get: unknown = Reflect.get(headers, "get")
  if (typeof get === "function") return Reflect.apply(get, headers, [name]) ?? undefined
  if (Object.hasOwn(headers, name)) return Reflect.get(headers, name)
  const actualName = Object.keys(headers).find((key) => key.toLowerCase() === name)
  return actualName === undefined ? undefined : Reflect.get(headers, actualName)
}

const isDigest = (text: string) => /^[0-9a-f]{64}$/iu.test(text)

const signatureOf = (headers: unknown, acceptBareHex: boolean): Checked<Uint8Array> => {
  if (!isObject(headers)) return Result.fail(() => new MissingSignature())
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

const notBytes = (body: unknown): SignatureMismatch =>
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
