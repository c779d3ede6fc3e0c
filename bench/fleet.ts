/** What the server does while a fleet waits for tickets. Times are milliseconds since the start. */
export interface Scenario {
  readonly title: string
  /** When the server refuses all requests. */
  readonly refusals: ReadonlyArray<{ readonly from: number; readonly to: number; readonly status: 429 | 503 }>
}

export const tickets = 1000

/** The outcomes become available at times between 0 and this. */
export const spread = 15_000

/** The server responds after this many milliseconds. */
export const latency = 20

/** The intervals between polls in milliseconds, without jitter. */
export const intervals = { first: 1000, factor: 1.5, max: 5000 }

export const scenarios = {
  healthy: { title: "Healthy", refusals: [] },
  limited: {
    title: "Two windows of 3 s in which each response is a 429 with `Retry-After`",
    refusals: [
      { from: 3000, to: 6000, status: 429 },
      { from: 9000, to: 12_000, status: 429 }
    ]
  },
  outage: { title: "An outage of 8 s with 503", refusals: [{ from: 3000, to: 11_000, status: 503 }] }
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

export const idOf = (number: number): string => `00000000-0000-4000-8000-${`${number}`.padStart(12, "0")}`
export const numberOf = (url: string): number => Number(url.slice(-13, -1))

/** When the outcome of a ticket exists. */
export const readyAt = (number: number): number => (((number * 7919) % tickets) / tickets) * spread

/** When a client can first learn the outcome of a ticket. */
export const availableAt = (scenario: Scenario, number: number): number =>
  scenario.refusals.reduce((time, { from, to }) => (time >= from && time < to ? to : time), readyAt(number))

/** What the server counted. */
export interface Counted {
  readonly requests: number
  /** Requests that were refused. */
  readonly refused: number
  readonly maxInFlight: number
  /** The most requests within a tenth of a second, after the first second. */
  readonly maxPerTenth: number
}

/** What a client measured: the milliseconds from when each outcome was available until it was known. */
export interface Detected {
  readonly delays: ReadonlyArray<number>
  /** Outcomes that were not known at the end. */
  readonly missed: number
}
