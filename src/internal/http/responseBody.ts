import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { DecodeError, HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { maxBodyBytes } from "../../domain/RawResponse.ts"
import { readAtMost } from "./bytes.ts"

const utf8 = new TextDecoder()

/** Reads the body of a response as text. `undefined` if the body is larger than {@link maxBodyBytes}. */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<string | undefined, HttpClientError> => {
  // During an upload, only `response.stream` ends the upload and can be cancelled, on every client.
  const isUpload = response.request.body._tag === "Stream"
  const web = isUpload ? Option.none() : HttpClientResponse.toWeb(response)
  // If middleware already read the body, the client has cached it.
  if (Option.isSome(web)) return web.value.bodyUsed ? readText(response) : readWeb(response, web.value)
  // A small uncompressed body of known length need not be read as a stream. The length may be wrong.
  const { "content-encoding": encoding, "content-length": length } = response.headers
  if (!isUpload && length !== undefined && Number(length) <= maxBodyBytes && encoding === undefined) {
    return readText(response)
  }
  return readStream(response)
}

const readText = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (text) => (text.length > maxBodyBytes ? undefined : text))

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

// Reading through a `Stream` takes several times as long as the rest of the call.
const readWeb = (response: HttpClientResponse.HttpClientResponse, { body }: Response) =>
  body === null
    ? Effect.succeed("")
    : Effect.callback<string | undefined, HttpClientError>((resume) => {
        const reader = body.getReader()
        const cancel = () => void reader.cancel().catch(constVoid)
        readAtMost(maxBodyBytes, reader).then(
          (bytes) => {
            if (bytes === undefined) cancel()
            resume(Effect.succeed(bytes && utf8.decode(bytes)))
          },
          (cause: unknown) =>
            resume(
              Effect.fail(
                new HttpClientError({ reason: new DecodeError({ request: response.request, response, cause }) })
              )
            )
        )
        return Effect.sync(cancel)
      })
