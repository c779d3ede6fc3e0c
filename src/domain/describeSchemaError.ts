import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Describes a schema error in one line that begins with the field: `issueKey: Expected null`. Never shows the value. */
export const describeSchemaError = (error: Schema.SchemaError): string =>
  format(error.issue)
    .issues.map(({ message, path }) => {
      const field = (path ?? []).map(String).join(".")
      return field === "" ? message : `${field}: ${message}`
    })
    .join("; ")
