import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { sanitize } from "./sanitize.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Describes a schema error in one line that begins with the field: `issueKey: Expected null`. Never shows the value. The
 * names of fields may come from outside, so they are sanitized.
 */
export const describeSchemaError = (error: Schema.SchemaError): string =>
  sanitize.message(
    format(error.issue)
      .issues.map(({ message, path }) => {
        const field = (path ?? []).map(String).join(".")
        return field === "" ? message : `${field}: ${message}`
      })
      .join("; ")
  )
