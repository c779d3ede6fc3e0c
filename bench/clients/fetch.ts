// The baseline: a hand-written client for this one endpoint. It does not validate responses.
import { type Open, sessionOf, token } from "../client.ts"

export const open: Open = async ({ baseUrl, fetch }) =>
  sessionOf(async (id) => {
    const response = await fetch(`${baseUrl}/api/v1/supportTickets/${id}/`, {
      headers: { accept: "application/json", authorization: `Bearer ${token}` }
    })
    const body = await response.json()
    return response.ok ? body.issueKey : body.code === 40017 ? "no such ticket" : `${body.code}`
  })
