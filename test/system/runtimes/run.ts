// `npm run test:runtimes`: packs the package, installs it into a new project, and runs one program on each runtime against
// a sandbox on a port. `--only` and `--skip` select runtimes by name. `--tarball` tests an existing package file.
import { spawn } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as esbuild from "esbuild"
import manifest from "../../../package.json" with { type: "json" }
import { runSync } from "../../../scripts/run.ts"
import type { Report } from "../sent/outcome.ts"
import { checkSent, type Column, writeAuthorities } from "./sentServer.ts"
import { serve } from "./server.ts"
import type { Limits, Result, Target } from "./target.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const bin = (...path: ReadonlyArray<string>) => join(import.meta.dirname, "node_modules", ...path)
const print = (line: string) => void process.stdout.write(`${line}\n`)

/** Runs a program until it exits, and returns its output. A program that does not exit in two minutes is killed. */
const runToExit = (cwd: string, command: string, args: ReadonlyArray<string>, env: Record<string, string>) =>
  new Promise<string>((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
    const [out, err]: readonly [Array<Buffer>, Array<Buffer>] = [[], []]
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk))
    const timer = setTimeout(() => child.kill("SIGKILL"), 120_000)
    child.on("error", reject)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve(Buffer.concat(out).toString())
      else
        reject(new Error(`The program exited with ${signal ?? code}:\n${Buffer.concat([...out, ...err]).toString()}`))
    })
  })

/** Runs a program while `work` runs, and then kills it. `work` receives the first line that the program writes to fd 3. */
const runDuring = async (
  command: string,
  args: ReadonlyArray<string>,
  work: (firstLine: Promise<string>) => Promise<string>
) => {
  const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] })
  const output: Array<Buffer> = []
  child.stdout?.on("data", (chunk: Buffer) => output.push(chunk))
  child.stderr?.on("data", (chunk: Buffer) => output.push(chunk))
  const firstLine = new Promise<string>((resolve) => child.stdio[3]?.once("data", (chunk) => resolve(String(chunk))))
  const failure = new Promise<never>((_, reject) => {
    const fail = (message: string) => reject(new Error(`${message}:\n${Buffer.concat(output).toString()}`))
    child.on("error", reject)
    child.on("close", (code, signal) => fail(`The program exited with ${signal ?? code}`))
    setTimeout(() => fail("No report within two minutes"), 120_000).unref()
  })
  try {
    return await Promise.race([work(firstLine), failure])
  } finally {
    failure.catch(() => {})
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
  }
}

interface Runtime {
  readonly name: string
  readonly limits: Limits
  readonly version: () => string
  /** Runs the program and returns its report. */
  readonly run: (target: Target) => Promise<string>
  /** Creates a ticket at each fault of test/system/sent. The table of docs/testing.md has a column for the runtime. */
  readonly sent?: () => Promise<ReadonlyArray<Result>>
}

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    skip: { type: "string", multiple: true, default: [] },
    tarball: { type: "string" }
  }
})

const workspace = mkdtempSync(join(tmpdir(), "effect-ripio-tickets-"))
const project = join(workspace, "project")
const server = await serve()

/** Node.js, Bun and Deno import the installed packages. workerd and Chromium run one bundle. */
const build = async (entry: string, packages: "external" | "bundle") => {
  const outfile = join(project, `${entry}.js`)
  await esbuild.build({
    entryPoints: [join(project, "program", `${entry}.ts`)],
    outfile,
    bundle: true,
    packages,
    format: "esm",
    target: "es2022"
  })
  return outfile
}

const onProcess = (name: string, limits: Limits, command: string, ...args: ReadonlyArray<string>): Runtime => ({
  name,
  limits,
  version: () => runSync(root, command, "--version").split("\n")[0] ?? "",
  run: async (target) =>
    // The lines before it are those of the log.
    lastLineOf(
      await runToExit(project, command, [...args, await build("process", "external")], {
        TARGET: JSON.stringify(target)
      })
    )
})

const lastLineOf = (output: string) => output.trimEnd().split("\n").at(-1) ?? ""

/** A program that creates a ticket at each fault. Its runtime trusts the certificates of the faults. */
const sent =
  (column: Column, command: string, ...args: ReadonlyArray<string>) =>
  async () => {
    const entry = await build("sent", "external")
    const path = writeAuthorities(workspace)
    return checkSent(column, async (tasks) => {
      const env = { TASKS: JSON.stringify(tasks), NODE_EXTRA_CA_CERTS: path, DENO_CERT: path }
      return JSON.parse(lastLineOf(await runToExit(project, command, [...args, entry], env))) as ReadonlyArray<Report>
    })
  }

const workerd: Runtime = {
  name: "workerd",
  limits: { hidesRefusal: true },
  version: () => runSync(root, bin(".bin", "workerd"), "--version").trim(),
  run: async (target) => {
    await build("worker", "bundle")
    const config = join(project, "workerd.capnp")
    writeFileSync(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "network", network = (allow = ["private"])),
    (name = "worker", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      bindings = [(name = "TARGET", text = ${JSON.stringify(JSON.stringify(target))})],
      compatibilityDate = "2026-10-01",
      globalOutbound = "network"
    ))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")]
);
`
    )
    return runDuring(bin(".bin", "workerd"), ["serve", "--control-fd=3", config], async (firstLine) => {
      const [, port] = /"port":(\d+)/u.exec(await firstLine) ?? []
      return (await fetch(`http://127.0.0.1:${port}/`)).text()
    })
  }
}

/** The path of Chromium. Installs Debian's package if it is missing and the user is root. */
const chromiumPath = () => {
  const found = () => ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync)
  if (found() === undefined && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    print("Installing the Debian package chromium ...")
    runSync(root, "apt-get", "update", "-qq")
    runSync(root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
  }
  const path = found()
  if (path === undefined)
    throw new Error("Chromium is not installed. Install Debian's chromium, or skip it: --skip chromium.")
  return path
}

const chromium: Runtime = {
  name: "chromium",
  limits: { hidesRefusal: true, resends: true, promptsForPassword: true },
  version: () => runSync(root, chromiumPath(), "--version").trim(),
  run: async (target) => {
    server.pages.set("/page/bundle.js", readFileSync(await build("page", "bundle"), "utf8"))
    server.pages.set(
      "/page/",
      `<!doctype html><script id="target" type="application/json">${JSON.stringify(target)}</script><script type="module" src="bundle.js"></script>`
    )
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    const data = `--user-data-dir=${join(workspace, "chromium")}`
    return runDuring(chromiumPath(), [...flags, ...quiet, data, `${target.baseUrl}/page/`], () => server.reported())
  }
}

const permissions = ["--allow-env=TARGET", "--allow-net=127.0.0.1"]

const runtimes: ReadonlyArray<Runtime> = [
  {
    ...onProcess("node-22", {}, bin("node-22", "bin", "node")),
    sent: sent({ name: "fetch", isShared: true }, bin("node-22", "bin", "node"))
  },
  onProcess("node-24", {}, bin("node-24", "bin", "node")),
  {
    ...onProcess("bun", {}, bin(".bin", "bun")),
    sent: sent({ name: "Bun" }, bin(".bin", "bun"))
  },
  {
    ...onProcess("deno", {}, bin(".bin", "deno"), "run", "--no-remote", ...permissions),
    sent: sent(
      { name: "Deno", hasHttp2: true },
      bin(".bin", "deno"),
      "run",
      "--no-remote",
      "--allow-env=TASKS",
      "--allow-net"
    )
  },
  workerd,
  chromium
]

const names = runtimes.map(({ name }) => name)
for (const name of [...options.only, ...options.skip]) {
  if (!names.includes(name)) throw new Error(`Unknown runtime ${name}. The runtimes are ${names.join(", ")}.`)
}

/** Installs the runtimes, and the packed package in a new project. */
const install = () => {
  if (!existsSync(bin(".package-lock.json"))) {
    print("Installing the runtimes ...")
    runSync(import.meta.dirname, "npm", "ci", "--no-audit", "--no-fund")
  }
  const packed = () => {
    runSync(root, "npm", "pack", "--pack-destination", workspace)
    return join(workspace, `${manifest.name}-${manifest.version}.tgz`)
  }
  const tarball = options.tarball === undefined ? packed() : resolve(options.tarball)
  const effect = runSync(root, "npm", "pkg", "get", "version", "--prefix", "node_modules/effect").replace(/[\s"]/gu, "")
  mkdirSync(join(project, "program"), { recursive: true })
  mkdirSync(join(project, "sent"))
  for (const file of ["process.ts", "worker.ts", "page.ts", "smoke.ts", "target.ts", "sent.ts"]) {
    copyFileSync(join(import.meta.dirname, file), join(project, "program", file))
  }
  for (const file of ["create.ts", "outcome.ts", "settings.ts"]) {
    copyFileSync(join(import.meta.dirname, "..", "sent", file), join(project, "sent", file))
  }
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: { [manifest.name]: `file:${tarball}`, effect } })
  )
  runSync(project, "npm", "install", "--no-audit", "--no-fund")
  print(`Installed ${manifest.name} ${manifest.version} with effect ${effect}`)
}

/** Runs the program, and returns its results and those of the server. */
const test = async ({ limits, name, run, sent }: Runtime): Promise<ReadonlyArray<Result>> => {
  const { baseUrl, clientId, clientSecret, closedUrl, customerId, checks } = server
  const target = { baseUrl, clientId, clientSecret, closedUrl, customerId, runtime: name, limits }
  const results = JSON.parse(await run(target)) as ReadonlyArray<Result>
  if (results.length === 0) throw new Error("The program ran no check.")
  const serverResults = (await checks(name, limits)).map(({ name, ...check }): Result => {
    const [actual, expected] = [JSON.stringify(check.actual), JSON.stringify(check.expected)]
    const result = { name, milliseconds: 0 }
    return actual === expected ? result : { ...result, failure: `expected ${expected}, got ${actual}` }
  })
  return [...results, ...serverResults, ...((await sent?.()) ?? [])]
}

let passed = 0
let failed = 0
let skipped = 0
const matrix: Array<string> = []

try {
  install()
  for (const runtime of runtimes) {
    const { name } = runtime
    if (options.skip.includes(name) || (options.only.length > 0 && !options.only.includes(name))) {
      skipped += 1
      matrix.push(`- ${name}: skipped`)
      continue
    }
    const start = performance.now()
    let version = "unknown version"
    const results = await Promise.resolve()
      .then(() => {
        version = runtime.version()
        return test(runtime)
      })
      .catch((error: unknown): ReadonlyArray<Result> => {
        return [{ name: "the program runs", milliseconds: 0, failure: String(error) }]
      })
    print(`\n--- ${name}: ${version}`)
    for (const { failure, milliseconds, name } of results) {
      print(
        failure === undefined ? `  ✓ ${name} (${milliseconds} ms)` : `  ✗ ${name}\n${failure.replace(/^/gmu, "      ")}`
      )
    }
    const bad = results.filter(({ failure }) => failure !== undefined).length
    passed += results.length - bad
    failed += bad
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    matrix.push(
      `${bad === 0 ? "✓" : "✗"} ${name}: ${version}: ${results.length - bad} of ${results.length} (${seconds} s)`
    )
  }
} finally {
  await server.close()
  rmSync(workspace, { recursive: true, force: true })
}

print(`\n${matrix.join("\n")}`)
print(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = failed > 0 ? 1 : 0
