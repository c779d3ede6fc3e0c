import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { exitCodes, ExitWith } from "./exit.ts"
import { canColor, Output } from "./output.ts"
import { commandName, invocation, root } from "./root.ts"
import { sandbox } from "./sandbox.ts"
import * as tickets from "./tickets.ts"
import { webhook } from "./webhook.ts"

const completions = Command.make(
  "completions",
  {
    shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(
      Argument.withDescription("The shell that runs the script")
    )
  },
  ({ shell }): Effect.Effect<void, never, Output> =>
    Output.use((output) => {
      const script = Completions.generate(commandName, shell, Completions.fromCommand(program))
      // The script names a flag of Effect that this program has as a command.
      return output.result(script.replaceAll("--completions", "completions").trimEnd())
    })
).pipe(Command.withDescription("Print a script that completes the commands and flags in a shell"))

const program = root.pipe(
  Command.withDescription("Support tickets of the Ripio Ramp API"),
  Command.withSubcommands([tickets.raise, tickets.await, tickets.retrieve, sandbox, webhook, completions])
)

// After an unknown flag, what looks like a command may be the value of the flag, such as a secret. It is not printed.
const withoutFlagValues = (errors: ReadonlyArray<CliError.NonShowHelpErrors>) =>
  errors.some(({ _tag }) => _tag === "UnrecognizedOption")
    ? errors.filter(({ _tag }) => _tag !== "UnknownSubcommand")
    : errors

/** Help and the version are results. Help that was not asked for, and errors, are messages. */
const layerPresenter = Layer.effect(
  CliOutput.Presenter,
  Effect.gen(function* () {
    const output = yield* Output
    const onStdout = CliOutput.defaultFormatter({ colors: canColor(process.stdout) })
    const onStderr = CliOutput.defaultFormatter({ colors: canColor(process.stderr) })
    return {
      present: (event) => {
        switch (event._tag) {
          case "Help":
            return event.reason === "Requested"
              ? output.result(onStdout.formatHelpDoc(event.helpDoc))
              : output.message(onStderr.formatHelpDoc(event.helpDoc))
          case "InvalidInvocation": {
            const errors = withoutFlagValues(event.errors).map((error) => `Error: ${onStderr.formatCliError(error)}`)
            const usage = `For the usage: ${[invocation, ...event.commandPath.slice(1)].join(" ")} --help`
            return output.message([...errors, usage].join("\n"))
          }
          case "Version":
            return output.result(event.version)
        }
      }
    }
  })
)

/** Runs the program. Every failure has an exit code, and what it has to say is printed. */
export const runProgram = (version: string, args: ReadonlyArray<string>) =>
  Command.runWith(program, { version })(args).pipe(
    Effect.catchTag("ShowHelp", () => Effect.fail(new ExitWith({ exitCode: exitCodes.Usage }))),
    Effect.provide(layerPresenter),
    Effect.provide(CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }))
  )
