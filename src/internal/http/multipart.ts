import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import { blobBody } from "./blobBody.ts"

// The escapes of HTML's form encoding. Parsers undo them.
const quoteParameter = (name: string) =>
  `"${name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22")}"`

// A body of up to 8 MiB is sent as bytes, with its length on every transport. `FetchHttpClient` sends a stream without a
// length, and some servers then see an empty form.
const maxBufferedBytes = 8 * 1024 * 1024

/**
 * A `multipart/form-data` body. Large files are streamed. Fails with the error of a file that cannot be read.
 *
 * The platform's `FormData` is not used, because it changes every line break of a text to CRLF.
 */
export const multipart = (
  fields: ReadonlyArray<readonly [name: string, text: string]>,
  files: ReadonlyArray<readonly [name: string, file: File]>
): Effect.Effect<HttpBody.HttpBody, unknown> => {
  // The boundary is unpredictable, so no text can contain it.
  const boundary = `----ripio-${crypto.randomUUID()}`
  const contentType = `multipart/form-data; boundary=${boundary}`
  const partHeader = (disposition: string, type?: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${type === undefined ? "" : `Content-Type: ${type}\r\n`}\r\n`

  const body = new Blob([
    ...fields.map(([name, text]) => `${partHeader(`name=${quoteParameter(name)}`)}${text}\r\n`),
    ...files.flatMap(([name, file]) => [
      partHeader(
        `name=${quoteParameter(name)}; filename=${quoteParameter(file.name)}`,
        file.type === "" ? "application/octet-stream" : file.type
      ),
      file,
      "\r\n"
    ]),
    `--${boundary}--\r\n`
  ])
  if (body.size > maxBufferedBytes) return Effect.succeed(blobBody(body, contentType))
  return Effect.map(Effect.tryPromise({ try: () => body.arrayBuffer(), catch: (cause) => cause }), (bytes) =>
    HttpBody.uint8Array(new Uint8Array(bytes), contentType)
  )
}
