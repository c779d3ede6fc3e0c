// Measures one way to wait for the outcomes of many tickets: the memory per ticket, and the CPU time per poll. The HTTP
// client returns the text of a response directly, since a network would dominate the cost.
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { AuthStaticToken, RipioHttpLive, SupportTickets, SupportTicketsLive, TicketId } from "effect-ripio-tickets"
import { token } from "../client.ts"
import type { Waiting } from "../parts/waiting.ts"
import { role, serve } from "./serve.ts"

const { candidate, every, tickets } = role() as {
  readonly candidate: keyof typeof candidates
  readonly every: number
  readonly tickets: number
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

let polls = 0
const responseTo = (url: string) => {
  polls++
  return `{"ticketId":"${url.slice(-37, -1)}","status":"PENDING","issueKey":null}`
}

const headers = { "content-type": "application/json", "content-length": "90" }
class StubResponse {
  readonly [HttpClientResponse.TypeId] = HttpClientResponse.TypeId
  readonly status = 200
  readonly headers = headers
  readonly text: Effect.Effect<string>
  readonly request: HttpClientRequest
  constructor(request: HttpClientRequest) {
    this.request = request
    this.text = Effect.succeed(responseTo(request.url))
  }
}
const http: HttpClient.HttpClient = HttpClient.makeWith<never, never, HttpClientError, never>(
  Effect.map((request) => new StubResponse(request) as unknown as HttpClientResponse.HttpClientResponse),
  Effect.succeed
)

const url = (id: string) => `http://stub.test/api/v1/supportTickets/${id}/`
const Ticket = Schema.Struct({
  ticketId: Schema.String.check(Schema.isUUID()),
  status: Schema.Literals(["PENDING", "CREATED", "FAILED"]),
  issueKey: Schema.NullOr(Schema.String)
})
const decode = Schema.decodeUnknownEffect(Ticket)
const isOutcome = ({ status }: typeof Ticket.Type) => status !== "PENDING"

/** The minimum work of a poll on Effect. */
const poll = (id: string) =>
  http.get(url(id)).pipe(
    Effect.flatMap((response) => response.text),
    Effect.flatMap((text) => decode(JSON.parse(text)))
  )

const ours = ManagedRuntime.make(
  SupportTicketsLive.layer.pipe(
    Layer.provide(RipioHttpLive.layer({ environment: { baseUrl: "http://stub.test" } })),
    Layer.provide(AuthStaticToken.layer({ token: Redacted.make(token) })),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, http))
  )
)
const service = await ours.runPromise(SupportTickets)
const schedule = Schedule.spaced(every)

const candidates = {
  "a loop of promises": async (id: string) => {
    const text = async (url: string) => responseTo(url)
    while ((JSON.parse(await text(url(id))) as { readonly status: string }).status === "PENDING") await sleep(every)
  },
  "a loop with Effect.sleep": (id: string) => {
    void Effect.runFork(
      Effect.gen(function* () {
        while (!isOutcome(yield* poll(id))) yield* Effect.sleep(every)
      })
    )
  },
  "Effect.repeat(Schedule.spaced)": (id: string) => {
    void Effect.runFork(
      Effect.repeat(
        poll(id),
        schedule.pipe(
          Schedule.setInputType<typeof Ticket.Type>(),
          Schedule.while(({ input }) => !isOutcome(input))
        )
      )
    )
  },
  "retrieve in a loop with Effect.sleep": (id: string) => {
    void ours.runFork(
      Effect.gen(function* () {
        while ((yield* service.retrieve(TicketId.make(id)))._tag === "Pending") yield* Effect.sleep(every)
      })
    )
  },
  awaitOutcome: (id: string) => {
    void ours.runFork(service.awaitOutcome(TicketId.make(id), { schedule }))
  }
}

const heap = () => {
  global.gc!()
  global.gc!()
  return process.memoryUsage().heapUsed
}
const untilPolls = async (count: number): Promise<void> => {
  await sleep(20)
  if (polls < count) await untilPolls(count)
}

serve(async (): Promise<Waiting> => {
  const ids = Array.from({ length: tickets }, () => randomUUID())
  const before = heap()
  for (const id of ids) void candidates[candidate](id)
  await untilPolls(2 * tickets)
  await sleep(every / 10)
  const bytes = (heap() - before) / tickets
  const start = polls
  const cpu = process.cpuUsage()
  await untilPolls(3 * tickets)
  const { system, user } = process.cpuUsage(cpu)
  return { bytes, micros: (system + user) / (polls - start) }
})
