import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { Fault, Sandbox } from "../../../src/testing/index.ts"
import { firstTicketId, requestToken, tokenRequest, transports } from "../transports.ts"
import { documentedResponses, type Exchange, responseName, violations } from "./contract.ts"

const createPath = "/api/v1/supportTickets/"
const retrievePath = (ticketId: string) => `${createPath}${ticketId}/`

const exchangeOf = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(request)
    const exchange: Exchange = {
      method: request.method,
      path: new URL(request.url, "http://localhost").pathname,
      status: response.status,
      contentType: response.headers["content-type"] ?? "",
      body: yield* response.text
    }
    return exchange
  })

/** Exchanges that together have every kind of response of the sandbox. */
const allExchanges = Effect.gen(function* () {
  const sandbox = yield* Sandbox
  const { account } = sandbox
  const exchanges: Array<Exchange> = []
  const send = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.map(exchangeOf(request), (exchange) => void exchanges.push(exchange))
  const retrieve = (ticketId: string, token: Redacted.Redacted) =>
    send(HttpClientRequest.get(retrievePath(ticketId)).pipe(HttpClientRequest.bearerToken(token)))
  const create = (token: Redacted.Redacted, form: Record<string, string>) =>
    send(
      HttpClientRequest.post(createPath).pipe(
        HttpClientRequest.bearerToken(token),
        HttpClientRequest.bodyFormDataRecord(form)
      )
    )

  const createdId = yield* sandbox.seed({ outcome: "Created" })
  const failedId = yield* sandbox.seed({ outcome: "Failed" })
  const otherAccount = yield* sandbox.addAccount()
  const wrongToken = Redacted.make("wrong")

  yield* send(tokenRequest(account))
  yield* send(tokenRequest(account, "/oauth2/token"))
  yield* send(tokenRequest({ ...account, clientSecret: Redacted.make("wrong") }))
  yield* send(HttpClientRequest.bodyUrlParams(tokenRequest(account), { grant_type: "password" }))
  yield* send(HttpClientRequest.bodyJsonUnsafe(tokenRequest(account), {}))
  yield* sandbox.inject(Fault.unauthenticated(), { on: "token" })
  yield* send(tokenRequest(account))

  const token = yield* requestToken(account)
  const otherToken = yield* requestToken(otherAccount)
  yield* retrieve(createdId, token)
  yield* TestClock.adjust("3 seconds")
  yield* retrieve(createdId, token)
  yield* retrieve(failedId, token)
  yield* retrieve(createdId, otherToken)
  yield* retrieve(firstTicketId.replaceAll("0", "f"), token)
  yield* retrieve("f".repeat(36), token)
  yield* send(HttpClientRequest.get(retrievePath(createdId).slice(0, -1)))
  yield* retrieve(createdId, wrongToken)
  for (const fault of [Fault.unauthenticated(), Fault.unauthenticated(403), Fault.tokenExpired]) {
    yield* sandbox.inject(fault)
    yield* retrieve(createdId, token)
  }

  const newToken = yield* requestToken(account)
  const ticket = { customerId: sandbox.customer, summary: "s", description: "d" }
  yield* create(newToken, ticket)
  yield* create(newToken, { ...ticket, summary: " " })
  yield* create(newToken, { ...ticket, customerId: yield* sandbox.addCustomer({ email: false }) })
  yield* create(otherToken, ticket)
  yield* create(wrongToken, ticket)
  yield* send(HttpClientRequest.post(createPath).pipe(HttpClientRequest.bearerToken(newToken)))
  yield* send(HttpClientRequest.post(createPath.slice(0, -1)))
  for (const fault of [Fault.unauthenticated(), Fault.unauthenticated(403)]) {
    yield* sandbox.inject(fault)
    yield* create(newToken, ticket)
  }

  yield* sandbox.setEnabled(false, otherAccount)
  yield* create(otherToken, ticket)
  yield* retrieve(createdId, otherToken)
  return exchanges
})

describe("the sandbox", () => {
  for (const { title, transport } of transports) {
    for (const tokenResponseCase of ["camelCase", "snake_case"] as const) {
      it.effect(`sends every response of the API owner's document and no other (${title}, ${tokenResponseCase})`, () =>
        Effect.gen(function* () {
          const exchanges = yield* Effect.provide(allExchanges, transport(Sandbox.layer({ tokenResponseCase })))
          assert.deepStrictEqual(exchanges.flatMap(violations), [])
          assert.deepStrictEqual(
            [...new Set(exchanges.map(responseName))].toSorted(),
            [...documentedResponses].toSorted()
          )
        })
      )
    }
  }
})

describe("the validator", () => {
  const retrieved = (status: number, body: unknown, contentType = "application/json"): Exchange => ({
    method: "GET",
    path: retrievePath(firstTicketId),
    status,
    contentType,
    body: typeof body === "string" ? body : JSON.stringify(body)
  })
  const created = (status: number, body: unknown): Exchange => ({
    ...retrieved(status, body),
    method: "POST",
    path: createPath
  })
  const pending = { ticketId: firstTicketId, status: "PENDING", issueKey: null }
  const invalid = { code: 20000, type: "ValidationError", detail: { message: "summary: is blank" }, status: 400 }
  const notFound = { code: 40017, type: "SupportTicketNotFoundException", detail: {}, status: 404 }

  it("accepts documented responses", () => {
    for (const exchange of [
      retrieved(200, pending),
      retrieved(200, { ...pending, status: "CREATED", issueKey: "SUP-1234" }),
      retrieved(404, notFound),
      created(202, pending),
      created(400, invalid),
      created(400, { ...invalid, code: 20001 })
    ]) {
      assert.deepStrictEqual(violations(exchange), [])
    }
  })

  for (const { exchange, title } of [
    { title: "an unknown ticket status", exchange: retrieved(200, { ...pending, status: "DONE" }) },
    { title: "a ticketId that is not a UUID", exchange: retrieved(200, { ...pending, ticketId: "SUP-1" }) },
    { title: "an issue key of a pending ticket", exchange: retrieved(200, { ...pending, issueKey: "SUP-1" }) },
    { title: "a created ticket without an issue key", exchange: retrieved(200, { ...pending, status: "CREATED" }) },
    { title: "a missing field", exchange: retrieved(200, { ticketId: firstTicketId, status: "FAILED" }) },
    { title: "an unknown field", exchange: retrieved(200, { ...pending, summary: "" }) },
    { title: "a response to create with an outcome", exchange: created(202, { ...pending, status: "FAILED" }) },
    { title: "a response to create with the status 200", exchange: created(200, pending) },
    { title: "a response to create with the status 404", exchange: created(404, notFound) },
    { title: "a rejection with an undocumented code", exchange: created(400, { ...invalid, code: 20002 }) },
    { title: "a rejection without a message", exchange: created(400, { ...invalid, detail: {} }) },
    { title: "an error with the code of another error", exchange: retrieved(404, { ...notFound, code: 40001 }) },
    { title: "an error without detail", exchange: retrieved(404, { ...notFound, detail: undefined }) },
    { title: "an error with the HTTP status of another error", exchange: retrieved(401, notFound) },
    { title: "an undocumented HTTP status", exchange: retrieved(500, {}) },
    { title: "HTML in place of JSON", exchange: retrieved(200, "<html>", "text/html") },
    { title: "an undocumented path", exchange: { ...retrieved(200, pending), path: "/" } },
    { title: "an undocumented method", exchange: { ...retrieved(200, pending), method: "DELETE" } }
  ]) {
    it(`rejects ${title}`, () => {
      assert.isAbove(violations(exchange).length, 0)
    })
  }
})
