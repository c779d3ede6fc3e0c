// The `fetch` client, with zod validation of every response.
import * as z from "zod"
import { type Open, sessionOf, token } from "../client.ts"

const ticketId = z.uuid()
const Ticket = z.discriminatedUnion("status", [
  z.object({ ticketId, status: z.literal("PENDING"), issueKey: z.null() }),
  z.object({ ticketId, status: z.literal("CREATED"), issueKey: z.string().min(1) }),
  z.object({ ticketId, status: z.literal("FAILED"), issueKey: z.null() })
])
const ApiError = z.object({ code: z.int(), type: z.string(), detail: z.unknown(), status: z.int() })

export const open: Open = async ({ baseUrl, fetch }) =>
  sessionOf(async (id) => {
    const response = await fetch(`${baseUrl}/api/v1/supportTickets/${id}/`, {
      headers: { accept: "application/json", authorization: `Bearer ${token}` }
    })
    const body: unknown = await response.json()
    if (response.ok) return Ticket.parse(body).issueKey ?? ""
    const { code } = ApiError.parse(body)
    return code === 40017 ? "no such ticket" : `${code}`
  })
