import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * The modules that contribute code to what a program loads at its start, if it uses these exports of the root entry. What
 * it imports later, such as the rate limit of a client that has one, is in chunks.
 */
const bundledModules = async (names: string) => {
  const { metafile } = await build({
    stdin: { contents: `import { ${names} } from "./src/index.ts"\nconsole.log(${names})`, resolveDir: root },
    bundle: true,
    format: "esm",
    splitting: true,
    outdir: "out",
    metafile: true,
    write: false
  })
  const loaded = new Set(Object.keys(metafile.outputs).filter((path) => path.endsWith("stdin.js")))
  // A set visits what is added while it is read.
  for (const path of loaded) {
    for (const { kind, path: imported } of metafile.outputs[path]?.imports ?? []) {
      if (kind === "import-statement") loaded.add(imported)
    }
  }
  return [...loaded].flatMap((path) =>
    Object.entries(metafile.outputs[path]?.inputs ?? {}).flatMap(([input, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [input] : []
    )
  )
}

// These are in a chunk that the rate limit and the stored token share.
const webhookModules =
  /[Ww]ebhook|TicketInbox|TicketEvent|effect\/dist\/(?:crypto\/(?!SecureRandom|Aead|WebCrypto|CryptoError|internal\/(?:webCrypto|key))|persistence|sql|http\/HttpRouter)/u

describe("a bundle", () => {
  it("of the client contains nothing of webhooks but the service TicketOutcomes and its error", async () => {
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
