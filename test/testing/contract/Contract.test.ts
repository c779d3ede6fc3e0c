import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { tokenRequest, token, transports } from "../transports.ts"
import { type Exchange, objections, placeOf, places } from "./contract.ts"

const id = "00000000-0000-4000-8000-000000000001"

const exchange = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(request)
    const { pathname } = new URL(request.url, "http://localhost")
    const made: Exchange = {
      method: request.method,
      path: pathname,
      status: response.status,
      contentType: response.headers["content-type"] ?? "",
      body: yield* response.text
    }
    return made
  })

const retrieve = (ticketId: string, bearer: Redacted.Redacted) =>
  exchange(HttpClientRequest.get(`/api/v1/supportTickets/${ticketId}/`).pipe(HttpClientRequest.bearerToken(bearer)))

const create = (bearer: Redacted.Redacted, form: Record<string, string>) =>
  exchange(
    HttpClientRequest.post("/api/v1/supportTickets/").pipe(
      HttpClientRequest.bearerToken(bearer),
      HttpClientRequest.bodyFormDataRecord(form)
    )
  )

// One exchange for each thing that the sandbox can say.
const everything = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const { account } = sandbox
  const created = yield* sandbox.seed({ outcome: "Created" })
  const failed = yield* sandbox.seed({ outcome: "Failed" })
  const other = yield* sandbox.addAccount()
  const exchanges = [yield* exchange(tokenRequest(account))]
  const keep = <E>(one: Effect.Effect<Exchange, E, HttpClient.HttpClient>) =>
    Effect.map(one, (made) => {
      exchanges.push(made)
    })

  yield* keep(exchange(tokenRequest(account, "/oauth2/token")))
  yield* keep(exchange(tokenRequest({ ...account, clientSecret: Redacted.make("wrong") })))
  yield* keep(exchange(HttpClientRequest.bodyUrlParams(tokenRequest(account), { grant_type: "password" })))
  yield* keep(exchange(HttpClientRequest.bodyJsonUnsafe(tokenRequest(account), {})))
  yield* sandbox.inject(Fault.unauthenticated(), { on: "token" })
  yield* keep(exchange(tokenRequest(account)))

  const mine = yield* token(account)
  const theirs = yield* token(other)
  yield* keep(retrieve(created, mine))
  yield* TestClock.adjust("3 seconds")
  yield* keep(retrieve(created, mine))
  yield* keep(retrieve(failed, mine))
  yield* keep(retrieve(created, theirs))
  yield* keep(retrieve(id.replaceAll("0", "f"), mine))
  yield* keep(retrieve("f".repeat(36), mine))
  yield* keep(exchange(HttpClientRequest.get(`/api/v1/supportTickets/${created}`)))
  yield* keep(retrieve(created, Redacted.make("wrong")))
  for (const fault of [Fault.unauthenticated(), Fault.unauthenticated(403), Fault.tokenExpired]) {
    yield* sandbox.inject(fault)
    yield* keep(retrieve(created, mine))
  }

  const fresh = yield* token(account)
  const ticket = { customerId: sandbox.customer, summary: "s", description: "d" }
  yield* keep(create(fresh, ticket))
  yield* keep(create(fresh, { ...ticket, summary: " " }))
  yield* keep(create(fresh, { ...ticket, customerId: yield* sandbox.addCustomer({ email: false }) }))
  yield* keep(create(theirs, ticket))
  yield* keep(create(Redacted.make("wrong"), ticket))
  yield* keep(exchange(HttpClientRequest.post("/api/v1/supportTickets/").pipe(HttpClientRequest.bearerToken(fresh))))
  yield* keep(exchange(HttpClientRequest.post("/api/v1/supportTickets")))
  for (const fault of [Fault.unauthenticated(), Fault.unauthenticated(403)]) {
    yield* sandbox.inject(fault)
    yield* keep(create(fresh, ticket))
  }

  yield* sandbox.setEnabled(false, other)
  yield* keep(create(theirs, ticket))
  yield* keep(retrieve(created, theirs))
  return exchanges
})

describe("the sandbox and the API owner's document", () => {
  for (const [name, layer] of transports) {
    for (const tokenResponseCase of ["camelCase", "snake_case"] as const) {
      it.effect(`agree on every answer, and no documented answer is left out (${name}, ${tokenResponseCase})`, () =>
        Effect.gen(function* () {
          const exchanges = yield* everything.pipe(Effect.provide(layer(Sandbox.layer({ tokenResponseCase }))))
          assert.deepStrictEqual(exchanges.flatMap(objections), [])
          assert.deepStrictEqual([...new Set(exchanges.map(placeOf))].toSorted(), [...places].toSorted())
        })
      )
    }
  }
})

describe("the validator", () => {
  const retrieved = (status: number, body: unknown, contentType = "application/json"): Exchange => ({
    method: "GET",
    path: `/api/v1/supportTickets/${id}/`,
    status,
    contentType,
    body: typeof body === "string" ? body : JSON.stringify(body)
  })
  const pending = { ticketId: id, status: "PENDING", issueKey: null }
  const created = (status: number, body: unknown): Exchange => ({
    ...retrieved(status, body),
    method: "POST",
    path: "/api/v1/supportTickets/"
  })
  const invalid = { code: 20000, type: "ValidationError", detail: { message: "summary: is blank" }, status: 400 }
  const notFound = { code: 40017, type: "SupportTicketNotFoundException", detail: {}, status: 404 }

  it("accepts what the document says", () => {
    assert.deepStrictEqual(objections(retrieved(200, pending)), [])
    assert.deepStrictEqual(objections(retrieved(200, { ...pending, status: "CREATED", issueKey: "SUP-1234" })), [])
    assert.deepStrictEqual(objections(retrieved(404, notFound)), [])
    assert.deepStrictEqual(objections(created(202, pending)), [])
    assert.deepStrictEqual(objections(created(400, invalid)), [])
    assert.deepStrictEqual(objections(created(400, { ...invalid, code: 20001 })), [])
  })

  it.each([
    ["an unknown status", retrieved(200, { ...pending, status: "DONE" })],
    ["an id that is no UUID", retrieved(200, { ...pending, ticketId: "SUP-1" })],
    ["a key without CREATED", retrieved(200, { ...pending, issueKey: "SUP-1" })],
    ["CREATED without a key", retrieved(200, { ...pending, status: "CREATED" })],
    ["a ticket that is accepted with its outcome", created(202, { ...pending, status: "FAILED" })],
    ["a create that is 200", created(200, pending)],
    ["a create that finds no ticket", created(404, notFound)],
    ["a refusal with another code", created(400, { ...invalid, code: 20002 })],
    ["a refusal that does not say why", created(400, { ...invalid, detail: {} })],
    ["a missing field", retrieved(200, { ticketId: id, status: "FAILED" })],
    ["a made-up field", retrieved(200, { ...pending, summary: "" })],
    ["another error's code", retrieved(404, { ...notFound, code: 40001 })],
    ["an error without its detail", retrieved(404, { ...notFound, detail: undefined })],
    ["an error of another status", retrieved(401, notFound)],
    ["a status that is not documented", retrieved(500, {})],
    ["HTML in the place of JSON", retrieved(200, "<html>", "text/html")],
    ["a path that is not documented", { ...retrieved(200, pending), path: "/" }],
    ["a method that is not documented", { ...retrieved(200, pending), method: "DELETE" }]
  ])("objects to %s", (_, wrong) => {
    assert.isAbove(objections(wrong).length, 0)
  })
})
