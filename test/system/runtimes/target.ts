/** Where the sandbox listens, and who may ask it. */
export interface Target {
  readonly baseUrl: string
  /** A base URL on which nothing listens. */
  readonly closedUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly customerId: string
  /** Makes the tickets of this run known to the server. */
  readonly runtime: string
  readonly limits: Limits
}

/** Where a runtime cannot do what the others can, which is then checked to be so. */
export interface Limits {
  /** It does not tell a connection that was never made from one that broke, so that a ticket may exist after both. */
  readonly hidesRefusal?: true
  /** Its `fetch` sends a POST once more when the connection is reset before an answer, and tells nobody. */
  readonly resends?: true
  /** It asks a person for a password when an answer says `WWW-Authenticate: Basic`, unless it is told not to. */
  readonly asksForPasswords?: true
}

export interface Result {
  readonly name: string
  readonly milliseconds: number
  /** What went wrong, if anything did. */
  readonly failure?: string
}

/** The files that are sent: one in a piece, one that is large enough to be streamed. */
export const sizes = { small: 70_000, large: 9 * 1024 * 1024 }

export const description = "Línea uno\nlínea dos 💸"

/** Bytes of every value, the same at both ends. */
export const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
