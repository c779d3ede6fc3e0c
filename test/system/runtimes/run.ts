// `npm run test:runtimes`: packs the package, installs it as a user would, and runs the same program on each runtime
// against a sandbox on a port. `--only` and `--skip` take names of runtimes; `--tarball` takes a package that is packed.
import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as esbuild from "esbuild"
import manifest from "../../../package.json" with { type: "json" }
import { serve } from "./server.ts"
import type { Limits, Result, Target } from "./target.ts"

const root = join(import.meta.dirname, "..", "..", "..")
const bin = (...path: ReadonlyArray<string>) => join(import.meta.dirname, "node_modules", ...path)
const print = (line: string) => void process.stdout.write(`${line}\n`)

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`)
  return stdout
}

/** Runs a program to its end and gives what it printed. One that does not end by itself is killed, and fails. */
const finish = (cwd: string, command: string, args: ReadonlyArray<string>, env: Record<string, string>) =>
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
      else reject(new Error(`it ended with ${signal ?? code}:\n${Buffer.concat([...out, ...err]).toString()}`))
    })
  })

/** Runs a program until the work is done, and then ends it. */
const during = async (
  command: string,
  args: ReadonlyArray<string>,
  work: (firstLine: Promise<string>) => Promise<string>
) => {
  const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] })
  const said: Array<Buffer> = []
  child.stdout?.on("data", (chunk: Buffer) => said.push(chunk))
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk))
  const firstLine = new Promise<string>((resolve) => child.stdio[3]?.once("data", (chunk) => resolve(String(chunk))))
  const ended = new Promise<never>((_, reject) => {
    const fail = (what: string) => reject(new Error(`${what}:\n${Buffer.concat(said).toString()}`))
    child.on("error", reject)
    child.on("close", (code, signal) => fail(`it ended with ${signal ?? code}`))
    setTimeout(() => fail("no report in two minutes"), 120_000).unref()
  })
  try {
    return await Promise.race([work(firstLine), ended])
  } finally {
    ended.catch(() => {})
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
  }
}

interface Runtime {
  readonly name: string
  readonly limits: Limits
  readonly version: () => string
  /** Runs the program and gives its report. */
  readonly run: (target: Target) => Promise<string>
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

/** Node.js, Bun and Deno take the packages as they are installed, the other two a bundle. */
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
  version: () => run(root, command, "--version").split("\n")[0] ?? "",
  run: async (target) =>
    finish(project, command, [...args, await build("process", "external")], { TARGET: JSON.stringify(target) })
})

const workerd: Runtime = {
  name: "workerd",
  limits: { hidesRefusal: true },
  version: () => run(root, bin(".bin", "workerd"), "--version").trim(),
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
    return during(bin(".bin", "workerd"), ["serve", "--control-fd=3", config], async (firstLine) => {
      const [, port] = /"port":(\d+)/u.exec(await firstLine) ?? []
      return (await fetch(`http://127.0.0.1:${port}/`)).text()
    })
  }
}

/** Debian's, which root can install where it is missing. */
const chromiumPath = () => {
  const found = () => ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync)
  if (found() === undefined && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    print("Installing Debian's chromium ...")
    run(root, "apt-get", "update", "-qq")
    run(root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
  }
  const path = found()
  if (path === undefined) throw new Error("no Chromium: install Debian's chromium, or leave it out by --skip chromium")
  return path
}

const chromium: Runtime = {
  name: "chromium",
  limits: { hidesRefusal: true, resends: true, asksForPasswords: true },
  version: () => run(root, chromiumPath(), "--version").trim(),
  run: async (target) => {
    server.pages.set("/page/bundle.js", readFileSync(await build("page", "bundle"), "utf8"))
    server.pages.set(
      "/page/",
      `<!doctype html><script id="target" type="application/json">${JSON.stringify(target)}</script><script type="module" src="bundle.js"></script>`
    )
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    const data = `--user-data-dir=${join(workspace, "chromium")}`
    return during(chromiumPath(), [...flags, ...quiet, data, `${target.baseUrl}/page/`], () => server.reported())
  }
}

const permissions = ["--allow-env=TARGET", "--allow-net=127.0.0.1"]

const runtimes: ReadonlyArray<Runtime> = [
  onProcess("node-22", {}, bin("node-22", "bin", "node")),
  onProcess("node-24", {}, bin("node-24", "bin", "node")),
  onProcess("bun", {}, bin(".bin", "bun")),
  onProcess("deno", { hidesRefusal: true }, bin(".bin", "deno"), "run", "--no-remote", ...permissions),
  workerd,
  chromium
]

const names = runtimes.map(({ name }) => name)
for (const name of [...options.only, ...options.skip]) {
  if (!names.includes(name)) throw new Error(`${name}: no such runtime; there are ${names.join(", ")}`)
}

/** The package in a project of its own, as it comes from the registry. */
const install = () => {
  if (!existsSync(bin(".package-lock.json"))) {
    print("Installing the runtimes ...")
    run(import.meta.dirname, "npm", "ci", "--no-audit", "--no-fund")
  }
  const packed = () => {
    run(root, "npm", "pack", "--pack-destination", workspace)
    return join(workspace, `${manifest.name}-${manifest.version}.tgz`)
  }
  const tarball = options.tarball === undefined ? packed() : resolve(options.tarball)
  const effect = run(root, "npm", "pkg", "get", "version", "--prefix", "node_modules/effect").replace(/[\s"]/gu, "")
  mkdirSync(join(project, "program"), { recursive: true })
  for (const file of ["process.ts", "worker.ts", "page.ts", "smoke.ts", "target.ts"]) {
    copyFileSync(join(import.meta.dirname, file), join(project, "program", file))
  }
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: { [manifest.name]: `file:${tarball}`, effect } })
  )
  run(project, "npm", "install", "--no-audit", "--no-fund")
  print(`${manifest.name} ${manifest.version}, packed and installed, with effect ${effect}`)
}

/** The report of the program, and behind it what the server has seen. */
const examine = async ({ limits, name, run }: Runtime): Promise<ReadonlyArray<Result>> => {
  const { baseUrl, clientId, clientSecret, closedUrl, customerId, evidence } = server
  const target = { baseUrl, clientId, clientSecret, closedUrl, customerId, runtime: name, limits }
  const results = JSON.parse(await run(target)) as ReadonlyArray<Result>
  if (results.length === 0) throw new Error("it ran no check")
  const seen = (await evidence(name, limits)).map(([name, actual, expected]) => {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
    return { name, milliseconds: 0, ...(is === should ? {} : { failure: `expected ${should}, got ${is}` }) }
  })
  return [...results, ...seen]
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
      matrix.push(`- ${name}: left out`)
      continue
    }
    const start = performance.now()
    let version = "not to be had"
    const results = await Promise.resolve()
      .then(() => {
        version = runtime.version()
        return examine(runtime)
      })
      .catch((error: unknown): ReadonlyArray<Result> => {
        return [{ name: "it runs at all", milliseconds: 0, failure: String(error) }]
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
