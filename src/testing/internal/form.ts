import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as MultipartParser from "effect/http/MultipartParser"
import * as Stream from "effect/Stream"
import type { SandboxFile } from "../SandboxTicket.ts"

/** The parts of a `multipart/form-data` body, in the order of the body. */
export interface Form {
  readonly texts: ReadonlyArray<readonly [name: string, text: string]>
  readonly files: ReadonlyArray<readonly [name: string, file: SandboxFile]>
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const join = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

// The form encoding of HTML escapes exactly these three characters in names.
const unescapeName = (name: string) => name.replaceAll("%22", '"').replaceAll(/%0d/giu, "\r").replaceAll(/%0a/giu, "\n")

class FormReader {
  readonly #texts: Array<Form["texts"][number]> = []
  readonly #files: Array<Form["files"][number]> = []
  readonly #parser: MultipartParser.Parser
  #issue: string | undefined
  #done = false
  #length = 0

  constructor(headers: Record<string, string>) {
    this.#parser = MultipartParser.make({
      headers,
      // The API documents no limits.
      maxFieldSize: Infinity,
      isFile: ({ filename }) => filename !== undefined,
      onField: (info, value) => {
        this.#checkDisposition(info)
        try {
          this.#texts.push([unescapeName(info.name), utf8.decode(value)])
        } catch {
          this.#malformed(`The text of ${info.name} is not UTF-8.`)
        }
      },
      onFile: (info) => {
        this.#checkDisposition(info)
        const chunks: Array<Uint8Array> = []
        return (chunk) => {
          if (chunk !== null) return void chunks.push(chunk)
          const file = { name: unescapeName(info.filename ?? ""), type: info.contentType, bytes: join(chunks) }
          this.#files.push([unescapeName(info.name), file])
        }
      },
      // The parser reports bytes after the last boundary as an error. RFC 2046 allows them.
      onError: ({ _tag }) => this.#done || this.#malformed(`The body is not valid multipart/form-data: ${_tag}.`),
      onDone: () => {
        this.#done = true
      }
    })
  }

  /** The first issue is the one that is reported. */
  #malformed(issue: string): void {
    this.#issue ??= issue
  }

  #checkDisposition({ contentDisposition, name }: MultipartParser.PartInfo): void {
    if (contentDisposition !== "form-data") this.#malformed(`The disposition of the part ${name} is not form-data.`)
  }

  write(chunk: Uint8Array): void {
    this.#length += chunk.length
    this.#parser.write(chunk)
  }

  end(contentLength: string | undefined): Effect.Effect<Form, string> {
    this.#parser.end()
    if (contentLength !== undefined && Number(contentLength) !== this.#length) {
      this.#malformed(`The body has ${this.#length} bytes, but Content-Length is ${contentLength}.`)
    }
    return this.#issue === undefined
      ? Effect.succeed({ texts: this.#texts, files: this.#files })
      : Effect.fail(this.#issue)
  }
}

/** Reads the whole body. Fails with a sentence that names the first issue. */
export const readForm = (request: HttpServerRequest): Effect.Effect<Form, string> =>
  Effect.suspend(() => {
    const { headers } = request
    if (!/^multipart\/form-data *;.*boundary=/iu.test(headers["content-type"] ?? "")) {
      return Effect.fail("The body must be multipart/form-data with a boundary.")
    }
    const reader = new FormReader(headers)
    return request.stream.pipe(
      Stream.runForEach((chunk) => Effect.sync(() => reader.write(chunk))),
      Effect.mapError(() => "The body could not be read completely."),
      Effect.andThen(Effect.suspend(() => reader.end(headers["content-length"])))
    )
  })
