// The CPU time of a command from its start to its exit.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { median, medianOfPairs, measureRounds, type Options, table } from "../harness.ts"
import { bench } from "../project.ts"

const program = join(bench, "node_modules", ".bin", "ripio-tickets")
const baseline = "node, an empty program"

const candidates: Readonly<Record<string, ReadonlyArray<string>>> = {
  [baseline]: ["--input-type=module", "--eval", ""],
  "ripio-tickets --version": [program, "--version"],
  "ripio-tickets raise --help": [program, "raise", "--help"],
  "ripio-tickets retrieve, without a configuration": [program, "retrieve", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"]
}

/** Milliseconds of CPU, in user mode and in the kernel, of a process with these arguments of Node.js. */
const cpuOf = (args: ReadonlyArray<string>): number => {
  const script = `TIMEFORMAT="%U %S"; { time "$@" > /dev/null 2>&1 < /dev/null; } 2>&1`
  const { stdout } = spawnSync("bash", ["-c", script, "bash", process.execPath, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], LC_ALL: "C" }
  })
  const [user = Number.NaN, system = Number.NaN] = stdout.trim().split(" ").map(Number)
  return (user + system) * 1000
}

export const measure = async (options: Options): Promise<string> => {
  const measurements = Object.entries(candidates).map(([name, args]) => [name, async () => cpuOf(args)] as const)
  const results = await measureRounds(new Map(measurements), { ...options, warmUps: 1 })
  const of = (name: string) => results.get(name)!
  return table(
    ["", "ms CPU", "ms CPU over Node.js"],
    Object.keys(candidates).map((name) => [
      name,
      median(of(name)).toFixed(0),
      medianOfPairs(of(name), of(baseline), (one, base) => one - base).toFixed(0)
    ])
  )
}
