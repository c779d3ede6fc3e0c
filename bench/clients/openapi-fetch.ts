// openapi-fetch with the types of openapi-typescript. It does not validate responses.
import createClient from "openapi-fetch"
import type { paths } from "../build/openapi-typescript.ts"
import { type Open, sessionOf, token } from "../client.ts"

export const open: Open = async ({ baseUrl, fetch }) => {
  const client = createClient<paths>({ baseUrl, fetch, headers: { authorization: `Bearer ${token}` } })
  return sessionOf(async (ticketId) => {
    const { data, error } = await client.GET("/api/v1/supportTickets/{ticketId}/", { params: { path: { ticketId } } })
    return data?.issueKey ?? (error?.code === 40017 ? "no such ticket" : `${error?.code}`)
  })
}
