import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  IssueKey,
  makePollingSchedule,
  OutcomePending,
  type RequestOptions,
  type SupportTicket,
  SupportTickets
} from "../../src/index.ts"
import type { Sandbox, ScriptedReply, ScriptedStep } from "../../src/testing/index.ts"
import { created, failed, pending, ticketId } from "../support/fixtures.ts"
import { type Script, scriptedTickets } from "../support/harness.ts"
import { failsWithin } from "../support/virtualTime.ts"

/** The default schedule without jitter: waits of 1 s, then 1.5 times as long each time, at most 30 s. */
export const exactSchedule = makePollingSchedule({ jitter: false })

/** The times in milliseconds at which {@link exactSchedule} polls before `until`. */
export const exactTimes = (until: number) => {
  const times = [0]
  for (let wait = 1000, at = wait; at < until; wait = Math.min(wait * 1.5, 30_000), at += Math.round(wait))
    times.push(at)
  return times
}

export const pendingReply: ScriptedReply = { status: 200, json: pending }
export const createdReply: ScriptedReply = { status: 200, json: created }
export const failedReply: ScriptedReply = { status: 200, json: failed }

export const pendingTicket = { _tag: "Pending", ticketId } as const
export const createdTicket = { _tag: "Created", ticketId, issueKey: IssueKey.make("SUP-1234") } as const
export const failedTicket = { _tag: "Failed", ticketId } as const

/** The two terminal states, as the API sends them and as the library returns them. */
export const outcomes: ReadonlyArray<{
  readonly title: string
  readonly reply: ScriptedReply
  readonly ticket: SupportTicket
}> = [
  { title: "Created", reply: createdReply, ticket: createdTicket },
  { title: "Failed", reply: failedReply, ticket: failedTicket }
]

/** A script that replies the same to every request. */
export const always = (reply: ScriptedReply): Script => repeatLast(reply)

/** A script whose last step repeats for all further requests. */
export const repeatLast =
  (...steps: ReadonlyArray<ScriptedStep>): Script =>
  (request, index) => {
    const step = steps[Math.min(index, steps.length - 1)] ?? "hang"
    return typeof step === "function" ? step(request, index) : Effect.succeed(step)
  }

/** Support tickets on a script. By default each poll is one attempt. */
export const scripted = (script: Script, options: RequestOptions = { retry: { times: 0 } }) =>
  Effect.flatMap(scriptedTickets(script, options), ({ layer, requests, times }) =>
    Effect.map(Layer.build(layer), (context) => ({ ...Context.get(context, SupportTickets), requests, times }))
  )

/** Runs an effect while so much virtual time passes, and expects it to fail with `OutcomePending`. */
export const failsPending = (time: Duration.Input, effect: Effect.Effect<unknown, object>) =>
  Effect.map(failsWithin(time, effect), ({ after, error }) => {
    assert.instanceOf(error, OutcomePending)
    return { after, error }
  })

/** The times in milliseconds at which the sandbox was polled. */
export const pollTimes = (sandbox: Sandbox["Service"]) =>
  Effect.map(sandbox.requests, (requests) => requests.filter(({ route }) => route === "retrieve").map(({ at }) => at))

/** The reason of the last error of a wait, if it is a `RipioHttpError`. */
export const lastReasonOf = ({ lastError }: OutcomePending) =>
  lastError?._tag === "RipioHttpError" ? lastError.reason : undefined
