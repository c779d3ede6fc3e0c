import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Terminal from "effect/Terminal"

/** The terminal of the process. It displays on stderr, so that stdout has nothing but results. */
export const layerTerminal: Layer.Layer<Terminal.Terminal> = Layer.effect(
  Terminal.Terminal,
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    return Terminal.make({
      ...terminal,
      columns: Effect.sync(() => process.stderr.columns || 80),
      display: (text) =>
        Effect.callback((resume) => {
          process.stderr.write(text, () => resume(Effect.void))
        })
    })
  })
).pipe(Layer.provide(NodeTerminal.layer))
