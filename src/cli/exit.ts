import type { ConfigError } from "effect/Config"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { Unauthenticated } from "../domain/AccessToken.ts"
import type { CreateAmbiguous } from "../domain/CreateAmbiguous.ts"
import { describeSchemaError } from "../domain/describeSchemaError.ts"
import type { InvalidOption } from "../domain/InvalidOption.ts"
import type { OutcomePending } from "../domain/OutcomePending.ts"
import type { RipioHttpError } from "../domain/RipioHttpError.ts"
import type { NotEnabled, NotFound } from "../domain/TicketError.ts"
import type { TicketRejected } from "../domain/TicketRejected.ts"
import type { WebhookRejected } from "../domain/WebhookRejected.ts"
import { Output } from "./output.ts"
import { invocation, printJson } from "./root.ts"

/** The exit codes of the program. An error of the library has its `_tag` here. */
export const exitCodes = {
  WebhookRejected: 1,
  NotDelivered: 1,
  Usage: 2,
  ConfigError: 2,
  InvalidOption: 2,
  MissingVariables: 2,
  UnreadableFile: 2,
  PortUnavailable: 2,
  Failed: 3,
  NotFound: 4,
  NotEnabled: 5,
  Unauthenticated: 6,
  OutcomePending: 7,
  CreateAmbiguous: 8,
  TicketRejected: 9,
  RipioHttpError: 10
} as const

/** Ends the program with an exit code. What has to be printed is printed already. */
export class ExitWith extends Schema.TaggedError<ExitWith>()("ExitWith", { exitCode: Schema.Int }) {
  override readonly [Runtime.errorExitCode] = this.exitCode
  override readonly [Runtime.errorReported] = true
  override get message() {
    return `Exit code ${this.exitCode}`
  }
}

/** Variables that a command needs are not set. */
export class MissingVariables extends Schema.TaggedError<MissingVariables>()("MissingVariables", {
  variables: Schema.Array(
    Schema.Literals(["RIPIO_ENVIRONMENT", "RIPIO_CLIENT_ID", "RIPIO_CLIENT_SECRET", "RIPIO_WEBHOOK_SECRETS"])
  )
}) {
  override get message() {
    const names = this.variables.map((name) => (name === "RIPIO_ENVIRONMENT" ? `${name} (or RIPIO_BASE_URL)` : name))
    const advice = this.variables.includes("RIPIO_WEBHOOK_SECRETS")
      ? ""
      : `. To try it without an account, run ${invocation} sandbox`
    return `The configuration is incomplete. Set ${names.join(", ")} in the environment${advice}`
  }
}

/** A file that a flag names cannot be read. */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>()("UnreadableFile", {
  flag: Schema.String,
  path: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `The file of ${this.flag} cannot be read: ${this.path}: ${this.issue}`
  }
}

/** A server cannot listen on its port. */
export class PortUnavailable extends Schema.TaggedError<PortUnavailable>()("PortUnavailable", {
  port: Schema.Int,
  issue: Schema.String
}) {
  override get message() {
    return `Port ${this.port} cannot be used (${this.issue}). Choose another one with --port, or 0 for any`
  }
}

/** A webhook was sent, and its receiver did not accept it. */
export class NotDelivered extends Schema.TaggedError<NotDelivered>()("NotDelivered", {
  status: Schema.optionalKey(Schema.Int),
  issue: Schema.String
}) {
  override get message() {
    return `The webhook was not delivered: ${this.issue}`
  }
}

/** Why `fetch` failed. Its own message is the same for every reason, and that of several addresses is empty. */
export const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (!(cause instanceof Error)) return String(cause)
  return cause.message === "" && "code" in cause ? String(cause.code) : cause.message
}

/** The errors that end a command. */
export type CommandError =
  | ConfigError
  | InvalidOption
  | MissingVariables
  | UnreadableFile
  | PortUnavailable
  | NotDelivered
  | WebhookRejected
  | NotFound
  | NotEnabled
  | Unauthenticated
  | OutcomePending
  | CreateAmbiguous
  | TicketRejected
  | RipioHttpError

const describe = (error: CommandError): string =>
  error._tag === "ConfigError" && Schema.isSchemaError(error.cause) ? describeSchemaError(error.cause) : error.message

/** Prints the error of a command, and ends the program with its exit code. */
export const reportError = Effect.fnUntraced(function* (error: CommandError) {
  const output = yield* Output
  const message = describe(error)
  yield* output.message(`Error: ${message}`)
  yield* printJson(error._tag === "ConfigError" ? { _tag: error._tag, message } : error)
  return yield* new ExitWith({ exitCode: exitCodes[error._tag] })
})
