import * as Schema from "effect/Schema"

/** A UUID in upper or lower case. The API documents no version, so only the shape is checked. */
export const Uuid = Schema.String.check(Schema.isGUID({ expected: "a UUID" }))

/** A UUID in lower case, the form in which identifiers are compared. */
export const CanonicalUuid = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u, {
    expected: "a UUID in lower case"
  })
)
