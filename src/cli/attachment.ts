import * as Effect from "effect/Effect"
import { openAsBlob } from "node:fs"
import { basename, extname } from "node:path"
import { unreadable } from "./flags.ts"

// The types of files that customers send to support. Any other file is sent without a type.
const types: Readonly<Record<string, string>> = {
  ".csv": "text/csv",
  ".gif": "image/gif",
  ".heic": "image/heic",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".txt": "text/plain",
  ".webp": "image/webp"
}

/** A file on disk as an attachment. Its content is read while the ticket is sent. */
export const openAttachment = (path: string) => {
  const type = types[extname(path).toLowerCase()] ?? ""
  return Effect.tryPromise({
    try: async () => {
      const content = await openAsBlob(path, { type })
      // Fails now, before anything is sent, if the file may not be read.
      await content.slice(0, 1).arrayBuffer()
      return new File([content], basename(path), { type })
    },
    catch: (cause) => unreadable("--file", path, cause)
  })
}
