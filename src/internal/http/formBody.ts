import { constVoid } from "effect/Function"
import * as HttpBody from "effect/http/HttpBody"
import * as Stream from "effect/Stream"
import { isObject } from "../../domain/InvalidOption.ts"
import { toBytes } from "./bytes.ts"

/** A form in parts. The last part completes it: without that part, no server can process the form. */
export interface Form {
  readonly contentType: string
  readonly parts: ReadonlyArray<Uint8Array<ArrayBuffer> | FilePart>
  readonly size: number
  /** When the last attempt to send the form began, in milliseconds of the wall clock. */
  sentAt?: number
}

interface FilePart {
  readonly content: Blob
  /** The size that the length of the form counts. */
  readonly size: number
}

/** Whether a part is bytes. They may be of another realm, so `instanceof` does not recognize them. */
export const isBytes = (part: Form["parts"][number]): part is Uint8Array<ArrayBuffer> => ArrayBuffer.isView(part)

const forms = new WeakMap<HttpBody.HttpBody, Form>()
const uploads = new WeakMap<HttpBody.HttpBody, Upload>()

/** A body that sends a form. Each read starts at the first part; {@link Upload} limits it to one read. */
export const formBody = (form: Form): HttpBody.HttpBody => streamed(form, () => streamOf(form))

/** The upload that a body belongs to. */
export const uploadOf = (body: HttpBody.HttpBody): Upload | undefined => uploads.get(body)

export const formOf = (body: HttpBody.HttpBody): Form | undefined => forms.get(body)

/** The content of a form body, without reading the body as a transport does. */
export const formBlobOf = (body: HttpBody.HttpBody): Blob | undefined => {
  const form = forms.get(body)
  return form === undefined ? undefined : blobOf(form)
}

const blobOf = ({ contentType, parts, size }: Form) => {
  const blob = new Blob(
    parts.map((part) => (isBytes(part) ? part : part.content)),
    { type: contentType }
  )
  if (blob.size !== size) throw new Error(sizeMismatch)
  return blob
}

export const sizeMismatch = "the size of a file is not the number of its bytes"

const streamed = (form: Form, stream: () => Stream.Stream<Uint8Array, unknown>): HttpBody.HttpBody => {
  const body = HttpBody.stream(Stream.suspend(stream), form.contentType, form.size)
  forms.set(body, form)
  return body
}

const streamOf = ({ parts }: Form): Stream.Stream<Uint8Array, unknown> =>
  Stream.flatMap(Stream.fromIterable(parts, { chunkSize: 1 }), (part) =>
    isBytes(part) ? Stream.succeed(part) : Stream.fromAsyncIterable(contentOf(part), (cause) => cause)
  )

const chunksOf = async function* ({ parts }: Form) {
  for (const part of parts) {
    if (isBytes(part)) yield part
    else yield* contentOf(part)
  }
}

/** The bytes of a file. A file with other than its size in bytes would corrupt the form, whose length is sent first. */
const contentOf = async function* ({ content, size }: FilePart) {
  const stream: ReadableStream<unknown> = await Promise.resolve(content.stream())
  const reader = stream.getReader()
  let remaining = size
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const bytes = toBytes(chunk.value)
      if (bytes === undefined) throw new TypeError("a file contains a chunk that is not bytes")
      remaining -= bytes.byteLength
      if (remaining < 0) throw new Error(sizeMismatch)
      yield bytes
    }
    if (remaining > 0) throw new Error(sizeMismatch)
  } finally {
    // Ends the read if the transport stopped early.
    reader.cancel().catch(constVoid)
  }
}

declare const FixedLengthStream: (new (length: number) => TransformStream<Uint8Array, Uint8Array>) | undefined

// Node and Bun send a stream with the length of the header, and never a second time. Deno and browsers send streams without
// a length. Deno has the global `process` too.
const sendsStreamsWithLength = (): boolean => {
  const globals: object = globalThis
  if ("Deno" in globals || !("process" in globals)) return false
  const { process } = globals
  if (!isObject(process) || !("versions" in process) || !isObject(process.versions)) return false
  return "node" in process.versions || "bun" in process.versions
}

/** What a transport has read of the form, from one start to the next. */
interface Read {
  readonly isByFetch: boolean
  chunks: number
  isComplete: boolean
}

/**
 * One attempt to send a form. The form is read at most once. The upload records what the transport has read, which shows
 * whether a failed attempt may have created a ticket.
 */
export class Upload {
  readonly form: Form
  /** The body for the transport. */
  readonly body: HttpBody.HttpBody
  #reads: Array<Read> = []
  #readsBeforeTry = 0
  #fetchFailure: unknown
  readonly #wrapped = new WeakSet<typeof globalThis.fetch>()
  #isEnded = false

  constructor(form: Form) {
    this.form = form
    this.body = streamed(form, () => {
      const read = this.#start({ isByFetch: false })
      return read === undefined
        ? Stream.fail(new Error(consumed))
        : Stream.map(streamOf(form), (chunk) => this.#count(read, chunk))
    })
    uploads.set(this.body, this)
  }

  /** The client begins to send. A client that retries does so several times. */
  beginTry(): void {
    this.#readsBeforeTry = this.#reads.length
  }

  /** Whether the transport has read any of the form. */
  get isHandedOver(): boolean {
    return this.#reads.some(({ chunks }) => chunks > 0)
  }

  /**
   * Ends an attempt with an error. The transport can read no more of the form.
   *
   * @param isBeforeConnection whether the error shows that there was no connection
   * @returns whether the form certainly was not sent
   */
  endWith(cause: unknown, isBeforeConnection: boolean): boolean {
    this.#isEnded = true
    if (!this.isHandedOver) return true
    // `fetch` reads one chunk ahead. It reads the second one when it has a connection.
    if (!this.#reads.some(({ isComplete }) => isComplete)) {
      return isBeforeConnection || (cause === this.#fetchFailure && this.#reads.every(({ chunks }) => chunks <= 1))
    }
    // A client may have retried after it sent the form, so the error of its last try says nothing. The error of the only
    // call of `fetch` does.
    return isBeforeConnection && cause === this.#fetchFailure
  }

  /**
   * Ends an attempt without a response. The transport can read no more of the form.
   *
   * @returns whether the transport has at most the first two bytes, which is not a form that a server can process
   */
  end(): boolean {
    this.#isEnded = true
    return this.#reads.every(({ chunks }) => chunks <= 1)
  }

  #start(by: Pick<Read, "isByFetch">): Read | undefined {
    if (this.isHandedOver || this.#isEnded) return undefined
    const read = { ...by, chunks: 0, isComplete: false }
    this.#reads.push(read)
    return read
  }

  #count<Chunk extends Uint8Array>(read: Read, chunk: Chunk): Chunk {
    if (this.#isEnded) throw new Error(ended)
    read.chunks++
    read.isComplete = chunk === this.form.parts.at(-1)
    return chunk
  }

  /** Wraps the `fetch` of the client, so that it sends the form. */
  wrapFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    if (this.#wrapped.has(fetch)) return fetch
    const wrapped: typeof globalThis.fetch = async (input, init) => {
      // Effect's client has made a stream of the body, and may have read ahead. That is not a read by `fetch`.
      if (init?.body instanceof ReadableStream) await init.body.cancel().catch(constVoid)
      this.#reads = this.#reads.filter(({ isByFetch }, index) => isByFetch || index < this.#readsBeforeTry)
      const read = this.#start({ isByFetch: true })
      if (read === undefined) throw new Error(consumed)
      try {
        return await fetch(input, { ...init, ...this.#fetchBody(read, new Headers(init?.headers)) })
      } catch (cause) {
        this.#fetchFailure = cause
        throw cause
      }
    }
    this.#wrapped.add(wrapped)
    return wrapped
  }

  #fetchBody(read: Read, headers: Headers): RequestInit & { readonly duplex?: "half" } {
    if (typeof FixedLengthStream === "function") {
      const { readable, writable } = new FixedLengthStream(this.form.size)
      void this.#readable(read).pipeTo(writable).catch(constVoid)
      return { headers, body: readable }
    }
    if (sendsStreamsWithLength()) {
      headers.set("content-length", `${this.form.size}`)
      return { headers, body: this.#readable(read), duplex: "half" }
    }
    // `fetch` sends a `Blob` with its length. Deno does not send it twice; a browser may.
    const body = blobOf(this.form)
    read.chunks = this.form.parts.length
    read.isComplete = true
    return { headers, body }
  }

  #readable(read: Read): ReadableStream<Uint8Array> {
    const chunks = chunksOf(this.form)
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const next = await chunks.next()
          if (next.done === true) controller.close()
          else controller.enqueue(this.#count(read, next.value))
        }
      },
      // Without a buffer, only what `fetch` asks for is read.
      { highWaterMark: 0 }
    )
  }
}

const ended = "the attempt to send the form has ended"
const consumed = "the form was read before, and is not sent twice"
