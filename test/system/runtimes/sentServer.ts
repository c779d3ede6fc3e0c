import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { authorities, type Fault, faults, type Scenario } from "../sent/faults.ts"
import type { Report } from "../sent/outcome.ts"
import { cellOf, expectedCells, notApplicable } from "../sent/table.ts"
import { violations } from "../sent/violations.ts"
import type { Task } from "./sent.ts"
import type { Result } from "./target.ts"

/** Writes a file with the certificates that the runtime has to trust, and returns its path. */
export const writeAuthorities = (folder: string): string => {
  const path = join(folder, "authorities.pem")
  writeFileSync(path, authorities.join(""))
  return path
}

/** What the options of `fetch` on these runtimes cannot express. */
const needsNode = ({ network = {} }: Scenario) => Object.keys(network).some((name) => name !== "proxy")

const protocolOf = ({ isTls, protocols = [] }: Fault) =>
  protocols.includes("h2") ? "h2" : isTls === true ? "https" : "http"

/** The rows of the table that a runtime has. */
export interface Column {
  readonly name: string
  readonly hasHttp2?: true
  /** Whether the tests of Node.js fill the column too. Only they cover the rows that this program cannot. */
  readonly isShared?: true
}

/** Starts the servers of all faults, runs a program that creates a ticket at each, and compares with the table. */
export const checkSent = (
  { hasHttp2, isShared, name: column }: Column,
  run: (tasks: ReadonlyArray<Task>) => Promise<ReadonlyArray<Report>>
): Promise<ReadonlyArray<Result>> =>
  Effect.gen(function* () {
    const started = yield* Effect.forEach(faults, (fault) =>
      protocolOf(fault) === "h2" && hasHttp2 !== true
        ? Effect.succeed({ fault, scenario: undefined })
        : Effect.map(fault.start(protocolOf(fault)), (scenario) => ({
            fault,
            scenario: needsNode(scenario) ? undefined : scenario
          }))
    )
    const running = started.flatMap(({ fault, scenario }) => (scenario === undefined ? [] : [{ fault, scenario }]))
    const tasks = running.map(({ fault, scenario: { network, seen: _, ...settings } }): Task => ({
      ...settings,
      proxy: network?.proxy,
      hasFile: fault.hasFile === true
    }))
    const reports = yield* Effect.promise(() => run(tasks))
    const checked = isShared === true ? running : started
    return checked.map(({ fault, scenario }): Result => {
      const index = running.findIndex((other) => other.fault === fault)
      const report = reports[index]
      const expected = expectedCells(fault.name, column)
      const forms = scenario?.seen.forms ?? 0
      const cell = report === undefined ? notApplicable : cellOf(forms, report.outcome)
      const failures = [
        ...(expected.includes(cell) ? [] : [`expected ${expected.join(" or ")}; got ${cell}`]),
        ...(report === undefined ? [] : violations(fault, report, forms, false))
      ]
      const result = { name: `sent once or not at all: ${fault.name}`, milliseconds: 0 }
      return failures.length === 0 ? result : { ...result, failure: `${failures.join("; ")}: ${report?.details}` }
    })
  }).pipe(Effect.scoped, Effect.runPromise)
