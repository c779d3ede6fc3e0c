import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import { blobBody } from "./blobBody.ts"

// As HTML's form encoding writes them; parsers undo it.
const quoted = (name: string) => `"${name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22")}"`

// Up to here a body is sent in one piece of bytes, which every transport sends with its length. A stream goes out without
// one by `FetchHttpClient`, and servers that take no such body see an empty form.
const largestPiece = 8 * 1024 * 1024

/**
 * A `multipart/form-data` body. Large files are streamed from where they stand. Fails with what reading a file threw.
 *
 * The platform's `FormData` will not do: it rewrites every line break of a text to CRLF.
 */
export const multipart = (
  fields: ReadonlyArray<readonly [name: string, text: string]>,
  files: ReadonlyArray<readonly [name: string, file: File]>
): Effect.Effect<HttpBody.HttpBody, unknown> => {
  // Nobody can guess it, so no text can close its part.
  const boundary = `----ripio-${crypto.randomUUID()}`
  const contentType = `multipart/form-data; boundary=${boundary}`
  const head = (disposition: string, type?: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${type === undefined ? "" : `Content-Type: ${type}\r\n`}\r\n`

  const body = new Blob([
    ...fields.map(([name, text]) => `${head(`name=${quoted(name)}`)}${text}\r\n`),
    ...files.flatMap(([name, file]) => [
      head(
        `name=${quoted(name)}; filename=${quoted(file.name)}`,
        file.type === "" ? "application/octet-stream" : file.type
      ),
      file,
      "\r\n"
    ]),
    `--${boundary}--\r\n`
  ])
  if (body.size > largestPiece) return Effect.succeed(blobBody(body, contentType))
  return Effect.map(Effect.tryPromise({ try: () => body.arrayBuffer(), catch: (cause) => cause }), (bytes) =>
    HttpBody.uint8Array(new Uint8Array(bytes), contentType)
  )
}
