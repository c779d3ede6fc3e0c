import busboy from "busboy"
import type { NewTicket } from "../../../src/index.ts"

/** The content of a multipart body, in order. */
export interface Parsed {
  readonly texts: ReadonlyArray<{ readonly name: string; readonly text: string }>
  readonly files: ReadonlyArray<{
    readonly field: string
    readonly name: string
    readonly type: string
    readonly bytes: Uint8Array
  }>
}

// HTML escapes these three characters in a file name. `busboy` leaves unescaping to its user.
const unescape = (name: string) => name.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n")

/** Parses a body with `busboy`. */
export const parseByBusboy = (contentType: string, body: Uint8Array): Promise<Parsed> =>
  new Promise((resolve, reject) => {
    const texts: Array<Parsed["texts"][number]> = []
    const files: Array<Parsed["files"][number]> = []
    const parser = busboy({
      headers: { "content-type": contentType },
      preservePath: true,
      defParamCharset: "utf8",
      limits: { fieldSize: Infinity }
    })
    parser.on("field", (name, text) => texts.push({ name, text }))
    parser.on("file", (field, stream, { filename, mimeType }) => {
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () =>
        files.push({
          field,
          name: unescape(filename ?? ""),
          type: mimeType,
          bytes: new Uint8Array(Buffer.concat(chunks))
        })
      )
    })
    parser.on("error", reject)
    parser.on("close", () => resolve({ texts, files }))
    parser.end(body)
  })

/** Parses a body with `Response.formData` of the runtime. */
export const parseByFormData = async (contentType: string, body: Uint8Array): Promise<Parsed> => {
  const form = await new Response(Uint8Array.from(body), { headers: { "content-type": contentType } }).formData()
  const texts: Array<Parsed["texts"][number]> = []
  const files: Array<Parsed["files"][number]> = []
  for (const [field, value] of form) {
    if (typeof value === "string") texts.push({ name: field, text: value })
    else {
      const { name, type } = value
      files.push({ field, name, type, bytes: new Uint8Array(await value.arrayBuffer()) })
    }
  }
  return { texts, files }
}

/** The content that a parser should find in the body for a ticket. */
export const contentOf = async ({ customerId, description, files = [], summary }: NewTicket): Promise<Parsed> => ({
  texts: [
    { name: "customerId", text: customerId },
    { name: "summary", text: summary },
    { name: "description", text: description }
  ],
  files: await Promise.all(
    files.map(async (file) => ({
      field: "files",
      name: file.name,
      type: file.type === "" ? "application/octet-stream" : file.type,
      bytes: new Uint8Array(await file.arrayBuffer())
    }))
  )
})
