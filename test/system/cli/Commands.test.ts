import { assert, describe, it } from "@effect/vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import manifest from "../../../package.json" with { type: "json" }
import * as esbuild from "esbuild"
import { CustomerId } from "../../../src/index.ts"
import { Fault } from "../../../src/testing/index.ts"
import { clientSecret } from "../../support/canary.ts"
import { program, run, workspace } from "./program.ts"
import { webhookSecret } from "./server.ts"
import { parse, raiseArgs, server, unknownId, withServer } from "./setup.ts"

withServer()

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
