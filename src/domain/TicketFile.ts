import * as Schema from "effect/Schema"

/** What a form says about a file. */
export interface FileDetails {
  readonly name: string
  readonly type: string
  readonly size: number
}

/**
 * Reads the details of a file once. A class that extends `File`, or an object with its prototype, may return or throw
 * anything. `undefined` if the details are not those of a file.
 */
export const fileDetailsOf = (file: File): FileDetails | undefined => {
  try {
    const details: Record<keyof FileDetails, unknown> = { name: file.name, type: file.type, size: file.size }
    return isFileDetails(details) ? details : undefined
  } catch {
    return undefined
  }
}

const isFileDetails = (
  details: Record<keyof FileDetails, unknown>
): details is Record<keyof FileDetails, unknown> & FileDetails =>
  typeof details.name === "string" &&
  typeof details.type === "string" &&
  // The type becomes a header of the form.
  /^[\x20-\x7e]*$/u.test(details.type) &&
  Number.isSafeInteger(details.size) &&
  Number(details.size) >= 0

// Servers silently skip a file without a name. Django uses the part after the last slash or backslash as the name.
// Parsers disagree about a backslash or a control character in a name.
export const hasFileName = ({ name }: FileDetails): boolean =>
  name.isWellFormed() && !/\\|(?![\r\n])\p{Cc}|(?:^|\/)\.{0,2}$/u.test(name)

/** A file that a form can carry. */
export const TicketFile = Schema.File.check(
  Schema.makeFilter((file: File) => fileDetailsOf(file) !== undefined, {
    expected: "a file whose name, type and size can be read"
  }),
  Schema.makeFilter(
    (file: File) => {
      const details = fileDetailsOf(file)
      return details !== undefined && hasFileName(details)
    },
    { expected: "a file with a name, without backslashes, control characters or a slash at its end" }
  )
)
