/** Who has no webhooks does not bundle them. */
import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The modules of which something is left in the bundle of what is imported from the root entry. */
const bundled = async (names: string) => {
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

const webhooks =
  /[Ww]ebhook|TicketInbox|TicketEvent|OutcomeContradiction|effect\/dist\/(?:crypto|persistence|sql|http\/HttpRouter)/u

describe("the bundle", () => {
  it("of the client holds of webhooks only the name of the service that a wait looks for", async () => {
    const modules = await bundled("Ripio, SupportTickets")
    assert.isAbove(modules.length, 20)
    assert.deepStrictEqual(
      modules.filter((path) => webhooks.test(path)),
      []
    )
    assert.include(modules, "src/services/TicketOutcomes.ts")
  })

  it("of the verification holds no inbox and no router", async () => {
    const modules = await bundled("TicketWebhooksLive, TicketWebhookHandler, TicketWebhooks")
    assert.include(modules, "src/services/TicketWebhooks.ts")
    assert.deepStrictEqual(
      modules.filter((path) => /Inbox|persistence|HttpRouter|\/sql\//u.test(path)),
      []
    )
  })
})
