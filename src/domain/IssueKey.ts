import * as Schema from "effect/Schema"

/**
 * The reference of a registered ticket in the system of Ripio's support team, such as `SUP-1234`.
 *
 * The API promises a string and no format, so any string but the empty one is a key.
 *
 * @see Retrieve Support Ticket, `issueKey`
 * @category identifiers
 * @since 0.1.0
 */
export const IssueKey = Schema.NonEmptyString.pipe(Schema.brand("IssueKey")).annotate({ identifier: "IssueKey" })

/**
 * @category identifiers
 * @since 0.1.0
 */
export type IssueKey = typeof IssueKey.Type
