import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CustomerId } from "../../domain/CustomerId.ts"
import * as Answer from "./sandboxResponse.ts"
import { bearer } from "./authorization.ts"
import type { Endpoint } from "./endpoint.ts"
import { type Form, readForm } from "./form.ts"
import { type Content, toWire } from "./tickets.ts"

// That 20001 is for what cannot be parsed and 20000 for what is not valid is all that is known: which check answers with
// which code, the types and the texts are made up.
const malformed = (message: string) => Answer.apiError(400, 20001, "ParseError", { message })
const invalid = (message: string) => Answer.apiError(400, 20000, "ValidationError", { message })

const names = ["customerId", "summary", "description"] as const

const decodeCustomerId = Schema.decodeUnknownResult(CustomerId)

// Django takes the last part of a name, and passes over a file without a word if that is none.
const isNameless = (name: string) => /(?:^|[/\\])\.{0,2}$/u.test(name)

/** The content of a ticket, or what is not valid. What is not documented is refused too: it is a client's mistake. */
const contentOf = ({ files, texts }: Form): Result.Result<Content, string> => {
  for (const [name] of texts) {
    if (!names.some((known) => known === name)) return Result.fail(`${name}: is no text field of a support ticket.`)
  }
  for (const name of names) {
    const given = texts.filter(([key]) => key === name)
    if (given.length === 0) return Result.fail(`${name}: This field is required.`)
    if (given.length > 1) return Result.fail(`${name}: This field is there ${given.length} times.`)
    if (given[0]?.[1].trim() === "") return Result.fail(`${name}: This field may not be blank.`)
  }
  for (const [name, file] of files) {
    if (name !== "files") return Result.fail(`${name}: is no file field of a support ticket.`)
    if (isNameless(file.name)) return Result.fail("files: A file has no name.")
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
  handle: ({ accounts, tickets }, { at, request, stores }) =>
    // The body is read to its end whatever is answered, as by a proxy that holds a request until it is complete.
    Effect.map(Effect.result(readForm(request)), (form) => {
      const token = bearer(request.headers)
      const entry = token === undefined ? undefined : accounts.withToken(token, at)
      if (entry === undefined) return Answer.notAuthenticated()
      if (!entry.enabled) return Answer.notEnabled()
      if (Result.isFailure(form)) return malformed(form.failure)
      const content = contentOf(form.success)
      if (Result.isFailure(content)) return invalid(content.failure)
      const hasEmail = entry.customers.get(content.success.customerId)
      if (hasEmail === undefined) return invalid("customerId: This account has no such customer.")
      if (!hasEmail) return invalid("customerId: This customer has no email address on file.")

      const { clientId } = entry.account
      const ticket = tickets.make({ ...tickets.ending, clientId, content: content.success }, at)
      if (stores) tickets.add(ticket)
      // It has just been accepted, even if it ends at once.
      return Answer.json(202, { ...toWire(ticket, -Infinity) })
    })
}
