import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import manifest from "../../../package.json" with { type: "json" }
import * as Effect from "effect/Effect"
import * as esbuild from "esbuild"
import { CustomerId, TicketId } from "../../../src/index.ts"
import { Fault } from "../../../src/testing/index.ts"
import { exitCodes } from "../../../src/cli/exit.ts"
import { clientSecret } from "../../support/canary.ts"
import { documentedExitCodes, documentedSession, type Step } from "./documented.ts"
import { onTerminal, program, run, shell, shown, start, terminal, unpack, workspace } from "./program.ts"
import { silentApi, startServer, webhookSecret } from "./server.ts"

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async () => {
  unpack()
  server = await startServer()
})
afterEach(() => server.use((sandbox) => Effect.andThen(sandbox.clearFaults, sandbox.onCreate({}))))
afterAll(async () => {
  await server.stop()
  rmSync(workspace, { recursive: true })
})

const unknownId = TicketId.make("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

const raiseArgs = (customer: string = server.customerId) => [
  "raise",
  "--customer",
  customer,
  "--summary",
  "A deposit is missing",
  "--description",
  "Sent on Monday."
]

const parse = (line: string) => JSON.parse(line) as Record<string, unknown>

describe("the bundle", () => {
  it("imports only Node.js, and not node:http at its start, which would load fetch", async () => {
    // Fails if the bundle imports a package: there is none in the folder.
    const { metafile } = await esbuild.build({
      entryPoints: [program],
      bundle: true,
      platform: "node",
      format: "esm",
      write: false,
      metafile: true
    })
    const imports = Object.values(metafile.outputs).flatMap((file) => file.imports)
    assert.isAbove(imports.length, 3)
    assert.deepStrictEqual(
      imports.filter(({ path }) => !path.startsWith("node:")),
      []
    )
    assert.deepStrictEqual(
      imports.filter(({ path }) => path === "node:http").map(({ kind }) => kind),
      ["dynamic-import"]
    )
  })

  it("has the licenses of what it contains", () => {
    const text = readFileSync(program, "utf8")
    for (const name of ["effect", "@effect/platform-node", "@effect/platform-node-shared"]) {
      assert.match(text, new RegExp(`^${name}\n\nMIT License\n\nCopyright`, "mu"))
    }
  })
})

describe("results", () => {
  it("retrieve prints the state of a ticket", async () => {
    const pending = await server.seed({ outcome: "Pending" })
    assert.deepStrictEqual(await run(["retrieve", pending], server.env), {
      exitCode: 0,
      stdout: `${pending} Pending\n`,
      stderr: ""
    })
    const failed = await server.seed({ outcome: "Failed", after: 0 })
    assert.deepStrictEqual(await run(["retrieve", failed.toUpperCase()], server.env), {
      exitCode: 3,
      stdout: `${failed} Failed\n`,
      stderr: ""
    })
  })

  it("await waits for the outcome, and prints it as JSON", async () => {
    const id = await server.seed({ after: "1 second" })
    const { exitCode, stderr, stdout } = await run(["await", id, "--json"], server.env)
    assert.deepStrictEqual([exitCode, stderr], [0, ""])
    assert.match(stdout, new RegExp(`^\\{"_tag":"Created","ticketId":"${id}","issueKey":"SUP-\\d+"\\}\n$`, "u"))
  })

  it("raise creates a ticket with its files, and prints the outcome", async () => {
    writeFileSync(join(workspace, "receipt.PNG"), "some bytes")
    writeFileSync(join(workspace, "notes"), "some notes")
    await server.use((sandbox) => sandbox.onCreate({ outcome: "Failed", after: "500 millis" }))
    const files = ["--file", "receipt.PNG", "--file", "notes"]
    const { exitCode, stderr, stdout } = await run([...raiseArgs(), ...files], server.env)
    const ticket = (await server.use((sandbox) => sandbox.tickets)).at(-1)!
    assert.strictEqual(exitCode, 3)
    assert.strictEqual(stdout, `${ticket.ticketId} Failed\n`)
    assert.strictEqual(stderr, `Ticket ${ticket.ticketId} was created. Waiting for its outcome.\n`)
    assert.deepInclude(ticket, { summary: "A deposit is missing", description: "Sent on Monday." })
    assert.deepStrictEqual(
      ticket.files.map(({ bytes, name, type }) => [name, type, new TextDecoder().decode(bytes)]),
      [
        ["receipt.PNG", "image/png", "some bytes"],
        ["notes", "application/octet-stream", "some notes"]
      ]
    )
  })

  it("raise --no-wait prints the new ticket and does not poll", async () => {
    const polls = await server.use((sandbox) => sandbox.count("retrieve"))
    const { exitCode, stderr, stdout } = await run([...raiseArgs(), "--no-wait", "--json"], server.env)
    const { ticketId } = (await server.use((sandbox) => sandbox.tickets)).at(-1)!
    assert.deepStrictEqual(
      { exitCode, stderr, json: parse(stdout) },
      { exitCode: 0, stderr: "", json: { _tag: "Pending", ticketId } }
    )
    assert.strictEqual(await server.use((sandbox) => sandbox.count("retrieve")), polls)
  })

  it("--version and --help print to stdout", async () => {
    assert.deepStrictEqual(await run(["--version"]), { exitCode: 0, stdout: `${manifest.version}\n`, stderr: "" })
    const help = await run(["raise", "--help"])
    assert.deepStrictEqual([help.exitCode, help.stderr], [0, ""])
    for (const flag of ["customer", "summary", "description", "file", "no-wait", "deadline", "json"]) {
      assert.include(help.stdout, `--${flag}`)
    }
  })
})

describe("errors", () => {
  interface Failure {
    readonly args: () => ReadonlyArray<string> | Promise<ReadonlyArray<string>>
    readonly env?: () => Record<string, string>
    readonly inject?: () => Promise<unknown>
    readonly exitCode: number
    readonly tag: string
    readonly message: RegExp
    readonly fields?: Record<string, unknown>
  }
  const retrieve = () => ["retrieve", unknownId]

  const failures: Record<string, Failure> = {
    NotFound: { args: retrieve, exitCode: 4, tag: "NotFound", message: /^This account has no ticket/u },
    NotEnabled: {
      args: retrieve,
      inject: () => server.use((sandbox) => sandbox.setEnabled(false, server.account)),
      exitCode: 5,
      tag: "NotEnabled",
      message: /^Support tickets are not enabled/u
    },
    Unauthenticated: {
      args: retrieve,
      env: () => ({ RIPIO_CLIENT_SECRET: `${clientSecret}, but wrong` }),
      exitCode: 6,
      tag: "Unauthenticated",
      message: /rejected the client credentials/u
    },
    "OutcomePending at the deadline": {
      args: async () => ["await", await server.seed({ outcome: "Pending" }), "--deadline", "300ms"],
      exitCode: 7,
      tag: "OutcomePending",
      message: /has no outcome after/u
    },
    "OutcomePending after raise, if the ticket is not found": {
      args: () => raiseArgs(),
      inject: () =>
        server.use((sandbox) =>
          sandbox.inject(
            Fault.body(
              { code: 40017, type: "SupportTicketNotFoundException", detail: {}, status: 404 },
              { status: 404 }
            ),
            { on: "retrieve" }
          )
        ),
      exitCode: 7,
      tag: "OutcomePending",
      message: /The last error was This account has no ticket/u,
      fields: { polls: 1 }
    },
    CreateAmbiguous: {
      args: () => raiseArgs(),
      inject: () => server.use((sandbox) => sandbox.inject(Fault.dropped, { on: "create" })),
      exitCode: 8,
      tag: "CreateAmbiguous",
      message: /may have been created. Check before retrying/u
    },
    TicketRejected: {
      args: () => raiseArgs(CustomerId.make(unknownId)),
      exitCode: 9,
      tag: "TicketRejected",
      message: /^Ripio rejected the ticket/u
    },
    RipioHttpError: {
      args: retrieve,
      inject: () => server.use((sandbox) => sandbox.inject(Fault.status(400), { on: "retrieve" })),
      exitCode: 10,
      tag: "RipioHttpError",
      message: /^retrieve: unexpected response with status 400/u
    },
    "RipioHttpError of the token endpoint, without a server": {
      args: retrieve,
      env: () => ({ RIPIO_BASE_URL: "http://127.0.0.1:9" }),
      exitCode: 10,
      tag: "RipioHttpError",
      message: /^accessToken: the connection failed/u
    },
    "a missing configuration": {
      args: retrieve,
      env: () => ({ RIPIO_BASE_URL: "", RIPIO_CLIENT_ID: "", RIPIO_CLIENT_SECRET: "" }),
      exitCode: 2,
      tag: "MissingVariables",
      message: /Set RIPIO_ENVIRONMENT \(or RIPIO_BASE_URL\), RIPIO_CLIENT_ID, RIPIO_CLIENT_SECRET in the environment/u
    },
    "an unknown environment": {
      args: retrieve,
      env: () => ({ RIPIO_BASE_URL: "", RIPIO_ENVIRONMENT: clientSecret }),
      exitCode: 2,
      tag: "ConfigError",
      message: /^RIPIO_ENVIRONMENT: Expected "sandbox" \| "production"/u
    },
    "a client id that cannot work": {
      args: retrieve,
      env: () => ({ RIPIO_CLIENT_ID: "a:b" }),
      exitCode: 2,
      tag: "InvalidOption",
      message: /^RIPIO_CLIENT_ID: expected/u
    },
    "a file that cannot be read": {
      args: () => ["webhook", "verify", "--body", "/proc/self/mem", "--signature", "x"],
      env: () => ({ RIPIO_WEBHOOK_SECRETS: webhookSecret }),
      exitCode: 2,
      tag: "UnreadableFile",
      message: /^The file of --body cannot be read: \/proc\/self\/mem: EIO/u
    },
    "no webhook secret": {
      args: () => ["webhook", "listen", "--port", "0"],
      exitCode: 2,
      tag: "MissingVariables",
      message: /Set RIPIO_WEBHOOK_SECRETS in the environment/u
    },
    "a short webhook secret": {
      args: () => ["webhook", "listen", "--port", "0"],
      env: () => ({ RIPIO_WEBHOOK_SECRETS: "short" }),
      exitCode: 2,
      tag: "InvalidOption",
      message: /^RIPIO_WEBHOOK_SECRETS\[0\]: expected at least 16 bytes/u
    }
  }

  for (const [name, { args, env, exitCode, fields = {}, inject, message, tag }] of Object.entries(failures)) {
    it(`exits with ${exitCode}: ${name}`, async () => {
      await inject?.()
      const result = await run([...(await args()), "--json"], { ...server.env, ...env?.() })
      await server.use((sandbox) => sandbox.setEnabled(true, server.account))
      assert.strictEqual(result.exitCode, exitCode)
      // One object on stdout, and the same message on stderr.
      const lines = result.stdout.split("\n")
      assert.strictEqual(lines.length, 2)
      const json = parse(lines[0]!)
      assert.deepInclude(json, { _tag: tag, ...fields })
      assert.match(String(json["message"]), message)
      const messages = result.stderr.split("\n").filter((line) => !line.endsWith("Waiting for its outcome."))
      assert.deepStrictEqual(messages, [`Error: ${String(json["message"])}`, ""])
    })
  }

  it("prints errors to stderr only, without --json", async () => {
    const { exitCode, stderr, stdout } = await run(["retrieve", unknownId], server.env)
    assert.deepStrictEqual([exitCode, stdout], [4, ""])
    assert.match(stderr, /^Error: This account has no ticket .*\n$/u)
  })

  it("durations are in milliseconds, and an error has its fields", async () => {
    const id = await server.seed({ outcome: "Pending" })
    const { stdout } = await run(["await", id, "--deadline", "1.5s", "--json"], server.env)
    const { elapsed, lastTicket, polls, ticketId } = parse(stdout)
    assert.deepStrictEqual({ lastTicket, ticketId }, { lastTicket: { _tag: "Pending", ticketId: id }, ticketId: id })
    // A timer of Node.js may be a millisecond early.
    assert.isAtLeast(Number(elapsed), 1499)
    assert.isAtLeast(Number(polls), 1)
  })
})

describe.concurrent("usage", () => {
  const invalid: Record<string, readonly [args: () => ReadonlyArray<string>, stderr: RegExp]> = {
    "no command": [() => [], /SUBCOMMANDS/u],
    "an unknown command": [() => ["delete"], /Unknown subcommand "delete"/u],
    "a group without its command": [() => ["webhook"], /SUBCOMMANDS/u],
    "an unknown flag": [() => ["retrieve", unknownId, "--wait"], /Unrecognized flag: --wait/u],
    "no id": [() => ["retrieve"], /Missing required argument: id/u],
    "an id that is not a UUID": [() => ["retrieve", "42"], /Invalid value for argument <id>: "42".*Expected a UUID/u],
    "a second id": [() => ["retrieve", unknownId, "more"], /Unexpected positional argument: "more"/u],
    "a missing flag": [() => raiseArgs().slice(0, -2), /Missing required flag: --description/u],
    "a blank summary": [
      () => [...raiseArgs().slice(0, 3), "--summary", " ", "--description", "x"],
      /flag --summary.*not only white space/u
    ],
    "a customer that is not a UUID": [() => raiseArgs("someone"), /flag --customer: "someone".*Expected a UUID/u],
    "a file that does not exist": [() => [...raiseArgs(), "--file", "none.txt"], /flag --file.*does not exist/u],
    "a folder as a file": [() => [...raiseArgs(), "--file", "package"], /flag --file.*not a file/u],
    "a deadline without a unit": [
      () => ["await", unknownId, "--deadline", "5"],
      /flag --deadline: "5".*90s, 15m or 2h/u
    ],
    "a port that does not exist": [
      () => ["sandbox", "--port", "65536"],
      /flag --port: "65536".*a port from 0 to 65535/u
    ],
    "an unknown outcome": [() => ["sandbox", "--outcome", "lost"], /flag --outcome: "lost"/u],
    "a URL of another protocol": [() => ["sandbox", "--webhook-url", "ftp://x"], /flag --webhook-url.*http or https/u],
    "an unknown shell": [() => ["completions", "tcsh"], /argument <shell>: "tcsh"/u]
  }
  for (const [name, [args, expected]] of Object.entries(invalid)) {
    it(`exits with 2 and prints to stderr: ${name}`, async () => {
      const { exitCode, stderr, stdout } = await run(args(), server.env)
      assert.deepStrictEqual([exitCode, stdout], [2, ""])
      assert.match(stderr, expected)
    })
  }

  it("names the command as the user has called it", async () => {
    const { stderr } = await run(["retrieve"], { npm_command: "exec" })
    assert.include(stderr, "For the usage: npx effect-ripio-tickets retrieve --help")
    assert.include((await run(["retrieve"])).stderr, "For the usage: ripio-tickets retrieve --help")
  })

  it("a secret in a flag is refused, and not printed", async () => {
    for (const args of [
      ["retrieve", unknownId, "--client-secret", clientSecret],
      ["retrieve", unknownId, `--client-secret=${clientSecret}`],
      ["--client-secret", clientSecret, "retrieve", unknownId],
      ["webhook", "--client-secret", clientSecret]
    ]) {
      const { exitCode, stderr } = await run(args, server.env)
      assert.strictEqual(exitCode, 2)
      assert.match(stderr, /Unrecognized flag: --client-secret/u)
    }
  })

  it("a port that is in use exits with 2", async () => {
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port))
    })
    const { exitCode, stderr, stdout } = await run(["sandbox", "--port", `${port}`])
    other.close()
    assert.deepStrictEqual([exitCode, stdout], [2, ""])
    assert.strictEqual(
      stderr,
      `Error: Port ${port} cannot be used (EADDRINUSE). Choose another one with --port, or 0 for any\n`
    )
  })
})

describe("Ctrl-C", () => {
  const created = () => server.use((sandbox) => sandbox.tickets)
  const awaitRequest = async (route: "token" | "create" | "retrieve", start: () => void) => {
    const count = await server.use((sandbox) => sandbox.count(route))
    start()
    await server.use((sandbox) => sandbox.awaitRequests(route, count + 1))
  }

  it("while the ticket is sent: waits for the response, and prints the id", async () => {
    await server.use((sandbox) => sandbox.inject(Fault.latency("2 seconds"), { on: "create" }))
    let raising!: ReturnType<typeof start>
    await awaitRequest("create", () => {
      raising = start([...raiseArgs(), "--json"], server.env)
    })
    raising.kill("SIGINT")
    const { exitCode, stderr, stdout } = await raising.result
    const { ticketId } = (await created()).at(-1)!
    assert.strictEqual(exitCode, 130)
    assert.deepStrictEqual(parse(stdout), { _tag: "Pending", ticketId })
    assert.include(stderr, "Interrupted. Waiting for the response")
    assert.include(stderr, `Interrupted. Ticket ${ticketId} was created`)
  })

  it("while the ticket is sent, and the response is lost: prints what is known", async () => {
    const api = await silentApi()
    const raising = start([...raiseArgs(), "--json"], { ...server.env, RIPIO_BASE_URL: api.url })
    const create = await api.create
    raising.kill("SIGINT")
    await raising.waitFor(/Waiting for the response/u)
    // A second one does not lose what the response will say.
    raising.kill("SIGINT")
    create.destroy()
    const { exitCode, stderr, stdout } = await raising.result
    await api.stop()
    assert.strictEqual(exitCode, 130)
    assert.match(stderr, /Interrupted. create: .* the API may have carried it out: /u)
    const { _tag, contentHash, customerId, sentAt } = parse(stdout)
    assert.deepStrictEqual({ _tag, customerId }, { _tag: "Interrupted", customerId: server.customerId })
    assert.match(String(contentHash), /^[0-9a-f]{64}$/u)
    assert.isFalse(Number.isNaN(Date.parse(String(sentAt))))
  })

  it("before the ticket is sent: sends nothing", async () => {
    const before = (await created()).length
    await server.use((sandbox) => sandbox.inject(Fault.latency("5 seconds"), { on: "token" }))
    let raising!: ReturnType<typeof start>
    await awaitRequest("token", () => {
      raising = start(raiseArgs(), server.env)
    })
    raising.kill("SIGINT")
    assert.deepStrictEqual(await raising.result, {
      exitCode: 130,
      stdout: "",
      stderr: "Interrupted. No ticket was sent.\n"
    })
    assert.strictEqual((await created()).length, before)
  })

  it("while it waits for the outcome: prints the id", async () => {
    await server.use((sandbox) => sandbox.onCreate({ outcome: "Pending" }))
    const raising = start(raiseArgs(), server.env)
    await raising.waitFor(/Waiting for its outcome/u)
    raising.kill("SIGINT")
    const { exitCode, stdout } = await raising.result
    assert.deepStrictEqual([exitCode, stdout], [130, `${(await created()).at(-1)!.ticketId} Pending\n`])
  })

  it("SIGTERM does the same, and exits with 143", async () => {
    await server.use((sandbox) => sandbox.onCreate({ outcome: "Pending" }))
    const raising = start(raiseArgs(), server.env)
    await raising.waitFor(/Waiting for its outcome/u)
    raising.kill("SIGTERM")
    const { exitCode, stdout } = await raising.result
    assert.deepStrictEqual([exitCode, stdout], [143, `${(await created()).at(-1)!.ticketId} Pending\n`])
  })
})

describe("on a terminal", () => {
  const complete = (id: TicketId) => server.use((sandbox) => sandbox.complete(id, "Created"))

  it("shows a line of progress while it waits, and removes it", async () => {
    const id = await server.seed({ outcome: "Pending" })
    const waiting = onTerminal(["await", id], server.env)
    await waiting.waitFor(/Pending for [1-9]\d*s, /u)
    await complete(id)
    const { exitCode, stdout } = await waiting.result
    assert.strictEqual(exitCode, 0)
    // The last thing on the line before the result is removed.
    assert.match(stdout, new RegExp(`\r\u001b\\[K${id} Created SUP-\\d+\r\n$`, "u"))
    assert.match(shown(stdout), /^\n?Pending for 0s, 0 polls\n/u)
  })

  it("shows why polls fail", async () => {
    const id = await server.seed({ outcome: "Pending" })
    await server.use((sandbox) => sandbox.inject(Fault.status(503), { on: "retrieve", times: "forever" }))
    const waiting = onTerminal(["await", id], server.env)
    await waiting.waitFor(/Pending for \d+s, \d+ polls?. The last one failed: the server failed with status 503/u)
    await complete(id)
    await server.use((sandbox) => sandbox.clearFaults)
    assert.strictEqual((await waiting.result).exitCode, 0)
  })

  it("shows progress while stdout is redirected, and the file has the result only", async () => {
    const id = await server.seed({ outcome: "Pending" })
    const waiting = onTerminal(["await", id, "--json"], server.env, "> result.json")
    await waiting.waitFor(/Pending for \d+s, /u)
    await complete(id)
    await waiting.result
    assert.deepInclude(parse(readFileSync(join(workspace, "result.json"), "utf8")), { _tag: "Created", ticketId: id })
  })

  it("shows no progress if stderr is redirected, or if the terminal cannot move its cursor", async () => {
    const id = await server.seed({ outcome: "Pending" })
    const args = ["await", id, "--deadline", "700ms"]
    const redirected = await onTerminal(args, server.env, "2> messages.txt").result
    const dumb = await onTerminal(args, { ...server.env, TERM: "dumb" }).result
    assert.deepStrictEqual([redirected.exitCode, dumb.exitCode], [7, 7])
    const messages = readFileSync(join(workspace, "messages.txt"), "utf8")
    assert.match(messages, /^Error: .*\n$/u)
    for (const unexpected of ["Pending for", "\u001b"]) {
      assert.notInclude(redirected.stdout + dumb.stdout + messages, unexpected)
    }
  })

  it("has colors, except with NO_COLOR", async () => {
    const colored = await onTerminal(["--help"]).result
    const plain = await onTerminal(["--help"], { NO_COLOR: "1" }).result
    assert.include(colored.stdout, "\u001b[1m")
    assert.notInclude(plain.stdout, "\u001b")
    assert.strictEqual(shown(colored.stdout), shown(plain.stdout))
    assert.notInclude((await run(["--help"])).stdout, "\u001b")
  })

  const envWithoutSecret = () => ({ ...server.env, RIPIO_CLIENT_SECRET: "" })

  it("asks for a secret that is not set, and does not show it", async () => {
    const id = await server.seed({ after: 0 })
    const retrieving = onTerminal(["retrieve", id], envWithoutSecret())
    await retrieving.waitFor(/RIPIO_CLIENT_SECRET is not set. Enter its value/u)
    retrieving.send(`${clientSecret}\r`)
    const { exitCode, stdout } = await retrieving.result
    assert.strictEqual(exitCode, 0)
    assert.match(shown(stdout), new RegExp(`${id} Created`, "u"))
  })

  it("asks on stderr, so that stdout may be a pipe", async () => {
    const id = await server.seed({ after: 0 })
    const retrieving = onTerminal(["retrieve", id], envWithoutSecret(), "> result.txt")
    await retrieving.waitFor(/Enter its value/u)
    retrieving.send(`${clientSecret}\r`)
    assert.strictEqual((await retrieving.result).exitCode, 0)
    assert.match(readFileSync(join(workspace, "result.txt"), "utf8"), new RegExp(`^${id} Created SUP-\\d+\n$`, "u"))
  })

  it("Ctrl-C at the prompt exits with 130", async () => {
    const retrieving = onTerminal(["retrieve", unknownId], envWithoutSecret())
    await retrieving.waitFor(/Enter its value/u)
    retrieving.send("\u0003")
    assert.strictEqual((await retrieving.result).exitCode, 130)
  })

  it("Ctrl-C after the prompt still ends a wait, and prints the id", async () => {
    await server.use((sandbox) => sandbox.onCreate({ outcome: "Pending" }))
    const raising = onTerminal(raiseArgs(), envWithoutSecret())
    await raising.waitFor(/Enter its value/u)
    raising.send(`${clientSecret}\r`)
    await raising.waitFor(/Pending for \d+s, /u)
    raising.send("\u0003")
    const { exitCode, stdout } = await raising.result
    assert.strictEqual(exitCode, 130)
    const { ticketId } = (await server.use((sandbox) => sandbox.tickets)).at(-1)!
    assert.match(stdout, new RegExp(`${ticketId} Pending\r\n$`, "u"))
  })

  it("does not ask before the rest of the configuration is complete", async () => {
    const { exitCode, stdout } = await onTerminal(["retrieve", unknownId]).result
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, "Set RIPIO_ENVIRONMENT (or RIPIO_BASE_URL), RIPIO_CLIENT_ID in the environment")
  })
})

describe("pipes", () => {
  it("a reader that closes the pipe is not an error", async () => {
    const { exitCode, stderr, stdout } = await shell("set -o pipefail; ripio-tickets --help | head -n 1")
    assert.deepStrictEqual({ exitCode, stderr, stdout }, { exitCode: 0, stderr: "", stdout: "DESCRIPTION\n" })
  })

  it("a closed stdout does not hide the exit code", async () => {
    const { exitCode, stderr } = await shell(
      `ripio-tickets retrieve ${unknownId} --json | true; echo "code \${PIPESTATUS[0]}" >&2`,
      server.env
    )
    assert.strictEqual(exitCode, 0)
    assert.match(stderr, /code 4\n$/u)
  })
})

describe("completions", () => {
  const isInstalled = (command: string) => spawnSync(command, ["--version"]).error === undefined
  for (const name of ["bash", "zsh", "fish"]) {
    it.skipIf(!isInstalled(name))(`${name} accepts its script`, async () => {
      const { exitCode, stderr, stdout } = await run(["completions", name])
      assert.deepStrictEqual([exitCode, stderr], [0, ""])
      writeFileSync(join(workspace, `completions.${name}`), stdout)
      const checked = spawnSync(name, ["-n", join(workspace, `completions.${name}`)], { encoding: "utf8" })
      assert.deepStrictEqual([checked.status, checked.stderr], [0, ""])
      assert.notInclude(stdout, "--completions")
    })
  }

  it("bash completes commands, flags and values", async () => {
    const { stdout: script } = await run(["completions", "bash"])
    // The shell runs a function instead of the program, and prints the completed words.
    writeFileSync(join(workspace, "bashrc"), `PS1='> '\n${script}\nripio-tickets() { echo "completed: $*"; }\n`)
    const bash = terminal("exec bash --noprofile --rcfile bashrc -i")
    for (const [typed, completed] of [
      ["re\t", "retrieve"],
      ["webhook v\t --b\t", "webhook verify --body"],
      ["raise --no\t", "raise --no-wait"],
      ["sandbox --outcome f\t", "sandbox --outcome failed"]
    ] as const) {
      await bash.waitFor(/> $/u)
      bash.send(`ripio-tickets ${typed}\r`)
      await bash.waitFor(new RegExp(`completed: ${completed}\\r\\n`, "u"))
    }
    bash.send("exit\r")
    assert.strictEqual((await bash.result).exitCode, 0)
  })
})

describe("sandbox", () => {
  it("serves any client, and sends signed webhooks to a receiver", async () => {
    // The sandbox prints its secret, so it is none that no output may show.
    const secret = "a secret that both programs know"
    const receiving = start(["webhook", "listen", "--port", "0", "--json"], { RIPIO_WEBHOOK_SECRETS: secret })
    const [, url = ""] = await receiving.waitFor(/Listening on (\S+)/u)
    const sandbox = start(["sandbox", "--port", "0", "--after", "1s", "--webhook-url", `${url}/hook`, "--json"], {
      RIPIO_WEBHOOK_SECRETS: `${secret}, an older secret of the account`
    })
    await sandbox.waitFor(/\}\n/u)
    await sandbox.waitFor(/export RIPIO_BASE_URL/u)
    const [line = ""] = await sandbox.waitFor(/^\{.*\}/u)
    const details = parse(line)
    assert.hasAllKeys(details, ["url", "clientId", "clientSecret", "customerId", "webhookSecret"])
    assert.strictEqual(details["webhookSecret"], secret)

    const env = {
      RIPIO_BASE_URL: String(details["url"]),
      RIPIO_CLIENT_ID: String(details["clientId"]),
      RIPIO_CLIENT_SECRET: String(details["clientSecret"])
    }
    const raised = await run([...raiseArgs(String(details["customerId"])), "--json"], env)
    assert.strictEqual(raised.exitCode, 0)
    const ticket = parse(raised.stdout)
    const [event = ""] = await receiving.waitFor(/^\{.*\}\n/u)
    const { issueKey, ticketId } = ticket
    assert.deepInclude(parse(event), { _tag: "TicketCreated", ticketId, issueKey, secretIndex: 0 })
    await sandbox.waitFor(/Webhook: \S+ responded with 200/u)

    for (const program of [sandbox, receiving]) program.kill("SIGINT")
    const [served, received] = await Promise.all([sandbox.result, receiving.result])
    assert.deepStrictEqual([served.exitCode, received.exitCode], [130, 130])
    assert.include(served.stderr, "POST /api/v1/supportTickets/ 202\n")
    assert.match(received.stdout, /^\{.*\}\n$/u)
  })

  it("prints what its outcome flag says, with a new webhook secret each time", async () => {
    const details = async (args: ReadonlyArray<string>, deadline: string) => {
      const sandbox = start(["sandbox", "--port", "0", ...args])
      const [, url = ""] = await sandbox.waitFor(/^url +(\S+)$/mu)
      const [, clientId = ""] = await sandbox.waitFor(/^clientId +(\S+)$/mu)
      const [, secret = ""] = await sandbox.waitFor(/^clientSecret +(\S+)$/mu)
      const [, customer = ""] = await sandbox.waitFor(/^customerId +(\S+)$/mu)
      const [, webhookSecret = ""] = await sandbox.waitFor(/^webhookSecret +(\S+)$/mu)
      const env = { RIPIO_BASE_URL: url, RIPIO_CLIENT_ID: clientId, RIPIO_CLIENT_SECRET: secret }
      const raised = await run([...raiseArgs(customer), "--deadline", deadline], env)
      sandbox.kill("SIGINT")
      await sandbox.result
      return { webhookSecret, exitCode: raised.exitCode }
    }
    const failed = await details(["--outcome", "failed", "--after", "0s"], "1m")
    const pending = await details(["--outcome", "pending"], "400ms")
    assert.deepStrictEqual([failed.exitCode, pending.exitCode], [3, 7])
    assert.match(failed.webhookSecret, /^[0-9a-f]{48}$/u)
    assert.notStrictEqual(failed.webhookSecret, pending.webhookSecret)
  })

  it("reports a receiver that does not respond", async () => {
    const sandbox = start(["sandbox", "--port", "0", "--after", "0s", "--webhook-url", "http://127.0.0.1:9/", "--json"])
    const [line = ""] = await sandbox.waitFor(/^\{.*\}/u)
    const { clientId, clientSecret, customerId, url } = parse(line) as Record<string, string>
    const env = { RIPIO_BASE_URL: url!, RIPIO_CLIENT_ID: clientId!, RIPIO_CLIENT_SECRET: clientSecret! }
    await run([...raiseArgs(customerId), "--no-wait"], env)
    await sandbox.waitFor(/Webhook: /u)
    sandbox.kill("SIGINT")
    assert.match((await sandbox.result).stderr, /Webhook: http:\/\/127.0.0.1:9\/ did not respond: \S/u)
  })
})

describe("webhook", () => {
  const env = { RIPIO_WEBHOOK_SECRETS: webhookSecret }
  const sign = (body: string) => {
    writeFileSync(join(workspace, "body.json"), body)
    return `sha256=${createHmac("sha256", webhookSecret).update(body).digest("hex")}`
  }
  const failed = (issueDatetime = new Date().toISOString()) =>
    JSON.stringify({
      eventType: "SUPPORT_TICKET.FAILED",
      issueDatetime,
      supportTicket: { ticketId: unknownId, status: "FAILED", issueKey: null }
    })
  const verify = (signature: string, ...more: ReadonlyArray<string>) =>
    run(["webhook", "verify", "--body", "body.json", "--signature", signature, ...more], env)

  it("verify prints the event of a delivery", async () => {
    const issuedAt = new Date().toISOString()
    const signature = sign(failed(issuedAt))
    assert.deepStrictEqual(await verify(signature), {
      exitCode: 0,
      stdout: `TicketFailed ${unknownId} ${issuedAt}\n`,
      stderr: ""
    })
    assert.deepStrictEqual(parse((await verify(signature, "--json")).stdout), {
      _tag: "TicketFailed",
      ticketId: unknownId,
      issuedAt,
      dedupeKey: `SUPPORT_TICKET.FAILED:${unknownId}`,
      secretIndex: 0
    })
  })

  it("verify says where to look, and exits with 1", async () => {
    const signature = sign(failed())
    const other = await run(["webhook", "verify", "--body", "body.json", "--signature", signature], {
      RIPIO_WEBHOOK_SECRETS: `${webhookSecret} of another account`
    })
    sign(`${failed()}\u00f1`)
    const body = await verify(signature)
    const header = await verify("sha256=1234")
    const clock = await verify(sign(failed("2026-01-01T00:00:00.000Z")))
    for (const [suspect, { exitCode, stderr, stdout }] of Object.entries({ secret: other, body, header, clock })) {
      assert.deepStrictEqual([exitCode, stdout], [1, ""])
      assert.include(stderr, `Error: Webhook rejected, check the ${suspect}: `)
    }
  })

  it("an event prints no character that a terminal acts on", async () => {
    const eventType = "\u009b2J\u202eEVENT"
    const body = JSON.stringify({ eventType, issueDatetime: new Date().toISOString() })
    const signature = sign(body)
    const text = await verify(signature)
    const json = await verify(signature, "--json")
    assert.match(text.stdout, /^OtherEvent \\x9b2J\\u202eEVENT /u)
    assert.match(json.stdout, /^[\x20-\x7e]*\n$/u)
    assert.deepInclude(parse(json.stdout)["payload"], { eventType })
  })

  it("listen prints what arrives: verified events on stdout, the rest on stderr", async () => {
    const listening = start(["webhook", "listen", "--port", "0"], env)
    const [, url = ""] = await listening.waitFor(/Listening on (\S+)/u)
    const send = (outcome: string, secret = webhookSecret) =>
      run(["webhook", "send", "--to", `${url}/any`, "--ticket-id", unknownId, "--outcome", outcome, "--json"], {
        RIPIO_WEBHOOK_SECRETS: secret
      })
    assert.deepStrictEqual(await send("created"), { exitCode: 0, stdout: `{"status":200}\n`, stderr: "" })
    // Every rejection is printed, not one a minute.
    for (const outcome of ["created", "failed"]) {
      const { exitCode, stdout } = await send(outcome, "the secret of another one")
      assert.strictEqual(exitCode, 1)
      assert.deepInclude(parse(stdout), { _tag: "NotDelivered", status: 401 })
    }
    assert.strictEqual((await fetch(url)).status, 405)
    await listening.waitFor(/GET \/ 405/u)
    // A sender that has stalled does not delay the end.
    const stalled = connect(Number(new URL(url).port), "127.0.0.1")
    stalled.on("error", () => {}).write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n1")
    await once(stalled, "connect")
    const closed = once(stalled, "close")
    listening.kill("SIGINT")
    await closed
    // It was not waited for: after 10 s it would have had a response.
    assert.strictEqual(stalled.bytesRead, 0)
    const { exitCode, stderr, stdout } = await listening.result
    assert.strictEqual(exitCode, 130)
    assert.match(stdout, new RegExp(`^TicketCreated ${unknownId} SUP-1001 \\S+\n$`, "u"))
    assert.strictEqual(stderr.match(/Webhook rejected, check the secret: /gu)?.length, 2)
    assert.strictEqual(stderr.match(/POST \/any 401/gu)?.length, 2)
  })

  it("listen ends when the reader of its pipe does", async () => {
    const { exitCode, stdout } = await shell(
      `exec 3< <(ripio-tickets webhook listen --port 0 2>listen.txt; echo "code $?" >>listen.txt)
       until grep -q Listening listen.txt; do sleep 0.05; done
       url=$(sed -n 's/.*Listening on \\(\\S*\\).*/\\1/p' listen.txt)
       send() { ripio-tickets webhook send --to $url --ticket-id ${unknownId} --outcome failed >/dev/null 2>&1; }
       send; head -n 1 <&3 | cut -d ' ' -f 1; exec 3<&-; send
       until grep code listen.txt; do sleep 0.05; done`,
      env
    )
    assert.deepStrictEqual([exitCode, stdout], [0, "TicketFailed\ncode 0\n"])
  })

  it("send reports a receiver that does not respond", async () => {
    const { exitCode, stderr, stdout } = await run(
      ["webhook", "send", "--to", "http://127.0.0.1:9/", "--ticket-id", unknownId, "--outcome", "failed"],
      env
    )
    assert.deepStrictEqual([exitCode, stdout], [1, ""])
    assert.match(stderr, /^Error: The webhook was not delivered: http:\/\/127.0.0.1:9\/ did not respond: \S.*\n$/u)
  })
})

describe("the documented session", () => {
  // What differs from run to run. The first digits of the ids of tickets are those of the sandbox.
  const normalize = (text: string) =>
    text
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}(?=-4000-8000)/gu, "<sandbox>")
      .replace(/127\.0\.0\.1:\d+/gu, "<address>")
      .replace(/\b[0-9a-f]{48}\b/gu, "<secret>")
      .replace(/SUP-\d+/gu, "<issue key>")
      .replace(/sandbox-request-\d+/gu, "<request>")

  it("prints what the page says", async () => {
    const [[serve], steps] = documentedSession() as [[Step], ReadonlyArray<Step>]
    assert.strictEqual(serve.command, "npx effect-ripio-tickets sandbox")
    const sandbox = start(["sandbox", "--port", "0"])
    const [details, url = ""] = await sandbox.waitFor(/^url +(\S+)\n(?:.+\n){4}/u)
    assert.strictEqual(normalize(details), normalize(serve.output))
    const [, documentedUrl = ""] = /^url +(\S+)/u.exec(serve.output) ?? []

    // Each command runs in another shell, after the exports before it.
    let exports = ""
    // What the page has, and what this run has instead: the address, and the id of the ticket that it raises.
    let actual = (text: string) => text.replaceAll(documentedUrl, url)
    for (const { command, output } of steps) {
      const line = actual(command).replaceAll("npx effect-ripio-tickets", "ripio-tickets")
      const { stdout } = await shell(`exec 2>&1\n${exports}${line}`)
      assert.strictEqual(normalize(stdout), normalize(output))
      if (line.startsWith("export ")) exports += `${line}\n`
      const [documentedId, id] = [output, stdout].map((text) => /Ticket (\S+) was created/u.exec(text)?.[1])
      if (documentedId !== undefined && id !== undefined) {
        actual = (text) => text.replaceAll(documentedUrl, url).replaceAll(documentedId, id)
      }
    }
    assert.isAbove(steps.length, 3)
    sandbox.kill("SIGINT")
    await sandbox.result
  })

  it("has every exit code", async () => {
    assert.deepStrictEqual(
      documentedExitCodes(),
      [0, ...new Set(Object.values(exitCodes))].toSorted((a, b) => a - b)
    )
  })
})
