import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

export interface ApiSettings {
  /** `429` and `503` are the status of every response except those to token requests. */
  mode: "up" | "429" | "503"
  /** The share of requests whose connection ends without a response. Half of such creates create a ticket. */
  cutRate: number
  /** The time of a response in milliseconds. */
  latency: readonly [from: number, to: number]
  /** How long tickets are pending, in milliseconds. */
  pendingFor: readonly [from: number, to: number]
  /** The share of tickets that end as `FAILED`. */
  failureRate: number
  retryAfterSeconds: number
}

/** A form that the API received. `aborted`, which is incomplete, and `cut before` created no ticket. `cut after` did. */
export interface Create {
  readonly marker: string
  readonly at: number
  readonly fate: "accepted" | "aborted" | "cut before" | "cut after" | "429" | "503"
  readonly ticketId?: string
}

export interface Ticket {
  readonly ticketId: string
  readonly marker: string | undefined
  readonly createdAt: number
  readonly settledAt: number
  readonly outcome: "CREATED" | "FAILED"
  readonly issueKey: string | null
  /** The times of the retrieves that were not refused. */
  readonly polls: Array<number>
  /** When a retrieve first reported the outcome. */
  outcomeReportedAt: number | undefined
  webhooksAcknowledged: number
  webhookAcknowledgedAt: number | undefined
}

export interface ApiReport {
  readonly creates: ReadonlyArray<Create>
  readonly tickets: ReadonlyArray<Ticket>
  readonly rejectedRequests: number
  /** The retrieves that arrived before the end of the first `Retry-After`. */
  readonly retrievesInPause: number
}

export type ApiCommand =
  | { readonly type: "set"; readonly changes: Partial<ApiSettings> }
  | { readonly type: "report" }
  | { readonly type: "addTickets"; readonly count: number }
  | {
      readonly type: "deliver"
      readonly ticketIds: ReadonlyArray<string>
      readonly times: number
      readonly url: string
      readonly secret: string
    }

export interface Api extends AsyncDisposable {
  readonly baseUrl: string
  readonly port: number
  readonly set: (changes: Partial<ApiSettings>) => Promise<void>
  readonly report: () => Promise<ApiReport>
  /** Creates tickets without a request, and returns their ids. */
  readonly addTickets: (count: number) => Promise<ReadonlyArray<string>>
  /** Delivers the outcomes of tickets when these are settled, each until it is acknowledged `times` times. */
  readonly deliver: (delivery: Omit<Extract<ApiCommand, { readonly type: "deliver" }>, "type">) => Promise<void>
}

/** Starts the API of `apiProcess.ts`. */
export const startApi = async (changes: Partial<ApiSettings> = {}): Promise<Api> => {
  const child = fork(join(import.meta.dirname, "apiProcess.ts"), { execArgv: ["--no-warnings"] })
  const [{ port }] = (await once(child, "message")) as [{ readonly port: number }]
  const waiting = new Map<number, (result: unknown) => void>()
  child.on("message", ({ number, result }: { readonly number: number; readonly result: unknown }) => {
    waiting.get(number)?.(result)
    waiting.delete(number)
  })
  let sent = 0
  const send = <A>(command: ApiCommand) =>
    new Promise<A>((resolve) => {
      const number = sent++
      waiting.set(number, (result) => resolve(result as A))
      child.send({ command, number })
    })
  const api: Api = {
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    set: (changes) => send({ type: "set", changes }),
    report: () => send({ type: "report" }),
    addTickets: (count) => send({ type: "addTickets", count }),
    deliver: (delivery) => send({ type: "deliver", ...delivery }),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, "exit")
      child.kill("SIGKILL")
      await exit
    }
  }
  await api.set(changes)
  return api
}
