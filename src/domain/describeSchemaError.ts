import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a value is not, in one line, beginning with the field: `issueKey: Expected null`. Never shows the value. */
export const issueOf = (error: Schema.SchemaError): string =>
  format(error.issue)
    .issues.map(({ message, path }) => {
      const field = (path ?? []).map(String).join(".")
      return field === "" ? message : `${field}: ${message}`
    })
    .join("; ")
