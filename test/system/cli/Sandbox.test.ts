import { assert, describe, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { exitCodes } from "../../../src/cli/exit.ts"
import { documentedExitCodes, documentedSession, type Step } from "./documented.ts"
import { run, shell, start, workspace } from "./program.ts"
import { webhookSecret } from "./server.ts"
import { parse, raiseArgs, unknownId, withPackage } from "./setup.ts"

withPackage()

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
