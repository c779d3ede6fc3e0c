/** The address of the sandbox, and an account that it accepts. */
export interface Target {
  readonly baseUrl: string
  /** A base URL at which no server listens. */
  readonly closedUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly customerId: string
  /** The name of the runtime. It marks the tickets of this run at the server. */
  readonly runtime: string
  readonly limits: Limits
}

/** The known limits of a runtime. The checks expect the limited behavior. */
export interface Limits {
  /** Its errors do not distinguish a refused connection from a broken one. After both, a ticket may exist. */
  readonly hidesRefusal?: true
  /** Its `fetch` silently resends a POST if the connection is reset before the response. */
  readonly resends?: true
  /** It shows a password prompt for `WWW-Authenticate: Basic`, unless the request omits credentials. */
  readonly promptsForPassword?: true
}

export interface Result {
  readonly name: string
  readonly milliseconds: number
  /** The error, if the check failed. */
  readonly failure?: string
}

/** The sizes of the files: a small one is sent in one chunk, a large one is streamed. */
export const sizes = { small: 70_000, large: 9 * 1024 * 1024 }

export const description = "Línea uno\nlínea dos 💸"

/** Deterministic bytes of all values, so that the server can verify what it receives. */
export const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
