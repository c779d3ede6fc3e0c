import { assert, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as TestConsole from "effect/testing/TestConsole"
import type * as Tracer from "effect/Tracer"
import {
  ApiError,
  InvalidOption,
  NotEnabled,
  NotFound,
  OutcomePending,
  type Ripio,
  RipioHttpError,
  Unauthenticated
} from "../../src/index.ts"
import type { ScriptedReply } from "../../src/testing/index.ts"
import { clientId, clientSecret, exported, marker, printed, sightings, token } from "./canary.ts"
import { collectSpans } from "./collectSpans.ts"
import { account } from "./harness.ts"
import { tokenResponse } from "./replies.ts"

const errors = Schema.Union([
  ApiError,
  InvalidOption,
  NotEnabled,
  NotFound,
  OutcomePending,
  RipioHttpError,
  Unauthenticated
])
const isKnown = Schema.is(errors)
const encode = Schema.encodeSync(Schema.toCodecJson(errors))

/** Collects everything that a program outputs: results, logs, spans, metrics, the console, stdout and stderr. */
export const watchSecrets = () => {
  const output: Array<string> = []
  const { spans, tracer } = collectSpans()
  const add = (value: unknown) => {
    output.push(printed(value))
    if (isKnown(value)) output.push(JSON.stringify(encode(value)), value.message)
  }
  const logger = Logger.make(({ cause, date: _, fiber: __, logLevel, message }) => {
    output.push(logLevel, printed(message), printed(cause), Cause.pretty(cause))
  })
  /** Runs a program with every log level, a tracer and metrics, and collects its output. */
  const run = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const spies = [process.stdout, process.stderr].map((stream) =>
        vi.spyOn(stream, "write").mockImplementation((chunk) => {
          output.push(String(chunk))
          return true
        })
      )
      const exit = yield* Effect.gen(function* () {
        const exit = yield* Effect.exit(program)
        yield* Effect.logFatal("the end", exit)
        if (Exit.isFailure(exit)) yield* Effect.logFatal(exit.cause)
        output.push(printed(yield* Metric.snapshot))
        return exit
      }).pipe(
        Effect.withTracer(tracer),
        Effect.withSpan("program"),
        Effect.annotateLogs("account", clientId),
        Effect.provide(Logger.layer([logger, Logger.consoleJson, Logger.consolePretty(), Logger.consoleLogFmt])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(Metric.MetricRegistry, new Map()),
        Effect.ensuring(Effect.sync(() => spies.forEach((spy) => spy.mockRestore())))
      )
      add(exit)
      add(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))
      output.push(...(yield* TestConsole.logLines).map(String), ...(yield* TestConsole.errorLines).map(String))
      return exit
    })
  return {
    run,
    /** Adds a value to the output. */
    add,
    /** All output so far. */
    text: () => [...output, ...spans.map(printSpan)].join("\n"),
    spans
  }
}

const printSpan = ({ attributes, events, name, status }: Tracer.NativeSpan) =>
  [
    printed([name, [...attributes], events]),
    ...(status._tag === "Ended" && Exit.isFailure(status.exit) ? [exported(status.exit.cause)] : [])
  ].join("\n")

export const assertNoSecrets = (text: string, message = "") => assert.deepStrictEqual(sightings(text), [], message)

/** The value or the cause of an exit as text. It is cheaper than `printed`. */
export const printExit = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? printed(exit.value) : exported(exit.cause)

/** A reply as text that can be printed: `canaryGuard.ts` fails the run if a secret is printed. */
export const describeReply = (reply: ScriptedReply) => JSON.stringify(reply).replaceAll(marker, "(canary)")

/** A response of the token endpoint whose token is a canary. */
export const canaryToken = (name = "Token") => tokenResponse(token(name))

/** The whole client with canary credentials and without retries, for a transport of the caller's choice. */
export const canaryAccount = (options: Partial<Ripio.Options> = {}) =>
  account({ clientId, clientSecret: Redacted.make(clientSecret), retry: { times: 0 }, ...options })
