/** The behaviour that `TicketWebhookHandler` and `TicketWebhookRoute` share. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { maxWebhookBytes, type TicketEvent, TicketOutcomes, TicketOutcomesLive } from "../../src/index.ts"
import { ticketId } from "../support/fixtures.ts"
import {
  bytesOf,
  createdJson,
  createdTicket,
  delivery,
  failedJson,
  jsonDelivery,
  nodeSignature,
  otherJson,
  setClockToIssueTime
} from "./fixtures.ts"
import { type OnEvent, post, postStream, type Receiver, receivers } from "./receivers.ts"
import { recordLog } from "./recordLog.ts"

interface Receiving {
  readonly send: (request: Request) => Effect.Effect<Response>
  /** The events that reached `onEvent`. */
  readonly events: ReadonlyArray<TicketEvent>
  readonly logLines: ReadonlyArray<string>
}

const receiveWith =
  (receiver: Receiver) =>
  <A, E>(test: (receiving: Receiving) => Effect.Effect<A, E, TicketOutcomes>, onEvent: OnEvent = () => Effect.void) => {
    const events: Array<TicketEvent> = []
    const log = recordLog()
    return Effect.gen(function* () {
      yield* setClockToIssueTime
      const send = yield* receiver.make((event) => {
        events.push(event)
        return onEvent(event)
      })
      return yield* test({ send, events, logLines: log.lines })
    }).pipe(Effect.provide(Layer.merge(TicketOutcomesLive.layer(), log.layer)), Effect.scoped)
  }

const statusAndBody = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.text()),
    (body) => ({ status: response.status, body })
  )

const text = JSON.stringify(createdJson)
const oldText = JSON.stringify({ ...createdJson, issueDatetime: "2026-06-20T14:00:00Z" })
const header = "Http-X-Wh-Signature-256"

const rejections = [
  {
    title: "no signature",
    request: () => post({ body: bytesOf(text), headers: {} }),
    status: 401,
    logged: /^Warn.*check the header/u
  },
  {
    title: "a signature that is too short",
    request: () => post({ body: bytesOf(text), headers: { [header]: "sha256=00" } }),
    status: 401,
    logged: /^Warn.*check the header/u
  },
  {
    title: "a forged signature",
    request: () => post({ body: bytesOf(text), headers: { [header]: nodeSignature("x") } }),
    status: 401,
    logged: /^Warn.*check the secret/u
  },
  { title: "an old event", request: () => post(delivery(oldText)), status: 401, logged: /^Warn.*check the clock/u },
  {
    title: "no body",
    request: () => post({ body: null, headers: {} }),
    status: 401,
    logged: /^Warn.*check the header/u
  },
  {
    title: "an event that cannot be decoded",
    request: () => post(delivery("{}")),
    status: 400,
    logged: /^Error.*check the body/u
  }
]

for (const receiver of receivers) {
  const receive = receiveWith(receiver)

  describe(receiver.title, () => {
    it.effect("hands over each event and responds 200 without a body", () =>
      receive(({ events, logLines, send }) =>
        Effect.gen(function* () {
          for (const json of [createdJson, failedJson, otherJson]) {
            const response = yield* send(post(jsonDelivery(json)))
            assert.deepStrictEqual(yield* statusAndBody(response), { status: 200, body: "" })
          }
          assert.deepStrictEqual(
            events.map(({ _tag }) => _tag),
            ["TicketCreated", "TicketFailed", "OtherEvent"]
          )
          // The only line reports that the two outcomes of the ticket contradict each other.
          assert.strictEqual(logLines.length, 1)
          assert.include(logLines[0], "Error Ticket")
        })
      )
    )

    it.effect("publishes the outcome to TicketOutcomes", () =>
      receive(({ send }) =>
        Effect.gen(function* () {
          yield* send(post(jsonDelivery(createdJson)))
          const outcomes = yield* TicketOutcomes
          assert.deepStrictEqual(yield* outcomes.get(ticketId), Option.some(createdTicket))
        })
      )
    )

    for (const { logged, request, status, title } of rejections) {
      it.effect(`responds ${status} to ${title}, with the reason in the log and not in the response`, () =>
        receive(({ events, logLines, send }) =>
          Effect.gen(function* () {
            const response = yield* send(request())
            assert.deepStrictEqual(yield* statusAndBody(response), { status, body: "" })
            assert.isNull(response.headers.get("www-authenticate"))
            assert.deepStrictEqual(events, [])
            assert.strictEqual(logLines.length, 1)
            assert.match(logLines[0] ?? "", logged)
          })
        )
      )
    }

    it.effect("responds 413 to a body above 256 KiB, with and without Content-Length", () =>
      receive(({ events, send }) =>
        Effect.gen(function* () {
          const atLimit = delivery(text.padEnd(maxWebhookBytes))
          const { body, headers } = delivery(text.padEnd(maxWebhookBytes + 1))
          assert.strictEqual((yield* send(post(atLimit))).status, 200)
          assert.strictEqual((yield* send(post({ body, headers }))).status, 413)
          const withLength = post({ body, headers: { ...headers, "content-length": `${body.length}` } })
          assert.strictEqual((yield* send(withLength)).status, 413)
          assert.strictEqual(events.length, 1)
        })
      )
    )

    for (const { onEvent, title } of [
      { title: "fails", onEvent: () => Effect.fail("the database is away") },
      { title: "dies", onEvent: () => Effect.die(new Error("a mistake")) },
      { title: "interrupts itself", onEvent: () => Effect.interrupt }
    ]) {
      it.effect(`responds 503 if onEvent ${title}, so that the event is redelivered`, () =>
        receive(
          ({ logLines, send }) =>
            Effect.gen(function* () {
              const response = yield* send(post(jsonDelivery(createdJson)))
              assert.deepStrictEqual(yield* statusAndBody(response), { status: 503, body: "" })
              assert.match(logLines.at(-1) ?? "", /^Error .*Ripio redelivers it/u)
            }),
          onEvent
        )
      )
    }

    it.effect("hands over a redelivered event after the first delivery failed", () => {
      let isFailing = true
      return receive(
        ({ events, send }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* send(post(jsonDelivery(createdJson)))).status, 503)
            isFailing = false
            assert.strictEqual((yield* send(post(jsonDelivery(createdJson)))).status, 200)
            assert.strictEqual(events.length, 2)
            assert.strictEqual(events[0]?.dedupeKey, events[1]?.dedupeKey)
          }),
        () => Effect.suspend(() => (isFailing ? Effect.fail("not now") : Effect.void))
      )
    })

    // On a port, `fetch` sends the whole body, so it cannot break off or be endless.
    if (receiver.isOnPort) return

    it.effect("joins a body that arrives in chunks", () =>
      receive(({ events, send }) =>
        Effect.gen(function* () {
          const { body, headers } = jsonDelivery(createdJson)
          const chunks = [body.subarray(0, 10), body.subarray(10, 11), body.subarray(11)]
          const stream = Stream.toReadableStream(Stream.fromIterable(chunks))
          assert.strictEqual((yield* send(postStream(stream, headers))).status, 200)
          assert.strictEqual(events.length, 1)
        })
      )
    )

    it.effect("responds 400 to a body that breaks off", () =>
      receive(({ send }) =>
        Effect.gen(function* () {
          const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })
          assert.strictEqual((yield* send(postStream(broken))).status, 400)
        })
      )
    )

    it.effect("responds 413 to an endless body and stops reading", () =>
      receive(({ send }) =>
        Effect.gen(function* () {
          let pulls = 0
          const endless = new ReadableStream({
            pull: (controller) => {
              // The error ends the test if the receiver does not stop.
              if (++pulls > 100) controller.error(new Error("read too far"))
              else controller.enqueue(new Uint8Array(65_536))
            }
          })
          assert.strictEqual((yield* send(postStream(endless))).status, 413)
          assert.isAtMost(pulls, 7)
        })
      )
    )
  })
}
