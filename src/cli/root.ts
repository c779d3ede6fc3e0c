import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { toJsonLine } from "./json.ts"
import { Output } from "./output.ts"

/** The name that the package manager gives to the program. */
export const commandName = "ripio-tickets"

/** How the user has called the program, for messages that name a command. */
export const invocation = process.env["npm_command"] === "exec" ? "npx effect-ripio-tickets" : commandName

/** The program without its commands. They read its shared flags. */
export const root = Command.make(commandName).pipe(
  Command.withSharedFlags({
    json: Flag.Boolean("json").pipe(
      Flag.withoutNegation,
      Flag.withDefault(false),
      Flag.withDescription("Print results and errors as JSON on stdout, one object a line")
    )
  })
)

/** Prints a result: a line of text, or with `--json` an object. */
export const printResult = Effect.fnUntraced(function* (text: string, json: object) {
  const output = yield* Output
  const flags = yield* root
  yield* output.result(flags.json ? toJsonLine(json) : text)
})

/** Prints an object if the program was called with `--json`. */
export const printJson = Effect.fnUntraced(function* (json: object) {
  const output = yield* Output
  const flags = yield* root
  if (flags.json) yield* output.result(toJsonLine(json))
})
