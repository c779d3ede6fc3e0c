// The client that hey-api generates, with zod validation of responses.
import { type Open, sessionOf, token } from "../client.ts"
import { createClient } from "../build/hey-api/client/index.js"
import { retrieve } from "../build/hey-api/sdk.gen.js"

export const open: Open = async ({ baseUrl, fetch }) => {
  const client = createClient({ baseUrl, fetch, auth: token })
  return sessionOf(async (ticketId) => {
    const { data, error } = await retrieve({ client, path: { ticketId } })
    return data?.issueKey ?? (error?.code === 40017 ? "no such ticket" : `${error?.code}`)
  })
}
