// The CPU of one call whose response is hostile: 64 KiB of what is slow to redact, to parse or to print, and a token of
// 8 KiB. The response is read and classified, and the error is printed.
import { measureRounds, median, type Options, table, worker } from "../harness.ts"

/** Which secret the client has, which endpoint sends the bodies, and with which status. */
export interface HostileRole {
  readonly secret: "mixed" | "periodic" | "backslashes" | "percents"
  readonly path: "api" | "token"
  readonly status: number
}

/** Milliseconds of CPU of one body, and how many characters the message and the JSON of the error have. */
export interface HostileCost {
  readonly name: string
  readonly cpu: number
  readonly printed: number
}

const roles: ReadonlyArray<HostileRole> = [
  { secret: "mixed", path: "api", status: 404 },
  { secret: "periodic", path: "api", status: 404 },
  { secret: "backslashes", path: "api", status: 404 },
  { secret: "percents", path: "api", status: 404 },
  { secret: "mixed", path: "api", status: 200 },
  { secret: "mixed", path: "token", status: 400 }
]
const titleOf = ({ path, secret, status }: HostileRole) => `${path} ${status}, ${secret} secret`

export const measure = async (options: Options): Promise<string> => {
  const rows: Array<ReadonlyArray<string>> = []
  for (const role of roles) {
    const title = titleOf(role)
    const { send, stop } = await worker("hostile", role)
    const ones = new Map([[title, () => send<ReadonlyArray<HostileCost>>({})]])
    const results = (await measureRounds(ones, { ...options, warmUps: 0 })).get(title)!
    await stop()
    const [first = []] = results
    const figures = first.map(({ cpu, name, printed }, index) => ({
      name,
      first: cpu,
      cpu: median(results.map((costs) => costs[index]!.cpu)),
      printed
    }))
    const worst = figures.toSorted((a, b) => b.cpu - a.cpu)[0]!
    const worstFirst = figures.toSorted((a, b) => b.first - a.first)[0]!
    rows.push([
      title,
      `${worst.cpu.toFixed(1)} (${worst.name})`,
      `${worstFirst.first.toFixed(1)} (${worstFirst.name})`,
      `${Math.max(...figures.map(({ printed }) => printed))}`
    ])
  }
  return table(["", "worst median, ms CPU", "worst first call, ms CPU", "most characters printed"], rows)
}
