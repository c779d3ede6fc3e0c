import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { DecodeError, HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isObject } from "../../domain/InvalidOption.ts"
import { maxBodyBytes } from "../../domain/RawResponse.ts"
import { readAtMost } from "./bytes.ts"

const utf8 = new TextDecoder()

/** Reads the body of a response as text. `undefined` if the body is larger than {@link maxBodyBytes}. */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<string | undefined, HttpClientError> => {
  // During an upload, only `response.stream` ends the upload and can be cancelled, on every client.
  const isUpload = response.request.body._tag === "Stream"
  const web = Option.getOrUndefined(HttpClientResponse.toWeb(response))
  if (web !== undefined) {
    const body: unknown = web.body
    // If middleware already read the body, the client has cached it.
    if (web.bodyUsed || (isWebStream(body) && body.locked)) return readText(response)
    if (!isWebStream(body)) return readOther(response, web, body)
    if (!isUpload) return readChunks(response, () => body.getReader())
    return readStream(response)
  }
  // A small uncompressed body of known length need not be read as a stream. The length may be wrong.
  const { "content-encoding": encoding, "content-length": length } = response.headers
  if (!isUpload && length !== undefined && Number(length) <= maxBodyBytes && encoding === undefined) {
    return readText(response)
  }
  return readStream(response)
}

const readText = (response: HttpClientResponse.HttpClientResponse) => Effect.map(response.text, limitText)

const limitText = (text: unknown): string | undefined => {
  if (typeof text !== "string") throw new TypeError("expected a body of text")
  return text.length > maxBodyBytes ? undefined : text
}

const readStream = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.suspend(() => {
    let isWithinLimit = true
    const limited = Stream.limitBytes(response.stream, maxBodyBytes, () => {
      isWithinLimit = false
      return Stream.empty
    })
    return Effect.map(Stream.mkUint8Array(limited), (bytes) => (isWithinLimit ? utf8.decode(bytes) : undefined)).pipe(
      Effect.catchIf(
        (error) => error.reason._tag === "EmptyBodyError",
        () => Effect.succeed("")
      )
    )
  })

const isWebStream = (body: unknown): body is ReadableStream<unknown> =>
  isObject(body) && "getReader" in body && typeof body.getReader === "function"

const isAsyncIterable = (body: unknown): body is AsyncIterable<unknown> =>
  isObject(body) && Symbol.asyncIterator in body && typeof body[Symbol.asyncIterator] === "function"

/** Reads a response without a web stream: one without a body, one of a polyfill with a Node stream, or a mock. */
const readOther = (response: HttpClientResponse.HttpClientResponse, web: Response, body: unknown) =>
  isAsyncIterable(body)
    ? readChunks(response, () => {
        const iterator = body[Symbol.asyncIterator]()
        return {
          read: async () => {
            const next: IteratorResult<unknown, unknown> = await iterator.next()
            return { done: next.done === true, value: next.value }
          },
          cancel: async () => iterator.return?.()
        }
      })
    : Effect.tryPromise({
        try: async () => {
          if (typeof web.text !== "function") return ""
          const text: unknown = await web.text()
          return limitText(text)
        },
        catch: failure(response)
      })

const failure = (response: HttpClientResponse.HttpClientResponse) => (cause: unknown) =>
  new HttpClientError({ reason: new DecodeError({ request: response.request, response, cause }) })

interface Reader {
  readonly read: () => Promise<{ readonly done: boolean; readonly value?: unknown }>
  readonly cancel: () => Promise<unknown>
}

// Reading through a `Stream` takes several times as long as the rest of the call.
const readChunks = (response: HttpClientResponse.HttpClientResponse, makeReader: () => Reader) =>
  Effect.callback<string | undefined, HttpClientError>((resume) => {
    const fail = (cause: unknown) => resume(Effect.fail(failure(response)(cause)))
    let reader: Reader
    try {
      reader = makeReader()
    } catch (cause) {
      return fail(cause)
    }
    const cancel = async () => reader.cancel()
    readAtMost(maxBodyBytes, reader).then((bytes) => {
      if (bytes === undefined) cancel().catch(constVoid)
      // Bytes that cannot be decoded, such as shared memory in a browser, are a defect of the client.
      resume(Effect.sync(() => bytes && utf8.decode(bytes)))
    }, fail)
    return Effect.sync(() => void cancel().catch(constVoid))
  })
