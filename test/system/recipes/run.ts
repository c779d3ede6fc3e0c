// `npm run test:recipes`: runs the example of each framework and platform as a program, with the packed package. The sandbox
// sends webhooks to it over a socket. Each event that was acknowledged must have been handled. `--only` and `--skip` select
// recipes by name. `--tarball` tests an existing package file.
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { basename, dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { getRequestListener } from "@hono/node-server"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as esbuild from "esbuild"
import manifest from "../../../package.json" with { type: "json" }
import { runSync } from "../../../scripts/run.ts"
import { Sandbox } from "../../../src/testing/index.ts"

const here = import.meta.dirname
const root = join(here, "..", "..", "..")
// The installed packages are not beside this file, which imports those of the repository.
const project = join(here, "build")
const runtimes = join(here, "..", "runtimes")
const bin = (name: string) => join(runtimes, "node_modules", ".bin", name)
const print = (line: string) => void process.stdout.write(`${line}\n`)

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    skip: { type: "string", multiple: true, default: [] },
    tarball: { type: "string" }
  }
})

const events = 10
const timesDelivered = 2

/** What a recipe is started with. */
interface Start {
  /** The variables of the program: an account of the sandbox, its webhook secret, and a free port. */
  readonly env: Readonly<Record<string, string>> & { readonly PORT: string }
  /** Reports that an event was handled. */
  readonly onHandled: (dedupeKey: string) => void
}

interface Running {
  readonly urls: ReadonlyArray<string>
  readonly stop: () => Promise<void>
}

interface Recipe {
  readonly name: string
  readonly start: (start: Start) => Promise<Running>
  /** Whether the program looks each ticket up, with an access token that its instances share. */
  readonly sharesToken?: true
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

const listen = async (listener: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>) => {
  const server = createServer((request, response) => void listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: portOf(server),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const freePort = async () => {
  const { close, port } = await listen(() => {})
  await close()
  return String(port)
}

const bytesOf = async (request: IncomingMessage) => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Starts a program, and reports its lines `handled <dedupeKey>`. */
const startProgram = (
  command: string,
  args: ReadonlyArray<string>,
  { env, onHandled }: Start,
  cwd = project
): { readonly child: ChildProcess; readonly stop: () => Promise<void> } => {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  let rest = ""
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString()}`.split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) if (line.startsWith("handled ")) onHandled(line.slice("handled ".length))
  })
  const output: Array<Buffer> = []
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk))
  const ended = new Promise<void>((resolve) => {
    child.on("close", (code, signal) => {
      if (code !== 0 && code !== 143 && signal === null)
        print(`${command} exited with ${code}:\n${Buffer.concat(output).toString()}`)
      resolve()
    })
  })
  return {
    child,
    stop: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000)
      child.kill("SIGTERM")
      await ended
      clearTimeout(timer)
    }
  }
}

/** Waits until a server responds, with any status. */
const untilUp = async (url: string, attempts = 200): Promise<void> => {
  try {
    await fetch(url)
  } catch (error) {
    if (attempts === 0) throw error
    await new Promise((resolve) => setTimeout(resolve, 100))
    await untilUp(url, attempts - 1)
  }
}

/** A program that listens on PORT. */
const onPort =
  (command: string, args: ReadonlyArray<string>, paths: ReadonlyArray<string> = ["/webhooks/ripio"], cwd?: string) =>
  async (start: Start): Promise<Running> => {
    const program = startProgram(command, args, start, cwd)
    const base = `http://127.0.0.1:${start.env.PORT}`
    await untilUp(base)
    return { urls: paths.map((path) => `${base}${path}`), stop: program.stop }
  }

/** Lambda with a function URL: one event at a time, and the process is frozen between two events. */
const startLambda = async (start: Start): Promise<Running> => {
  const queue: Array<{ readonly event: unknown; readonly respond: (result: string) => void }> = []
  const pending = new Map<string, (result: string) => void>()
  let waiting: ServerResponse | undefined
  let count = 0

  const deliverNext = () => {
    const next = waiting === undefined ? undefined : queue.shift()
    if (next === undefined || waiting === undefined) return
    const id = String(++count)
    pending.set(id, next.respond)
    program.child.kill("SIGCONT")
    waiting.writeHead(200, { "lambda-runtime-aws-request-id": id }).end(JSON.stringify(next.event))
    waiting = undefined
  }
  const runtimeApi = await listen(async (request, response) => {
    const [, id = ""] = /invocation\/(\d+)\/response$/u.exec(request.url ?? "") ?? []
    if (id === "") {
      // The process has nothing left to do that Lambda would wait for.
      waiting = response
      program.child.kill("SIGSTOP")
      deliverNext()
      return
    }
    const result = (await bytesOf(request)).toString()
    response.writeHead(202).end()
    pending.get(id)?.(result)
  })
  const program = startProgram(process.execPath, ["--no-warnings", "lambda.ts"], {
    ...start,
    env: { ...start.env, _HANDLER: "./webhooks-lambda.ts", AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimeApi.port}` }
  })

  const functionUrl = await listen(async (request, response) => {
    const body = await bytesOf(request)
    // Every second body as text, and some headers without a value: both occur.
    const isBase64Encoded = queue.length % 2 === 0
    const headers = Object.fromEntries([...Object.entries(request.headers), ["x-forwarded-for", null]])
    const event = {
      version: "2.0",
      rawPath: request.url,
      headers,
      body: body.length === 0 ? null : body.toString(isBase64Encoded ? "base64" : "utf8"),
      isBase64Encoded,
      requestContext: { domainName: "function.lambda-url.test", http: { method: request.method } }
    }
    const result = await new Promise<string>((resolve) => {
      queue.push({ event, respond: resolve })
      deliverNext()
    })
    const { headers: sent, statusCode } = JSON.parse(result) as {
      readonly statusCode: number
      readonly headers: Record<string, string>
    }
    response.writeHead(statusCode, sent).end()
  })
  return {
    urls: [`http://127.0.0.1:${functionUrl.port}/webhooks/ripio`],
    stop: async () => {
      program.child.kill("SIGCONT")
      program.child.kill("SIGKILL")
      await Promise.all([functionUrl.close(), runtimeApi.close()])
    }
  }
}

/** A Worker on workerd, with a KV namespace, and a server that it notifies of each event. */
const startWorker = async (start: Start): Promise<Running> => {
  const entries = new Map<string, Buffer>()
  // The protocol between workerd and its KV.
  const kv = await listen(async (request, response) => {
    const key = new URL(request.url ?? "/", "http://kv").pathname
    if (request.method === "PUT") {
      entries.set(key, await bytesOf(request))
      response.end()
      return
    }
    const value = entries.get(key)
    response.writeHead(value === undefined ? 404 : 200).end(value)
  })
  const notified = await listen(async (request, response) => {
    const { dedupeKey } = JSON.parse((await bytesOf(request)).toString()) as { readonly dedupeKey: string }
    start.onHandled(dedupeKey)
    response.writeHead(204).end()
  })
  await esbuild.build({
    entryPoints: [join(project, "webhooks-workerd.ts")],
    outfile: join(project, "worker.js"),
    bundle: true,
    external: ["cloudflare:workers"],
    format: "esm",
    target: "es2022"
  })
  const variables = { ...start.env, NOTIFY_URL: `http://127.0.0.1:${notified.port}/` }
  const bindings = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
  writeFileSync(
    join(project, "workerd.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "network", network = (allow = ["private"])),
    (name = "kv", external = (address = "127.0.0.1:${kv.port}", http = ())),
    (name = "worker", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      bindings = [${bindings.join(", ")}, (name = "TOKENS", kvNamespace = "kv")],
      compatibilityDate = "2026-10-01",
      globalOutbound = "network"
    ))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${start.env.PORT}", http = (), service = "worker")]
);
`
  )
  const running = await onPort(bin("workerd"), ["serve", join(project, "workerd.capnp")])(start)
  return {
    ...running,
    stop: async () => {
      await running.stop()
      await Promise.all([kv.close(), notified.close()])
    }
  }
}

/** Next.js: a build without secrets, and a server with them. */
const startNext = async (start: Start): Promise<Running> => {
  const app = join(project, "next")
  const next = join(project, "node_modules", "next", "dist", "bin", "next")
  const withoutSecrets = Object.entries(process.env).filter(([name]) => !name.startsWith("RIPIO_"))
  const env = { ...Object.fromEntries(withoutSecrets), NEXT_TELEMETRY_DISABLED: "1" }
  const { code, output } = await new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
    const child = spawn(process.execPath, [next, "build", app], {
      cwd: project,
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
    const chunks: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }))
  })
  if (code !== 0) throw new Error(`next build without secrets failed:\n${output}`)
  return onPort(process.execPath, [next, "start", app, "--hostname", "127.0.0.1", "--port", start.env.PORT])(start)
}

const node = (example: string, ...paths: ReadonlyArray<string>) =>
  onPort(process.execPath, ["--no-warnings", join(project, example)], paths.length === 0 ? undefined : paths)

const recipes: ReadonlyArray<Recipe> = [
  { name: "express", start: node("webhooks-express.ts", "/webhooks/ripio", "/parsed/webhooks/ripio") },
  { name: "fastify", start: node("webhooks-fastify.ts") },
  { name: "bun", start: onPort(bin("bun"), [join(project, "webhooks-bun.ts")]) },
  {
    name: "deno",
    start: onPort(bin("deno"), ["run", "--no-remote", "--allow-net", "--allow-env", join(project, "webhooks-deno.ts")])
  },
  { name: "lambda", start: startLambda },
  { name: "workerd", start: startWorker, sharesToken: true },
  { name: "next", start: startNext }
]

const names = recipes.map(({ name }) => name)
for (const name of [...options.only, ...options.skip]) {
  if (!names.includes(name)) throw new Error(`Unknown recipe ${name}. The recipes are ${names.join(", ")}.`)
}

/** Sends webhooks to a recipe, and returns what is wrong. */
const check = async ({ sharesToken, start }: Recipe): Promise<ReadonlyArray<string>> => {
  const runtime = ManagedRuntime.make(Sandbox.layer())
  const sandbox = await runtime.runPromise(Sandbox)
  const api = await listen(getRequestListener(await runtime.runPromise(Sandbox.toWebHandler)))
  const secret = Redacted.value(sandbox.webhookSecret)
  const handled = new Map<string, number>()
  const running = await start({
    env: {
      RIPIO_BASE_URL: `http://127.0.0.1:${api.port}`,
      RIPIO_CLIENT_ID: sandbox.account.clientId,
      RIPIO_CLIENT_SECRET: Redacted.value(sandbox.account.clientSecret),
      RIPIO_WEBHOOK_SECRETS: secret,
      PORT: await freePort()
    },
    onHandled: (dedupeKey) => void handled.set(dedupeKey, (handled.get(dedupeKey) ?? 0) + 1)
  })
  const problems: Array<string> = []
  const expect = (what: string, actual: unknown, expected: unknown) => {
    if (actual !== expected) problems.push(`${what}: expected ${String(expected)}, got ${String(actual)}`)
  }
  try {
    // Tokens are shared after the first round, in which all instances start at the same moment.
    const rounds = sharesToken === true ? [...running.urls, ...running.urls] : running.urls
    const tokens: Array<number> = []
    for (const [round, url] of rounds.entries()) {
      const before = {
        deliveries: (await runtime.runPromise(sandbox.deliveries)).length,
        handled: new Set(handled.keys())
      }
      const account = sharesToken === true ? sandbox.account : await runtime.runPromise(sandbox.addAccount())
      if (round < running.urls.length) {
        await runtime.runPromise(sandbox.subscribe(url, { account, times: timesDelivered, forge: true, retries: 0 }))
      }
      const ids = await Promise.all(
        Array.from({ length: events }, () => runtime.runPromise(sandbox.seed({ account, outcome: "Pending" })))
      )
      await Promise.all(
        ids.map((id, index) => runtime.runPromise(sandbox.complete(id, index % 2 === 0 ? "Created" : "Failed")))
      )
      const count = events * (timesDelivered + 1)
      await runtime.runPromise(Effect.timeout(sandbox.awaitDeliveries(before.deliveries + count), "60 seconds"))
      const deliveries = (await runtime.runPromise(sandbox.deliveries)).slice(before.deliveries)
      const withStatus = (forged: boolean, status: number) =>
        deliveries.filter((delivery) => delivery.forged === forged && delivery.status === status).length
      expect(`${url}: forged webhooks with response 401`, withStatus(true, 401), events)
      expect(`${url}: genuine webhooks with response 200`, withStatus(false, 200), events * timesDelivered)
      const isHandled = (id: string) => [...handled.keys()].some((key) => !before.handled.has(key) && key.includes(id))
      for (let turn = 0; turn < 100 && !ids.every(isHandled); turn++) await new Promise((r) => setTimeout(r, 50))
      expect(`${url}: events handled of those acknowledged`, ids.filter(isHandled).length, events)
      expect(`${url}: events handled`, [...handled.keys()].filter((key) => !before.handled.has(key)).length, events)
      tokens.push(await runtime.runPromise(sandbox.count("token")))
    }
    if (sharesToken === true) expect("token requests of the second round", (tokens[1] ?? 0) - (tokens[0] ?? 0), 0)
  } finally {
    await running.stop()
    await api.close()
    await runtime.dispose()
  }
  return problems
}

/** Installs the frameworks and the packed package in the project, and copies the examples into it. */
const install = () => {
  mkdirSync(project, { recursive: true })
  for (const file of [".npmrc", "package.json", "package-lock.json", "lambda.ts", "globals.d.ts"]) {
    cpSync(join(here, file), join(project, file))
  }
  for (const folder of [project, runtimes]) {
    if (existsSync(join(folder, "node_modules", ".package-lock.json"))) continue
    print(`Installing the packages of ${basename(dirname(folder))}/${basename(folder)} ...`)
    runSync(folder, "npm", "ci", "--no-audit", "--no-fund")
  }
  const packed = () => {
    runSync(root, "npm", "pack", "--pack-destination", project)
    return join(project, `${manifest.name}-${manifest.version}.tgz`)
  }
  const tarball = options.tarball === undefined ? packed() : resolve(options.tarball)
  const effect = runSync(root, "npm", "pkg", "get", "version", "--prefix", "node_modules/effect").replace(/[\s"]/gu, "")
  const quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
  runSync(project, "npm", "install", ...quiet, tarball, `effect@${effect}`)
  for (const example of globSync(join(root, "examples", "webhooks-{express,fastify,bun,deno,lambda,workerd}.ts"))) {
    cpSync(example, join(project, basename(example)))
  }
  rmSync(join(project, "next"), { recursive: true, force: true })
  cpSync(join(root, "examples", "next"), join(project, "next"), { recursive: true })
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      extends: "../../../../tsconfig.json",
      compilerOptions: { paths: {}, types: ["node"], skipLibCheck: true },
      include: ["*.ts", "next/app/**/*.ts"],
      exclude: []
    })
  )
}

let passed = 0
let failed = 0
const report = (name: string, problems: ReadonlyArray<string>, start: number) => {
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (problems.length === 0) passed += 1
  else failed += 1
  print(
    `${problems.length === 0 ? "✓" : "✗"} ${name} (${seconds} s)${problems.map((problem) => `\n    ${problem}`).join("")}`
  )
}
const attempt = async (name: string, run: () => Promise<ReadonlyArray<string>>) => {
  const start = performance.now()
  report(name, await run().catch((error: unknown) => [String(error)]), start)
}

install()
await attempt("types", async () => {
  runSync(project, join(root, "node_modules", ".bin", "tsc"), "--project", ".")
  return []
})
for (const recipe of recipes) {
  if (options.skip.includes(recipe.name) || (options.only.length > 0 && !options.only.includes(recipe.name))) continue
  await attempt(recipe.name, () => check(recipe))
}
print(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
