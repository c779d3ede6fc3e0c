import * as Effect from "effect/Effect"
import type * as HttpBody from "effect/http/HttpBody"
import { type Form, formBody } from "./formBody.ts"

// The escapes of HTML's form encoding. Parsers undo them.
const quoteParameter = (name: string) =>
  `"${name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22")}"`

const encoder = new TextEncoder()

// Files of up to 8 MiB in total are read before anything is sent, so that an unreadable file is found in time.
const maxBufferedBytes = 8 * 1024 * 1024

/**
 * A `multipart/form-data` body. Larger files are read while the body is sent. Fails with the error of a file that cannot be
 * read.
 *
 * The platform's `FormData` is not used, because it changes every line break of a text to CRLF.
 */
export const multipart = (
  fields: ReadonlyArray<readonly [name: string, text: string]>,
  files: ReadonlyArray<readonly [name: string, file: File]>
): Effect.Effect<HttpBody.HttpBody, unknown> => {
  // The boundary is unpredictable, so no text can contain it.
  const boundary = `----ripio-${crypto.randomUUID()}`
  const partHeader = (disposition: string, type?: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${type === undefined ? "" : `Content-Type: ${type}\r\n`}\r\n`

  const texts = fields.map(([name, text]) => `${partHeader(`name=${quoteParameter(name)}`)}${text}\r\n`).join("")
  const contents = files.flatMap(([name, file], index) => [
    encoder.encode(
      (index === 0 ? "" : "\r\n") +
        partHeader(
          `name=${quoteParameter(name)}; filename=${quoteParameter(file.name)}`,
          file.type === "" ? "application/octet-stream" : file.type
        )
    ),
    file
  ])
  const parts: Form["parts"] = [
    // A short first chunk: what a transport reads ahead of its connection says nothing else.
    encoder.encode(texts.slice(0, 2)),
    encoder.encode(texts.slice(2)),
    ...contents,
    encoder.encode(`${files.length === 0 ? "" : "\r\n"}--${boundary}--\r\n`)
  ]
  const size = parts.reduce((total, part) => total + sizeOf(part), 0)
  const toBody = (parts: Form["parts"]) =>
    formBody({ contentType: `multipart/form-data; boundary=${boundary}`, parts, size })
  return size > maxBufferedBytes || files.length === 0
    ? Effect.succeed(toBody(parts))
    : Effect.map(Effect.forEach(parts, buffered), toBody)
}

const sizeOf = (part: Form["parts"][number]) => (part instanceof Blob ? part.size : part.byteLength)

const buffered = (part: Form["parts"][number]): Effect.Effect<Uint8Array<ArrayBuffer>, unknown> =>
  part instanceof Blob
    ? Effect.tryPromise({ try: async () => new Uint8Array(await part.arrayBuffer()), catch: (cause) => cause })
    : Effect.succeed(part)
