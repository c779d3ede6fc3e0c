import * as Effect from "effect/Effect"
import type * as HttpBody from "effect/http/HttpBody"
import { describe } from "../../domain/describe.ts"
import { sanitize } from "../../domain/sanitize.ts"
import type { TicketContent } from "../../domain/TicketContent.ts"
import { toBytes } from "./bytes.ts"
import { type Form, formBody, isBytes, sizeMismatch } from "./formBody.ts"

// The escapes of HTML's form encoding. Parsers undo them.
const quoteParameter = (name: string) =>
  `"${name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22")}"`

const encoder = new TextEncoder()

// Files of up to 8 MiB in total are read before anything is sent, so that an unreadable file is found in time.
const maxBufferedBytes = 8 * 1024 * 1024

/**
 * A `multipart/form-data` body. Larger files are read while the body is sent. Fails with a description if a file cannot be
 * read.
 *
 * The platform's `FormData` is not used, because it changes every line break of a text to CRLF.
 */
export const multipart = (
  fields: ReadonlyArray<readonly [name: string, text: string]>,
  files: ReadonlyArray<readonly [name: string, file: TicketContent["files"][number]]>
): Effect.Effect<HttpBody.HttpBody, string> =>
  Effect.suspend(() => {
    const boundary = makeBoundary()
    if (boundary === undefined) return Effect.fail("crypto: expected a runtime with WebCrypto")
    const form = encode(boundary, fields, files)
    return form.size > maxBufferedBytes || files.length === 0
      ? Effect.succeed(formBody(form))
      : Effect.map(Effect.forEach(form.parts, buffered), (parts) => formBody({ ...form, parts }))
  })

// The boundary is unpredictable, so no text can contain it. Browsers have `randomUUID` on pages of https only.
const makeBoundary = (): string | undefined => {
  try {
    return `----ripio-${crypto.randomUUID()}`
  } catch {
    return undefined
  }
}

const encode = (boundary: string, ...[fields, files]: Parameters<typeof multipart>): Form => {
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
  const size = parts.reduce((total, part) => total + (isBytes(part) ? part.byteLength : part.size), 0)
  return { contentType: `multipart/form-data; boundary=${boundary}`, parts, size }
}

const buffered = (part: Form["parts"][number]): Effect.Effect<Uint8Array<ArrayBuffer>, string> =>
  isBytes(part)
    ? Effect.succeed(part)
    : Effect.tryPromise({
        try: async () => {
          const buffer: unknown = await part.content.arrayBuffer()
          const bytes = toBytes(buffer)
          if (bytes === undefined) throw new TypeError("arrayBuffer() returned no bytes")
          if (bytes.byteLength !== part.size) throw new Error(sizeMismatch)
          return new Uint8Array(bytes)
        },
        catch: (cause) => `files: cannot be read (${sanitize.text(describe(cause))})`
      })
