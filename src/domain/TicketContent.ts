import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { CustomerId } from "./CustomerId.ts"
import { describeSchemaError } from "./describeSchemaError.ts"
import { NewTicket } from "./NewTicket.ts"
import { type FileDetails, fileDetailsOf, hasFileName } from "./TicketFile.ts"

/** The content of a ticket. Everything but the bytes of the files was read once and cannot change. */
export interface TicketContent {
  readonly customerId: CustomerId
  readonly summary: string
  readonly description: string
  readonly files: ReadonlyArray<FileDetails & { readonly content: File }>
}

const decode = Schema.decodeUnknownResult(Schema.toType(NewTicket))

/** Checks a ticket, which JavaScript may have filled with anything. A failure describes the problem. */
export const ticketContentOf = (ticket: unknown): Result.Result<TicketContent, string> => {
  try {
    const decoded = decode(ticket)
    if (Result.isFailure(decoded)) return Result.fail(describeSchemaError(decoded.failure))
    const { customerId, description, files = [], summary } = decoded.success
    return Result.map(Result.all(files.map(readFile)), (files) => ({ customerId, summary, description, files }))
  } catch {
    // A getter or a proxy, which the schema does not expect to throw.
    return Result.fail("ticket: expected a value that can be read")
  }
}

const readFile = (content: File, index: number): Result.Result<TicketContent["files"][number], string> => {
  const details = fileDetailsOf(content)
  // The schema has read them before, but a getter may return another value now.
  return details === undefined || !hasFileName(details)
    ? Result.fail(`files.${index}: expected a file whose name, type and size can be read`)
    : Result.succeed({ ...details, content })
}
