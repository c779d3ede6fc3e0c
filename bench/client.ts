/** One user of a candidate: retrieves a ticket `calls` times, one call after the other. */
export type Session = (id: string, calls: number) => Promise<void>

export interface Setting {
  readonly baseUrl: string
  /** An in-process stub, or the `fetch` of the runtime. */
  readonly fetch: typeof fetch
  /** The transport of the clients that use Effect. */
  readonly transport: "fetch" | "undici"
  readonly isTraced: boolean
}

export type Open = (setting: Setting) => Promise<Session>

/** A ticket that the stubs have, and a ticket that they do not have. */
export const known = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
export const unknown = "3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"
/** The stubs accept any token. */
export const token = "any-token"

/** Throws unless a client returned the issue key of {@link known}, or "no such ticket" for {@link unknown}. */
export const check = (id: string, result: string): void => {
  const expected = id === known ? "SUP-1234" : "no such ticket"
  if (result !== expected) throw new Error(`expected ${expected} for ${id}, got ${result}`)
}

export const sessionOf =
  (retrieve: (id: string) => Promise<string>): Session =>
  async (id, calls) => {
    for (let call = 0; call < calls; call++) check(id, await retrieve(id))
  }

const bodies = {
  token: { status: 200, body: { access_token: token, expires_in: 36000, token_type: "Bearer", scope: "read" } },
  known: { status: 200, body: { ticketId: known, status: "CREATED", issueKey: "SUP-1234" } },
  unknown: {
    status: 404,
    body: {
      code: 40017,
      type: "SupportTicketNotFoundException",
      detail: { message: "The ticket was not found." },
      status: 404
    }
  }
}

const encoded = Object.fromEntries(
  Object.entries(bodies).map(([name, { body, status }]) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return [
      name,
      { bytes, status, headers: { "content-type": "application/json", "content-length": `${bytes.length}` } }
    ]
  })
)

/** The encoded response to a request. */
export const responseTo = (url: string) =>
  (url.includes("/oauth2/") ? encoded["token"] : url.includes(known) ? encoded["known"] : encoded["unknown"])!

/** A `fetch` that responds immediately. */
export const stub: typeof fetch = (input) => {
  const { bytes, headers, status } = responseTo(input instanceof Request ? input.url : `${input}`)
  return Promise.resolve(new Response(bytes, { headers, status }))
}
