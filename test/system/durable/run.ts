// `npm run test:durable`: attacks the durable outbox, tracker and inbox on real databases. Processes are killed, frozen and
// cut off, and then the records of an API server are compared with what the handlers received. `ATTACKS=full` runs the
// full sizes. `--skip` leaves out a database by its name.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { count, run, runSync } from "../../../scripts/run.ts"
import { isPostgresInstalled } from "./postgres.ts"
import { isRedisInstalled } from "./redis.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const print = (line: string) => void process.stdout.write(`${line}\n`)

/** The databases, each with the Debian package that has it. */
const databases = {
  postgresql: { package: "postgresql", isInstalled: isPostgresInstalled },
  redis: { package: "redis-server", isInstalled: isRedisInstalled }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { skip: { type: "string", multiple: true, default: [] } }
})
for (const name of values.skip) {
  if (!(name in databases)) {
    throw new Error(`Unknown database ${name}. The databases are ${Object.keys(databases).join(", ")}.`)
  }
}

const install = () => {
  if (!existsSync(join(import.meta.dirname, "node_modules", ".package-lock.json"))) {
    print("Installing the database clients ...")
    runSync(import.meta.dirname, "npm", "ci", "--no-audit", "--no-fund")
  }
  const missing = Object.entries(databases).flatMap(([name, database]) =>
    values.skip.includes(name) || database.isInstalled() ? [] : [database]
  )
  if (missing.length === 0) return
  const packages = missing.map((database) => database.package)
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`Install these Debian packages as root: ${packages.join(" ")}. Or skip them: --skip postgresql.`)
  }
  print(`Installing the Debian packages ${packages.join(", ")} ...`)
  runSync(root, "apt-get", "update", "-qq")
  const apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
  runSync(root, "env", ...apt, ...packages)
}

const bin = (name: string, path: string) => join(root, "node_modules", name, path)

/** Prints the output of the tests, and returns the numbers of passed and failed ones. */
const test = async () => {
  try {
    install()
    runSync(root, process.execPath, bin("@typescript/native", "bin/tsc"), "--project", import.meta.dirname)
    const config = join(import.meta.dirname, "vitest.config.ts")
    const args = [bin("vitest", "vitest.mjs"), "run", "--config", config, ...positionals]
    const env = { ...process.env, SKIPPED_DATABASES: values.skip.join(" ") }
    const { code, output } = await run(process.execPath, args, { cwd: root, env })
    const line = [...output.matchAll(/^\s*Tests\s+(.*)$/gmu)].at(-1)?.[1] ?? ""
    const failed = count(line, "failed")
    const isOk = code === 0 && count(line, "passed") > 0 && failed === 0
    return { passed: count(line, "passed"), failed: isOk ? 0 : Math.max(1, failed) }
  } catch (error) {
    print(String(error))
    return { passed: 0, failed: 1 }
  }
}

for (const name of values.skip) print(`--- ${name}: skipped`)
const { failed, passed } = await test()
print(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
