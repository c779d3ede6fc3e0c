import { createHash } from "node:crypto"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { CustomerId, type NewTicket, Ripio, SupportTickets } from "../../../src/index.ts"
import { sockets } from "../../support/server.ts"
import { nodePeer, Peer, peer } from "./support.ts"

const live = { excludeTestServices: true, timeout: "60 seconds" } as const

const customerId = CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d")
const text = { summary: "Depósito 💸 que no llega", description: "uno\ndos\r\ntres\r\n--x\r\n" }
const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)

const tickets: ReadonlyArray<NewTicket> = [
  { customerId, ...text },
  {
    customerId,
    ...text,
    files: [
      new File([bytes(65_537)], "comprobante ñandú 😀.pdf", { type: "application/pdf" }),
      new File([], "nothing.txt", { type: "text/plain" }),
      new File(["no type"], "no type")
    ]
  }
]
/** A ticket whose form is too large for one chunk. */
const large: NewTicket = { customerId, ...text, files: [new File([bytes(9_000_000)], "large.bin")] }

const expectedForm = async ({ customerId, description, files = [], summary }: NewTicket): Promise<unknown> => ({
  fields: { customerId, summary, description },
  files: await Promise.all(
    files.map(async (file) => ({
      name: file.name,
      type: file.type === "" ? "application/octet-stream" : file.type,
      size: file.size,
      sha256: createHash("sha256")
        .update(new Uint8Array(await file.arrayBuffer()))
        .digest("hex")
    }))
  )
})

/** The last form that the server parsed. */
const lastForm = Effect.flatMap(Peer, ({ baseUrl }) =>
  Effect.promise(async () => {
    const response = await fetch(`${baseUrl}/read`, { headers: { connection: "close" } })
    return ((await response.json()) as ReadonlyArray<unknown>).at(-1)
  })
)

const clientSecret = Redacted.make("the secret")

const assertReceived = (transport: Layer.Layer<HttpClient>, sent: ReadonlyArray<NewTicket>) =>
  Effect.gen(function* () {
    const { baseUrl } = yield* Peer
    const client = Ripio.layer({ environment: { baseUrl }, clientId: "partner", clientSecret })
    yield* Effect.forEach(sent, (ticket) =>
      Effect.gen(function* () {
        yield* SupportTickets.use(({ create }) => create(ticket))
        assert.deepEqual(yield* lastForm, yield* Effect.promise(() => expectedForm(ticket)))
      })
    ).pipe(Effect.provide(client.pipe(Layer.provide(transport))))
  })

layer(
  nodePeer((port) => [join(import.meta.dirname, "servers", "multer.mjs"), `${port}`], /^ready/mu),
  live
)("multer on express", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`receives every field and file byte of a ticket sent with ${name}`, () =>
      assertReceived(client, [...tickets, large])
    )
  }
})

layer(
  peer("/usr/bin/python3", (port) => [join(import.meta.dirname, "django", "server.py"), `${port}`], /^ready/mu),
  live
)("Django", (it) => {
  for (const [name, client] of sockets) {
    it.effect(`receives every field and file byte of a ticket sent with ${name}`, () =>
      assertReceived(client, [...tickets, large])
    )
  }
})
