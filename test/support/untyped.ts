/** A value of any type where the types do not allow it, as JavaScript can pass it. */
export const untyped = (value: unknown): never => value as never
