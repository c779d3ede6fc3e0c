const encoder = new TextEncoder()

/** Joins chunks of bytes. A single chunk is returned without a copy. */
export const concatBytes = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) return first
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

// `instanceof` does not recognize an ArrayBuffer of another realm.
const isArrayBuffer = (value: unknown): value is ArrayBuffer =>
  ["[object ArrayBuffer]", "[object SharedArrayBuffer]"].includes(Object.prototype.toString.call(value))

/** The bytes of a view or a buffer, without a copy. `undefined` if the value is not bytes. */
export const toBytes = (value: unknown): Uint8Array | undefined =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : isArrayBuffer(value)
      ? new Uint8Array(value)
      : undefined

/**
 * Reads a stream whose chunks are bytes or text. `undefined` if it has more bytes than the limit; the caller then cancels
 * the reader. Rejects if a chunk is neither bytes nor text.
 */
export const readAtMost = async (
  limit: number,
  reader: { readonly read: () => Promise<{ readonly done: boolean; readonly value?: unknown }> }
): Promise<Uint8Array | undefined> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatBytes(chunks)
    // A text has at least as many bytes as UTF-16 units: one above the limit is not encoded.
    if (typeof value === "string" && length + value.length > limit) return undefined
    const chunk = typeof value === "string" ? encoder.encode(value) : toBytes(value)
    if (chunk === undefined) throw new TypeError("expected a body of bytes or text")
    length += chunk.byteLength
    if (length > limit) return undefined
    if (chunk.byteLength > 0) chunks.push(chunk)
  }
}
