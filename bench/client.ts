/** What every candidate is: something that retrieves tickets one after the other, as one user of it would. */
export type Session = (id: string, calls: number) => Promise<void>

export interface Setting {
  readonly baseUrl: string
  /** What stands for the network: an in-process stub, or the runtime's own. */
  readonly fetch: typeof fetch
  /** Which of its transports an Effect client takes. */
  readonly transport: "fetch" | "undici"
  readonly isTraced: boolean
}

export type Open = (setting: Setting) => Promise<Session>

/** The ticket that the stubs know, the one that they do not, and the words with which a client has to say so. */
export const known = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
export const unknown = "3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d"
export type Seen = "SUP-1234" | "no such ticket"

export const token = "a-token-that-nobody-checks"

export const check = (id: string, seen: string): void => {
  const expected: Seen = id === known ? "SUP-1234" : "no such ticket"
  if (seen !== expected) throw new Error(`expected ${expected} of ${id}, got ${seen}`)
}

export const sessionOf =
  (retrieve: (id: string) => Promise<string>): Session =>
  async (id, calls) => {
    for (let call = 0; call < calls; call++) check(id, await retrieve(id))
  }

const answers = {
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

const ready = Object.fromEntries(
  Object.entries(answers).map(([name, { body, status }]) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return [
      name,
      { bytes, status, headers: { "content-type": "application/json", "content-length": `${bytes.length}` } }
    ]
  })
)

/** The whole answer to a request, as bytes. */
export const answerTo = (url: string) =>
  (url.includes("/oauth2/") ? ready["token"] : url.includes(known) ? ready["known"] : ready["unknown"])!

/** A network that answers at once. */
export const stub: typeof fetch = (input) => {
  const { bytes, headers, status } = answerTo(input instanceof Request ? input.url : `${input}`)
  return Promise.resolve(new Response(bytes, { headers, status }))
}
