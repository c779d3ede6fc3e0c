// `npm test`: runs every step, even after a failure. The last line of the output is the total.
import { count, run } from "./run.ts"

interface Step {
  readonly name: string
  readonly command: string
  /** Matches the line of the output that counts the tests. A step without it counts as one test. */
  readonly counted?: RegExp
}

const steps: ReadonlyArray<Step> = [
  { name: "format", command: "oxfmt --check" },
  { name: "lint", command: "oxlint --deny-warnings" },
  { name: "language", command: "npm run --silent lint:language" },
  { name: "types", command: "tsc" },
  { name: "type tests", command: "tstyche", counted: /^Tests:\s+(.*)$/gmu },
  { name: "unit tests", command: "vitest run --project unit", counted: /^\s*Tests\s+(.*)$/gmu },
  { name: "documented code", command: "node scripts/docs-blocks.ts", counted: /^(\d+ passed, \d+ failed)$/gmu },
  { name: "API reference", command: "typedoc --emit none" },
  { name: "build", command: "npm run --silent build" },
  { name: "demo", command: "node examples/demo.ts" },
  { name: "durable demo", command: "node examples/demo.ts durable" },
  { name: "package", command: "vitest run --project package", counted: /^\s*Tests\s+(.*)$/gmu }
]

// The tests must not see the configuration of a real account.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RIPIO_")))

let passed = 0
let failed = 0
const failures: Array<string> = []

for (const { command, counted, name } of steps) {
  const start = performance.now()
  console.log(`\n--- ${name}: ${command}`)
  const { code, output } = await run(command, [], { env, shell: true })
  let ok = code === 0
  if (counted === undefined) {
    passed += ok ? 1 : 0
    failed += ok ? 0 : 1
  } else {
    const line = [...output.matchAll(counted)].at(-1)?.[1] ?? ""
    ok = ok && count(line, "passed") > 0 && count(line, "failed") === 0
    passed += count(line, "passed")
    // A step that exits with an error, or runs no tests, counts as at least one failure.
    failed += ok ? 0 : Math.max(1, count(line, "failed"))
  }
  if (!ok) failures.push(name)
  console.log(`--- ${name}: ${ok ? "ok" : "FAILED"} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
