// `npm run test:peers`: tests the client, the sandbox and the signatures against third-party programs over real sockets,
// then runs all faults at all bytes, a soak test, and many waits at a server that counts their requests. `--skip` leaves out
// a step by its name. A step whose dependencies cannot be installed fails.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { count, run, runSync } from "../../../scripts/run.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const print = (line: string) => void process.stdout.write(`${line}\n`)

interface Step {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Matches the line of the output that counts the tests. */
  readonly counted: RegExp
}

const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
const vitestCounts = /^\s*Tests\s+(.*)$/gmu

const steps: ReadonlyArray<Step> = [
  { name: "peers", args: [vitest, "run", "--config", "test/system/peers/vitest.config.ts"], counted: vitestCounts },
  {
    name: "faults",
    args: [vitest, "run", "--project", "unit", "test/system/faults"],
    env: { FAULTS: "all" },
    counted: vitestCounts
  },
  { name: "soak", args: ["--expose-gc", "test/system/faults/soak.ts"], counted: /^(\d+ passed, \d+ failed)$/gmu },
  { name: "load", args: [vitest, "run", "--project", "load"], counted: vitestCounts }
]

const names = steps.map(({ name }) => name)
const { values } = parseArgs({ options: { skip: { type: "string", multiple: true, default: [] } } })
for (const name of values.skip) {
  if (!names.includes(name)) throw new Error(`Unknown step ${name}. The steps are ${names.join(", ")}.`)
}

/** The Debian packages of a step, each with a file that it installs. */
const debian: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  peers: {
    openssl: "/usr/bin/openssl",
    "python3-django-oauth-toolkit": "/usr/lib/python3/dist-packages/oauth2_provider/__init__.py",
    webhook: "/usr/bin/webhook"
  },
  load: { "redis-server": "/usr/bin/redis-server" }
}

const install = (step: string) => {
  if (step === "peers" && !existsSync(join(import.meta.dirname, "node_modules", ".package-lock.json"))) {
    print("Installing the npm packages of the peers ...")
    runSync(import.meta.dirname, "npm", "ci", "--no-audit", "--no-fund")
  }
  const missing = Object.entries(debian[step] ?? {}).flatMap(([name, file]) => (existsSync(file) ? [] : [name]))
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`Install these Debian packages as root: ${missing.join(" ")}. Or skip the step: --skip ${step}.`)
  }
  print(`Installing the Debian packages ${missing.join(", ")} ...`)
  runSync(root, "apt-get", "update", "-qq")
  runSync(
    root,
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    ...missing
  )
}

let passed = 0
let failed = 0
const failures: Array<string> = []

for (const step of steps) {
  if (values.skip.includes(step.name)) {
    print(`\n--- ${step.name}: skipped`)
    continue
  }
  const start = performance.now()
  print(`\n--- ${step.name}`)
  try {
    install(step.name)
    const { code, output } = await run(process.execPath, step.args, { cwd: root, env: { ...process.env, ...step.env } })
    const line = [...output.matchAll(step.counted)].at(-1)?.[1] ?? ""
    const ok = code === 0 && count(line, "passed") > 0 && count(line, "failed") === 0
    passed += count(line, "passed")
    failed += ok ? 0 : Math.max(1, count(line, "failed"))
    if (!ok) failures.push(step.name)
  } catch (error) {
    print(String(error))
    failed += 1
    failures.push(step.name)
  }
  print(`--- ${step.name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

if (failures.length > 0) print(`\nFailed: ${failures.join(", ")}`)
print(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
