import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { Output } from "./output.ts"

/** A line of the log, as text. */
export interface LogLine {
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A logger that passes each line to a function. */
export const makeLineLogger = (onLine: (line: LogLine) => void): Logger.Logger<unknown, void> =>
  Logger.make(({ fiber, message }) => {
    const annotations = fiber.getRef(References.CurrentLogAnnotations)
    const details = Object.entries(annotations).map(([name, value]) => `${name}=${String(value)}`)
    onLine({ text: [message].flat().map(String).concat(details).join(" "), annotations })
  })

/** Logs to stderr, because stdout has nothing but results. */
export const layerStderrLogger = Logger.layer([
  Output.useSync((output) => makeLineLogger(({ text }) => void Effect.runFork(output.message(text))))
])

/** Drops the log of the client. An error that it reports is the error of the command too, which is printed. */
export const layerNoLog = Logger.layer([])
