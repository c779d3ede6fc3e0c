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

/** Reads a stream. `undefined` if it has more bytes than the limit; the caller then cancels the reader. */
export const readAtMost = async (
  limit: number,
  reader: ReadableStreamDefaultReader<Uint8Array>
): Promise<Uint8Array | undefined> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatBytes(chunks)
    length += value.byteLength
    if (length > limit) return undefined
    chunks.push(value)
  }
}
