// `npm run test:peers`: what others wrote judges the client, the sandbox and the signatures over real sockets, and then
// every fault at every byte, and many calls on each client. `--skip` leaves out a step by its name. What a step needs and
// cannot have is a failure.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { count, run } from "../../../scripts/run.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const print = (line: string) => void process.stdout.write(`${line}\n`)

interface Step {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** The line that counts its tests. */
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
  { name: "soak", args: ["--expose-gc", "test/system/faults/soak.ts"], counted: /^(\d+ passed, \d+ failed)$/gmu }
]

const names = steps.map(({ name }) => name)
const { values } = parseArgs({ options: { skip: { type: "string", multiple: true, default: [] } } })
for (const name of values.skip) {
  if (!names.includes(name)) throw new Error(`${name}: no such step; there are ${names.join(", ")}`)
}

const must = (cwd: string, command: string, ...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`)
}

/** Debian's packages, by a file that each of them brings. */
const debian = {
  openssl: "/usr/bin/openssl",
  "python3-django-oauth-toolkit": "/usr/lib/python3/dist-packages/oauth2_provider/__init__.py",
  webhook: "/usr/bin/webhook"
}

const install = () => {
  if (!existsSync(join(import.meta.dirname, "node_modules", ".package-lock.json"))) {
    print("Installing the peers from npm ...")
    must(import.meta.dirname, "npm", "ci", "--no-audit", "--no-fund")
  }
  const missing = Object.entries(debian).flatMap(([name, file]) => (existsSync(file) ? [] : [name]))
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`install these packages of Debian, as root: ${missing.join(" ")}; or leave them out: --skip peers`)
  }
  print(`Installing Debian's ${missing.join(", ")} ...`)
  must(root, "apt-get", "update", "-qq")
  must(root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...missing)
}

let passed = 0
let failed = 0
const failures: Array<string> = []

for (const step of steps) {
  if (values.skip.includes(step.name)) {
    print(`\n--- ${step.name}: left out`)
    continue
  }
  const start = performance.now()
  print(`\n--- ${step.name}`)
  try {
    if (step.name === "peers") install()
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
