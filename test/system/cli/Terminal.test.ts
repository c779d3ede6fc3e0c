import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { TicketId } from "../../../src/index.ts"
import { Fault } from "../../../src/testing/index.ts"
import { clientSecret } from "../../support/canary.ts"
import { onTerminal, run, shell, shown, start, terminal, workspace } from "./program.ts"
import { silentApi } from "./server.ts"
import { parse, raiseArgs, server, unknownId, withServer } from "./setup.ts"

withServer()

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
