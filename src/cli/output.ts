import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The streams of the process: results on stdout, everything else on stderr. */
export class Output extends Context.Service<
  Output,
  {
    /** Writes a line to stdout. */
    readonly result: (line: string) => Effect.Effect<void>
    /** Writes a line to stderr. */
    readonly message: (line: string) => Effect.Effect<void>
    /** Replaces the progress line on the terminal. Does nothing if stderr is not a terminal. */
    readonly progress: (line: string) => Effect.Effect<void>
    /** Removes the progress line. */
    readonly clearProgress: Effect.Effect<void>
    /** Ends when the reader of stdout has closed it, as `head` does. */
    readonly closed: Effect.Effect<void>
  }
>()("effect-ripio-tickets/cli/Output") {}

const returnToStart = "\r\x1b[K"

/** Whether the stream is a terminal whose cursor can be moved. */
export const isTerminal = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && process.env["TERM"] !== "dumb"

/** Whether text on the stream may have colors. */
export const canColor = (stream: { readonly isTTY?: boolean }): boolean => {
  const { FORCE_COLOR = "", NO_COLOR = "" } = process.env
  if (NO_COLOR !== "") return false
  return isTerminal(stream) || !["", "0", "false"].includes(FORCE_COLOR)
}

/** Waits until the text is written. The reader may have closed the stream, and then nothing has to be written. */
const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stream.write(text, () => resume(Effect.void))
  })

export const layerOutput: Layer.Layer<Output> = Layer.effect(
  Output,
  Effect.gen(function* () {
    const { stderr, stdout } = process
    const closed = yield* Deferred.make<void>()
    // Without a listener, the error of a closed pipe ends the process before it has done its work.
    stdout.on("error", () => Deferred.doneUnsafe(closed, Effect.void))
    stderr.on("error", () => {})

    const showsProgress = isTerminal(stderr)
    let progress = ""
    const withoutProgress = (text: string) => {
      const prefix = progress === "" ? "" : returnToStart
      progress = ""
      return prefix + text
    }
    const clearProgress = Effect.suspend(() => (progress === "" ? Effect.void : write(stderr, withoutProgress(""))))

    return Output.of({
      result: (line) => Effect.andThen(clearProgress, write(stdout, `${line}\n`)),
      message: (line) => Effect.suspend(() => write(stderr, withoutProgress(`${line}\n`))),
      progress: (line) =>
        Effect.suspend(() => {
          const shown = line.slice(0, Math.max(0, (stderr.columns || 80) - 1))
          if (!showsProgress || shown === progress) return Effect.void
          progress = shown
          return write(stderr, returnToStart + shown)
        }),
      clearProgress,
      closed: Deferred.await(closed)
    })
  })
)
