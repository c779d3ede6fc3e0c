/** Any value as text. A value whose conversion to a text fails, such as one without a prototype, is named by its type. */
export const describe = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
