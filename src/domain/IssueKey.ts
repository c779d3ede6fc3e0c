/**
 * The reference of a ticket in the system of Ripio's support team.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The reference of a registered ticket in the system of Ripio's support team, such as `SUP-1234`.
 *
 * The API documents a string without a format, so any string but the empty one is valid.
 *
 * @see https://docs.ripio.com/ramps-api/support-tickets/retrieve-support-ticket (`issueKey`)
 * @category identifiers
 * @since 0.1.0
 */
export const IssueKey = Schema.NonEmptyString.pipe(Schema.brand("IssueKey")).annotate({ identifier: "IssueKey" })

/**
 * @category identifiers
 * @since 0.1.0
 */
export type IssueKey = typeof IssueKey.Type
