import busboy from "busboy"
import type { NewTicket } from "../../../src/index.ts"

/** What a parser found in a body, in its order. */
export interface Parsed {
  readonly texts: ReadonlyArray<readonly [name: string, text: string]>
  readonly files: ReadonlyArray<readonly [field: string, name: string, type: string, bytes: Uint8Array]>
}

// HTML writes these three so in a name. `busboy` leaves it to its user to read them back.
const readBack = (name: string) => name.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n")

export const byBusboy = (contentType: string, body: Uint8Array): Promise<Parsed> =>
  new Promise((resolve, reject) => {
    const texts: Array<Parsed["texts"][number]> = []
    const files: Array<Parsed["files"][number]> = []
    const parser = busboy({
      headers: { "content-type": contentType },
      preservePath: true,
      defParamCharset: "utf8",
      limits: { fieldSize: Infinity }
    })
    parser.on("field", (name, value) => texts.push([name, value]))
    parser.on("file", (field, stream, { filename, mimeType }) => {
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () =>
        files.push([field, readBack(filename ?? ""), mimeType, new Uint8Array(Buffer.concat(chunks))])
      )
    })
    parser.on("error", reject)
    parser.on("close", () => resolve({ texts, files }))
    parser.end(body)
  })

export const byFormData = async (contentType: string, body: Uint8Array): Promise<Parsed> => {
  const form = await new Response(Uint8Array.from(body), { headers: { "content-type": contentType } }).formData()
  const texts: Array<Parsed["texts"][number]> = []
  const files: Array<Parsed["files"][number]> = []
  for (const [name, value] of form) {
    if (typeof value === "string") texts.push([name, value])
    else files.push([name, value.name, value.type, new Uint8Array(await value.arrayBuffer())])
  }
  return { texts, files }
}

/** What a parser should find. */
export const contentOf = async ({ customerId, description, files = [], summary }: NewTicket): Promise<Parsed> => ({
  texts: [
    ["customerId", customerId],
    ["summary", summary],
    ["description", description]
  ],
  files: await Promise.all(
    files.map(async (file) => {
      const type = file.type === "" ? "application/octet-stream" : file.type
      return ["files", file.name, type, new Uint8Array(await file.arrayBuffer())] as const
    })
  )
})
