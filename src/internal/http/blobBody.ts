import * as HttpBody from "effect/http/HttpBody"
import * as Stream from "effect/Stream"

const blobs = new WeakMap<HttpBody.HttpBody, Blob>()

/** A body that is streamed from a `Blob`. */
export const blobBody = (blob: Blob, contentType: string): HttpBody.HttpBody => {
  const stream = Stream.fromReadableStream({ evaluate: () => blob.stream(), onError: (cause) => cause })
  const body = HttpBody.stream(stream, contentType, blob.size)
  blobs.set(body, blob)
  return body
}

/** The `Blob` of a {@link blobBody}. `fetch` sends a `Blob` with its length, and a stream without a length or not at all. */
export const blobOf = (body: HttpBody.HttpBody): Blob | undefined => blobs.get(body)
