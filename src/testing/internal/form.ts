import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as MultipartParser from "effect/http/MultipartParser"
import * as Stream from "effect/Stream"
import { concatBytes } from "../../internal/http/bytes.ts"
import type { SandboxFile } from "../SandboxTicket.ts"

/** The parts of a `multipart/form-data` body, in the order of the body. */
export interface Form {
  readonly texts: ReadonlyArray<readonly [name: string, text: string]>
  readonly files: ReadonlyArray<readonly [name: string, file: SandboxFile]>
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The number of bytes that the sandbox keeps of a file. */
const maxKeptBytes = 16 * 1024 * 1024

// The API documents no limits. These are the defaults of Django for the texts of a form and for the number of its fields.
const maxTextBytes = 2_621_440
const maxParts = 1000

/** Collects the first bytes of a file, and counts all. */
class FileContent {
  size = 0
  readonly #chunks: Array<Uint8Array> = []

  add(chunk: Uint8Array): void {
    const room = maxKeptBytes - this.size
    // A copy, because the chunk may be a small part of a buffer that is as large as the body.
    if (room > 0) this.#chunks.push(chunk.slice(0, room))
    this.size += chunk.length
  }

  get bytes(): Uint8Array {
    return concatBytes(this.#chunks)
  }
}

// The form encoding of HTML escapes exactly these three characters in names.
const unescapeName = (name: string) => name.replaceAll("%22", '"').replaceAll(/%0d/giu, "\r").replaceAll(/%0a/giu, "\n")

const describeError = (error: MultipartParser.MultipartError): string => {
  if (error._tag !== "ReachedLimit") return `The body is not valid multipart/form-data: ${error._tag}.`
  return error.limit === "MaxParts"
    ? `The form has more than ${maxParts} fields.`
    : `A text has more than ${maxTextBytes} bytes.`
}

class FormReader {
  readonly #texts: Array<Form["texts"][number]> = []
  readonly #files: Array<Form["files"][number]> = []
  readonly #parser: MultipartParser.Parser
  #issue: string | undefined
  #done = false
  #length = 0
  #textBytes = 0

  constructor(headers: Record<string, string>) {
    this.#parser = MultipartParser.make({
      headers,
      maxFieldSize: maxTextBytes,
      maxParts,
      isFile: ({ filename }) => filename !== undefined,
      onField: (info, value) => {
        this.#checkDisposition(info)
        this.#textBytes += value.length
        if (this.#textBytes > maxTextBytes) return this.#malformed(`The texts have more than ${maxTextBytes} bytes.`)
        try {
          this.#texts.push([unescapeName(info.name), utf8.decode(value)])
        } catch {
          this.#malformed(`The text of ${info.name} is not UTF-8.`)
        }
      },
      onFile: (info) => {
        this.#checkDisposition(info)
        const content = new FileContent()
        return (chunk) => {
          if (chunk !== null) return content.add(chunk)
          const { bytes, size } = content
          const file = { name: unescapeName(info.filename ?? ""), type: info.contentType, size, bytes }
          this.#files.push([unescapeName(info.name), file])
        }
      },
      // The parser reports bytes after the last boundary as an error. RFC 2046 allows them.
      onError: (error) => this.#done || this.#malformed(describeError(error)),
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
