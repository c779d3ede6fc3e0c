// The baseline on Node.js: `request` of undici. It does not validate responses.
import { request } from "undici"
import { type Open, sessionOf, token } from "../client.ts"

export const open: Open = async ({ baseUrl }) =>
  sessionOf(async (id) => {
    const { body, statusCode } = await request(`${baseUrl}/api/v1/supportTickets/${id}/`, {
      headers: { accept: "application/json", authorization: `Bearer ${token}` }
    })
    const json: any = await body.json()
    return statusCode === 200 ? json.issueKey : json.code === 40017 ? "no such ticket" : `${json.code}`
  })
