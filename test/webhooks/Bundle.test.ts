import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The modules that contribute code to the bundle of a program that uses these exports of the root entry. */
const bundledModules = async (names: string) => {
  const { metafile } = await build({
    stdin: { contents: `import { ${names} } from "./src/index.ts"\nconsole.log(${names})`, resolveDir: root },
    bundle: true,
    format: "esm",
    metafile: true,
    write: false
  })
  const [output] = Object.values(metafile.outputs)
  return Object.entries(output?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []))
}

const webhookModules =
  /[Ww]ebhook|TicketInbox|TicketEvent|OutcomeContradiction|effect\/dist\/(?:crypto|persistence|sql|http\/HttpRouter)/u

describe("a bundle", () => {
  it("of the client contains nothing of webhooks but the service TicketOutcomes", async () => {
    const modules = await bundledModules("Ripio, SupportTickets")
    assert.isAbove(modules.length, 20)
    assert.deepStrictEqual(
      modules.filter((path) => webhookModules.test(path)),
      []
    )
    assert.include(modules, "src/services/TicketOutcomes.ts")
  })

  it("of the verification contains neither the inbox nor the router", async () => {
    const modules = await bundledModules("TicketWebhooksLive, TicketWebhookHandler, TicketWebhooks")
    assert.include(modules, "src/services/TicketWebhooks.ts")
    assert.deepStrictEqual(
      modules.filter((path) => /Inbox|persistence|HttpRouter|\/sql\//u.test(path)),
      []
    )
  })
})
