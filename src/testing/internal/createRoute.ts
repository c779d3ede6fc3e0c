import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CustomerId } from "../../domain/CustomerId.ts"
import { authorize } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"
import { type Form, readForm } from "./form.ts"
import { apiError, jsonResponse } from "./sandboxResponse.ts"
import { type TicketContent, toWire } from "./tickets.ts"

// The API documents 20001 for a body that cannot be parsed and 20000 for invalid fields. It does not document which check
// returns which code, nor the types and the messages: those below are invented.
const malformed = (message: string) => apiError(400, 20001, "ParseError", { message })
const invalid = (message: string) => apiError(400, 20000, "ValidationError", { message })

const fieldNames = ["customerId", "summary", "description"] as const

const decodeCustomerId = Schema.decodeUnknownResult(CustomerId)

// Django uses only the last segment of a file name and silently ignores a file whose last segment is empty, "." or "..".
const hasNoFileName = (name: string) => /(?:^|[/\\])\.{0,2}$/u.test(name)

/** The content of a ticket, or why the form is invalid. Undocumented fields are invalid: they are bugs of the client. */
const parseContent = ({ files, texts }: Form): Result.Result<TicketContent, string> => {
  for (const [name] of texts) {
    if (!fieldNames.some((known) => known === name)) {
      return Result.fail(`${name}: This is not a text field of a support ticket.`)
    }
  }
  for (const name of fieldNames) {
    const values = texts.filter(([key]) => key === name)
    if (values.length === 0) return Result.fail(`${name}: This field is required.`)
    if (values.length > 1) return Result.fail(`${name}: This field occurs ${values.length} times.`)
    if (values[0]?.[1].trim() === "") return Result.fail(`${name}: This field may not be blank.`)
  }
  for (const [name, file] of files) {
    if (name !== "files") return Result.fail(`${name}: This is not a file field of a support ticket.`)
    if (hasNoFileName(file.name)) return Result.fail("files: A file has no name.")
  }
  const { customerId, description = "", summary = "" } = Object.fromEntries(texts)
  const customer = decodeCustomerId(customerId)
  if (Result.isFailure(customer)) return Result.fail("customerId: Must be a valid UUID.")
  return Result.succeed({ customerId: customer.success, summary, description, files: files.map(([, file]) => file) })
}

/** `POST /api/v1/supportTickets/`. */
export const createRoute: Endpoint = {
  route: "create",
  method: "POST",
  match: (path) => (path === "/api/v1/supportTickets/" ? {} : undefined),
  handle: (state, context) =>
    // Read the whole body before any check, like a reverse proxy that buffers requests.
    Effect.map(Effect.result(readForm(context.request)), (form) => {
      const authorized = authorize(state, context)
      if (Result.isFailure(authorized)) return authorized.failure
      if (Result.isFailure(form)) return malformed(form.failure)
      const content = parseContent(form.success)
      if (Result.isFailure(content)) return invalid(content.failure)
      const { account, customers } = authorized.success
      const hasEmail = customers.get(content.success.customerId)
      if (hasEmail === undefined) return invalid("customerId: This account has no such customer.")
      if (!hasEmail) return invalid("customerId: This customer has no email address on file.")

      const { tickets } = state
      const options = { ...tickets.createOptions, clientId: account.clientId, content: content.success }
      const ticket = tickets.make(options, context.at)
      if (context.storesTicket) tickets.add(ticket)
      // The response says PENDING even if the ticket ends immediately.
      return jsonResponse(202, toWire(ticket, undefined))
    })
}
