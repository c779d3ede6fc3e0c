import * as tls from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createTicket } from "./create.ts"
import { authorities, type Fault, faults } from "./faults.ts"
import { cellOf, documentedFaults, expectedCells, notApplicable } from "./table.ts"
import { type Transport, transports } from "./transports.ts"
import { violations } from "./violations.ts"

const run = (fault: Fault, transport: Transport, hasFile: boolean) =>
  Effect.gen(function* () {
    const protocol = fault.isTls === true || transport.protocol === "h2" ? transport.protocol : "http"
    if (fault.protocols?.includes(protocol) === false) return undefined
    const scenario = yield* fault.start(protocol)
    const layer = transport.layer(scenario.network ?? {})
    if (layer === undefined) return undefined
    const report = yield* createTicket(scenario, layer, { hasFile })
    const { forms } = scenario.seen
    return {
      cell: cellOf(forms, report.outcome),
      details: report.details,
      broken: violations(fault, report, forms, transport.readsAhead !== true)
    }
  }).pipe(Effect.scoped)

describe("a create is sent once or not at all, and its error says which", () => {
  // The dispatchers and agents of the transports use the defaults of `node:tls`.
  const defaults = tls.getCACertificates("default")
  beforeAll(() => tls.setDefaultCACertificates([...defaults, ...authorities]))
  afterAll(() => tls.setDefaultCACertificates(defaults))

  it("the table in docs/testing.md has every fault", () => {
    assert.deepStrictEqual(
      documentedFaults(),
      faults.map(({ name }) => name)
    )
  })

  it.live.each(faults)("$name", (fault) =>
    Effect.gen(function* () {
      const results = yield* Effect.forEach(
        transports,
        (transport) =>
          Effect.forEach(
            fault.hasFile === true ? [true] : [false, true],
            (hasFile) => Effect.map(run(fault, transport, hasFile), (result) => ({ transport, hasFile, result })),
            { concurrency: 2 }
          ),
        { concurrency: "unbounded" }
      )
      const failures = results.flat().flatMap(({ hasFile, result, transport }) => {
        const isInTable = hasFile === (fault.hasFile === true)
        const expected = expectedCells(fault.name, transport.column)
        const actual = result?.cell ?? notApplicable
        const wrong =
          isInTable && !expected.includes(actual) ? [`expected ${expected.join(" or ")}; got ${actual}`] : []
        return [...wrong, ...(result?.broken ?? [])].map(
          (failure) => `${transport.name}${hasFile ? ", with a file" : ""}: ${failure}: ${result?.details}`
        )
      })
      assert.deepStrictEqual(failures, [])
    })
  )
})
