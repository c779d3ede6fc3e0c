import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as MultipartParser from "effect/http/MultipartParser"
import * as Stream from "effect/Stream"
import type { SandboxFile } from "../SandboxTicket.ts"

/** What a `multipart/form-data` body holds, in its order. */
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

// HTML's form encoding writes the three characters so that cannot stand in a quoted name.
const unquoted = (name: string) => name.replaceAll("%22", '"').replaceAll(/%0d/giu, "\r").replaceAll(/%0a/giu, "\n")

class Reader {
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
        this.#check(info)
        try {
          this.#texts.push([unquoted(info.name), utf8.decode(value)])
        } catch {
          this.#malformed(`The text of ${info.name} is not UTF-8.`)
        }
      },
      onFile: (info) => {
        this.#check(info)
        const chunks: Array<Uint8Array> = []
        return (chunk) => {
          if (chunk !== null) return void chunks.push(chunk)
          const file = { name: unquoted(info.filename ?? ""), type: info.contentType, bytes: join(chunks) }
          this.#files.push([unquoted(info.name), file])
        }
      },
      // The parser takes what follows the last boundary for a broken part.
      onError: ({ _tag }) => this.#done || this.#malformed(`The body is no good multipart: ${_tag}.`),
      onDone: () => {
        this.#done = true
      }
    })
  }

  #malformed(issue: string): void {
    this.#issue ??= issue
  }

  #check({ contentDisposition, name }: MultipartParser.PartInfo): void {
    if (contentDisposition !== "form-data") this.#malformed(`The part ${name} is no form-data.`)
  }

  write(chunk: Uint8Array): void {
    this.#length += chunk.length
    this.#parser.write(chunk)
  }

  end(announced: string | undefined): Effect.Effect<Form, string> {
    this.#parser.end()
    if (announced !== undefined && Number(announced) !== this.#length) {
      this.#malformed(`The body has ${this.#length} bytes, and Content-Length says ${announced}.`)
    }
    return this.#issue === undefined
      ? Effect.succeed({ texts: this.#texts, files: this.#files })
      : Effect.fail(this.#issue)
  }
}

/** Reads the whole body. Fails with a sentence that says what is malformed. */
export const readForm = (request: HttpServerRequest): Effect.Effect<Form, string> =>
  Effect.suspend(() => {
    const { headers } = request
    if (!/^multipart\/form-data *;.*boundary=/iu.test(headers["content-type"] ?? "")) {
      return Effect.fail("The body must be multipart/form-data with a boundary.")
    }
    const reader = new Reader(headers)
    return request.stream.pipe(
      Stream.runForEach((chunk) => Effect.sync(() => reader.write(chunk))),
      Effect.mapError(() => "The body could not be read to its end."),
      Effect.andThen(Effect.suspend(() => reader.end(headers["content-length"])))
    )
  })
