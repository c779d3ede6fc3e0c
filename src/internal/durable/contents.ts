import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type { KeyValueStore, KeyValueStoreError } from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import { CustomerId } from "../../domain/CustomerId.ts"
import type { NewTicket } from "../../domain/NewTicket.ts"
import type { TicketContent } from "../../domain/TicketContent.ts"

/** Where the content of a submission is, and what it must be. */
export interface ContentRef {
  readonly id: string
  /** SHA-256 over everything that the content consists of. */
  readonly hash: string
  /** The number of chunks that hold the fields, and the number of all chunks. */
  readonly fieldChunks: number
  readonly chunks: number
}

/** A content that was read once to be hashed, and is read once more to be stored. */
export interface HashedContent extends Omit<ContentRef, "id"> {
  readonly read: (index: number) => Effect.Effect<Uint8Array<ArrayBuffer>, ContentUnreadable>
}

/** A file cannot be read, or has changed since it was hashed. */
export class ContentUnreadable extends Data.TaggedError("ContentUnreadable")<{ readonly issue: string }> {}

/** The stored content is incomplete or is not what was stored. */
export class ContentDamaged extends Data.TaggedError("ContentDamaged")<{ readonly issue: string }> {}

/** Contents by submission, in chunks of 4 MB, because one value in a database may not be as large as a file. */
export interface Contents {
  readonly store: (
    ref: ContentRef,
    content: HashedContent
  ) => Effect.Effect<void, KeyValueStoreError | ContentUnreadable>
  readonly load: (ref: ContentRef) => Effect.Effect<NewTicket, KeyValueStoreError | ContentDamaged>
  readonly erase: (ref: ContentRef) => Effect.Effect<void, KeyValueStoreError>
}

const chunkBytes = 4 * 1024 * 1024

const FieldsFromJson = Schema.fromJsonString(
  Schema.Struct({
    v: Schema.Literal(1),
    customerId: CustomerId,
    summary: Schema.String,
    description: Schema.String,
    files: Schema.Array(Schema.Struct({ name: Schema.String, type: Schema.String, size: Schema.Int }))
  })
)
const decodeFields = Schema.decodeUnknownEffect(FieldsFromJson)
const encodeFields = Schema.encodeUnknownEffect(FieldsFromJson)

const sha256 = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array<ArrayBuffer>> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", bytes)),
    (digest) => new Uint8Array(digest)
  )

/** The hash of a content is that of the hashes of its chunks, so that no content has to be in memory as a whole. */
const hashOf = (digests: ReadonlyArray<Uint8Array>): Effect.Effect<string> =>
  Effect.map(sha256(concat(digests)), Hex.encode)

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

const chunkCount = (bytes: number): number => Math.ceil(bytes / chunkBytes)

/** The number of bytes of a content. */
export const contentBytes = ({ description, files, summary }: TicketContent): number =>
  files.reduce((size, file) => size + file.size, new TextEncoder().encode(summary + description).length)

/** Hashes a content, one chunk at a time. */
export const hashContent = Effect.fnUntraced(function* ({
  customerId,
  description,
  files,
  summary
}: TicketContent): Effect.fn.Return<HashedContent, ContentUnreadable> {
  const json = yield* Effect.orDie(
    encodeFields({
      v: 1,
      customerId,
      summary,
      description,
      files: files.map(({ name, size, type }) => ({ name, type, size }))
    })
  )
  const fields = new TextEncoder().encode(json)
  const readers: Array<Effect.Effect<Uint8Array<ArrayBuffer>, ContentUnreadable>> = []
  const fieldChunks = chunkCount(fields.length)
  for (let chunk = 0; chunk < fieldChunks; chunk++) {
    readers.push(Effect.sync(() => fields.slice(chunk * chunkBytes, (chunk + 1) * chunkBytes)))
  }
  for (const [index, { content, size }] of files.entries()) {
    for (let chunk = 0; chunk < chunkCount(size); chunk++) {
      const start = chunk * chunkBytes
      readers.push(readPart(content, start, Math.min(start + chunkBytes, size), index))
    }
  }
  const digests: Array<Uint8Array> = []
  for (const read of readers) digests.push(yield* Effect.flatMap(read, sha256))
  return {
    hash: yield* hashOf(digests),
    fieldChunks,
    chunks: readers.length,
    read: (index) =>
      Effect.gen(function* () {
        const reader = readers[index]
        const digest = digests[index]
        if (reader === undefined || digest === undefined) return yield* Effect.die(new RangeError("no such chunk"))
        const bytes = yield* reader
        return Hex.encode(yield* sha256(bytes)) === Hex.encode(digest)
          ? bytes
          : yield* new ContentUnreadable({ issue: "files: a file has changed while it was stored" })
      })
  }
})

const readPart = (
  file: File,
  start: number,
  end: number,
  index: number
): Effect.Effect<Uint8Array<ArrayBuffer>, ContentUnreadable> => {
  const unreadable = () => new ContentUnreadable({ issue: `files.${index}: expected a file whose content can be read` })
  return Effect.tryPromise({ try: () => file.slice(start, end).arrayBuffer(), catch: unreadable }).pipe(
    Effect.map((buffer) => new Uint8Array(buffer)),
    Effect.filterOrFail(({ length }) => length === end - start, unreadable)
  )
}

/** Contents in a `KeyValueStore`, under keys that begin with a name. */
export const makeContents = (store: KeyValueStore, name: string): Contents => {
  const keyOf = ({ hash, id }: ContentRef, chunk: number) => `${name}:${hash}:${chunk}:${id}`
  const forEachChunk = <E>(ref: ContentRef, use: (chunk: number) => Effect.Effect<void, E>) =>
    Effect.forEach(
      Array.from({ length: ref.chunks }, (_, chunk) => chunk),
      use,
      { discard: true }
    )

  return {
    store: (ref, content) =>
      forEachChunk(ref, (chunk) => Effect.flatMap(content.read(chunk), (bytes) => store.set(keyOf(ref, chunk), bytes))),
    erase: (ref) => forEachChunk(ref, (chunk) => store.remove(keyOf(ref, chunk))),
    load: Effect.fnUntraced(function* (ref) {
      const digests: Array<Uint8Array> = []
      const parts: Array<Uint8Array<ArrayBuffer>> = []
      for (let chunk = 0; chunk < ref.chunks; chunk++) {
        const stored = yield* store.getUint8Array(keyOf(ref, chunk))
        if (stored === undefined) return yield* new ContentDamaged({ issue: "its stored content is incomplete" })
        // A copy, because a driver may return a view of a larger buffer, or of one that it uses again.
        const bytes = new Uint8Array(stored)
        digests.push(yield* sha256(bytes))
        parts.push(bytes)
      }
      if ((yield* hashOf(digests)) !== ref.hash) {
        return yield* new ContentDamaged({ issue: "its stored content was changed" })
      }
      const text = new TextDecoder().decode(concat(parts.slice(0, ref.fieldChunks)))
      const fields = yield* Effect.mapError(
        decodeFields(text),
        () => new ContentDamaged({ issue: "its stored content cannot be decoded" })
      )
      let next = ref.fieldChunks
      const files = fields.files.map(({ name, size, type }) => {
        const end = next + chunkCount(size)
        const file = new File(parts.slice(next, end), name, { type })
        next = end
        return file
      })
      const { customerId, description, summary } = fields
      return files.length === 0 ? { customerId, summary, description } : { customerId, summary, description, files }
    })
  }
}
