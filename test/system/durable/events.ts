import { appendFileSync, existsSync, readFileSync } from "node:fs"

/** What a handler received, or a naive worker did. */
export interface HandledEvent {
  readonly tag: string
  readonly dedupeKey: string
  /** The id of the submission. */
  readonly id?: string | undefined
  readonly ticketId?: string | undefined
  readonly source?: string | undefined
  readonly attempt: number
  readonly at: number
  readonly pid: number
}

/** Appends one line. A line is written whole, also if the process is killed or another one writes. */
export const appendLine = (file: string, line: string) => appendFileSync(file, `${line}\n`)

/** The complete lines of a file that other processes may be writing. */
export const readLines = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []

export const appendEvent = (file: string, event: Omit<HandledEvent, "at" | "pid">) =>
  appendLine(file, JSON.stringify({ ...event, at: Date.now(), pid: process.pid }))

export const readEvents = (file: string): ReadonlyArray<HandledEvent> =>
  readLines(file).map((line) => JSON.parse(line) as HandledEvent)
