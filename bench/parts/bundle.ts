// The size that each candidate adds to a browser bundle: minified, tree-shaken and compressed.
import { build } from "esbuild"
import { gzipSync } from "node:zlib"
import { table } from "../harness.ts"
import { bench } from "../project.ts"

const effectHttp = `
  import * as Effect from "effect/Effect"
  import * as FetchHttpClient from "effect/http/FetchHttpClient"
  import * as HttpClient from "effect/http/HttpClient"
  import * as HttpClientResponse from "effect/http/HttpClientResponse"
  import * as Schema from "effect/Schema"`
const get = `
  const Ticket = Schema.Struct({ ticketId: Schema.String, status: Schema.Literals(["PENDING", "CREATED", "FAILED"]) })
  const ticket = Effect.flatMap(HttpClient.get(location.href), HttpClientResponse.schemaBodyJson(Ticket))`
const run = (effect: string) => `
  Effect.runPromise(Effect.provide(${effect}, FetchHttpClient.layer)).then(console.log)`
const ours = (names: string) => `
  import { ${names} } from "effect-ripio-tickets"
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  import * as Redacted from "effect/Redacted"`
/** The same by the path of each file: its namespace (`*`), or one of its exports. */
const bySubpath = (files: Readonly<Record<string, string>>) =>
  Object.entries(files)
    .map(
      ([file, name]) => `
  import ${name === "*" ? `* as ${file}` : `{ ${name} }`} from "effect-ripio-tickets/${file}"`
    )
    .join("") +
  `
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  import * as Redacted from "effect/Redacted"`
const retrieveAlone = `
    import * as HttpClientRequest from "effect/http/HttpClientRequest"
    import * as Schema from "effect/Schema"
    const layer = RipioHttpLive.layer({ environment: "sandbox" }).pipe(
      Layer.provide([AuthStaticToken.layer({ token: Redacted.make("token") }), FetchTransport.layer])
    )
    const decode = Schema.decodeUnknownResult(SupportTicketFromWire)
    const retrieve = RipioHttp.use((http) => http.execute(HttpClientRequest.get("/"), { operation: "retrieve", decode }))
    Effect.runPromise(Effect.provide(retrieve, layer)).then(console.log)`
const options = `{ environment: "sandbox", clientId: "partner", clientSecret: Redacted.make("secret") }`

const entries = {
  "effect/http: GET and schemaBodyJson": `${effectHttp}${get}${run("ticket")}`,
  "effect/http: the parts that such a client also needs": `${effectHttp}
    import * as Cache from "effect/Cache"
    import * as Context from "effect/Context"
    import * as HttpClientRequest from "effect/http/HttpClientRequest"
    import * as Layer from "effect/Layer"
    import * as Metric from "effect/Metric"
    import * as Redacted from "effect/Redacted"
    import * as Schedule from "effect/Schedule"
    ${get}
    class Tickets extends Context.Service()("Tickets") {}
    class Lost extends Schema.TaggedError()("Lost", { cause: Schema.String }) {}
    const tokens = Cache.make({ capacity: 1, timeToLive: "1 hour", lookup: () => Effect.succeed(Redacted.make("token")) })
    const get = Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      const cache = yield* tokens
      return Effect.gen(function* () {
        const request = HttpClientRequest.post(location.href).pipe(
          HttpClientRequest.bearerToken(yield* Cache.get(cache, "token")),
          HttpClientRequest.bodyFormData(new FormData())
        )
        yield* Metric.update(Metric.counter("calls"), 1)
        return yield* http.execute(request)
      }).pipe(
        Effect.timeout("10 seconds"),
        Effect.retry(Schedule.exponential("1 second").pipe(Schedule.jittered)),
        Effect.mapError(() => new Lost({ cause: "lost" })),
        Effect.withSpan("get")
      )
    })
    const layer = Layer.effect(Tickets, get).pipe(Layer.provide(FetchHttpClient.layer))
    Effect.runPromise(Effect.provide(Effect.andThen(Tickets, ticket), [layer, FetchHttpClient.layer])).then(console.log)`,
  "ours: the whole client": `${ours("FetchTransport, Ripio, SupportTickets")}
    const layer = Ripio.layer(${options}).pipe(Layer.provide(FetchTransport.layer))
    Effect.runPromise(Effect.provide(SupportTickets.useSync((tickets) => tickets), layer)).then(console.log)`,
  "ours: the whole client, layerConfig": `${ours("FetchTransport, Ripio, SupportTickets")}
    const layer = Ripio.layerConfig.pipe(Layer.provide(FetchTransport.layer))
    Effect.runPromise(Effect.provide(SupportTickets.useSync((tickets) => tickets), layer)).then(console.log)`,
  "ours: the whole client, by subpath": `${bySubpath({ FetchTransport: "*", Ripio: "*", SupportTickets: "SupportTickets" })}
    const layer = Ripio.layer(${options}).pipe(Layer.provide(FetchTransport.layer))
    Effect.runPromise(Effect.provide(SupportTickets.useSync((tickets) => tickets), layer)).then(console.log)`,
  "ours: retrieve alone": `${ours("AuthStaticToken, FetchTransport, RipioHttp, RipioHttpLive, SupportTicketFromWire")}
${retrieveAlone}`,
  "ours: retrieve alone, by subpath": `${bySubpath({
    AuthStaticToken: "*",
    FetchTransport: "*",
    RipioHttp: "RipioHttp",
    RipioHttpLive: "*",
    SupportTicket: "SupportTicketFromWire"
  })}${retrieveAlone}`,
  "effect/Schema: a branded string": `
    import * as Schema from "effect/Schema"
    console.log(Schema.String.check(Schema.isUUID()).pipe(Schema.brand("TicketId")))`,
  "ours: TicketId": `import { TicketId } from "effect-ripio-tickets"; console.log(TicketId)`,
  "ours: webhooks": `${ours("TicketWebhooks, TicketWebhooksLive")}
    const layer = TicketWebhooksLive.layer({ secrets: [Redacted.make("a secret of the bundle")] })
    Effect.runPromise(Effect.provide(TicketWebhooks.useSync((webhooks) => webhooks), layer)).then(console.log)`,
  ...Object.fromEntries(
    ["fetch", "fetch-zod", "openapi-fetch", "hey-api", "generated", "http-api", "naive"].map((name) => [
      name,
      `import { open } from "./clients/${name}.ts"; console.log(open)`
    ])
  )
}

const baseline = "effect/http: GET and schemaBodyJson"
const whole = "ours: the whole client"

interface Bundle {
  readonly gzip: number
  /** The minified size of each module, in bytes. */
  readonly modules: ReadonlyMap<string, number>
}

const bundle = async (contents: string): Promise<Bundle> => {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: bench },
    absWorkingDir: bench,
    bundle: true,
    external: ["@effect/platform-node/*"],
    format: "esm",
    legalComments: "none",
    metafile: true,
    minify: true,
    platform: "browser",
    write: false
  })
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs))
  return {
    gzip: gzipSync(outputFiles[0]!.contents, { level: 9 }).length,
    modules: new Map(inputs.map(([path, { bytesInOutput }]) => [path.replace(/^node_modules\//u, ""), bytesInOutput]))
  }
}

const kilo = (bytes: number) => (bytes / 1000).toFixed(1)

export const measure = async (): Promise<string> => {
  const bundles = new Map<string, Bundle>()
  for (const [name, contents] of Object.entries(entries)) bundles.set(name, await bundle(contents))
  const base = bundles.get(baseline)!
  const ours = [...bundles.get(whole)!.modules]
    .map(([path, bytes]) => [path, bytes - (base.modules.get(path) ?? 0)] as const)
    .filter(([, bytes]) => bytes > 100)
    .toSorted(([, one], [, other]) => other - one)
  const unwanted = [...bundles.get(whole)!.modules.keys()].filter((path) =>
    /ripio-tickets.*(testing|[wW]ebhook)/u.test(path)
  )
  return [
    table(
      ["", "kB gzip", `more than ${baseline}`],
      [...bundles].map(([name, { gzip }]) => [name, kilo(gzip), kilo(gzip - base.gzip)])
    ),
    `Modules of the sandbox and of webhooks in the whole client: ${unwanted.length === 0 ? "none" : unwanted.join(", ")}.`,
    `The largest modules of "${whole}" beyond "${baseline}", before compression:`,
    table(
      ["module", "kB"],
      ours.slice(0, 25).map(([path, bytes]) => [path, kilo(bytes)])
    )
  ].join("\n\n")
}
