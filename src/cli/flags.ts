import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFile } from "node:fs/promises"
import { TicketId } from "../domain/TicketId.ts"
import { UnreadableFile } from "./exit.ts"

export const ticketIdArgument = Argument.String("id").pipe(
  Argument.withSchema(TicketId),
  Argument.withDescription("The id of the ticket")
)

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A duration such as 90s, 1.5h or "2 minutes". */
const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/u.exec(text.trim()) ?? []
  if (amount !== undefined) return Option.some(Duration.millis(Number(amount) * (units[unit] ?? 1)))
  return Option.filter(
    Schema.decodeUnknownOption(Schema.DurationFromString)(text.trim()),
    (duration) => Duration.isFinite(duration) && !Duration.isNegative(duration)
  )
}

const expectedDuration = () => "a duration such as 90s, 15m or 2h"

export const durationFlag = (name: string) =>
  Flag.String(name).pipe(Flag.withMetavar("duration"), Flag.filterMap(parseDuration, expectedDuration))

export const portFlag = Flag.Int("port").pipe(
  Flag.withSchema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }, { expected: "a port from 0 to 65535" }))
  )
)

// A password would be a secret in a flag.
const isHttpUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { password, protocol, username } = new URL(text)
  return /^https?:$/u.test(protocol) && username === "" && password === ""
}

export const urlFlag = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("url"),
    Flag.filter(isHttpUrl, () => "a URL of http or https, without credentials")
  )

/** Reads a file that a flag names. */
export const readFileOf = (flag: string, path: string) =>
  Effect.tryPromise({ try: () => readFile(path), catch: (cause) => unreadable(flag, path, cause) })

export const unreadable = (flag: string, path: string, cause: unknown) =>
  new UnreadableFile({ flag, path, issue: cause instanceof Error ? cause.message : String(cause) })
