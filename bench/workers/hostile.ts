// What one hostile response costs a whole call: read, classified, made an error, and the error printed.
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { AuthService, FetchTransport, Ripio, SupportTickets, TicketId } from "effect-ripio-tickets"
import { known } from "../client.ts"
import type { HostileCost, HostileRole } from "../parts/hostile.ts"
import { role } from "./serve.ts"

const size = 64 * 1024
const { secret: kind, path, status } = role() as HostileRole

const secretLength = 8192
const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("")
/** Of every character that can be escaped, or of the shapes on which a search for text is slow. */
const secrets = {
  mixed: visible.repeat(88).slice(0, secretLength),
  periodic: `b${"a".repeat(secretLength - 1)}`,
  backslashes: `${"\\".repeat(secretLength - 1)}b`,
  percents: "%25".repeat(secretLength / 3)
}
const secret = secrets[kind]

const fill = (piece: string, length = size) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length)
const inJson = (text: string) => JSON.stringify(text).slice(1, -1)
const inHtml = (text: string) => text.replace(/[^a-z0-9]/giu, (char) => `&#${char.charCodeAt(0)};`)
const units = (text: string) => text.replace(/./gsu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Texts that were slow with one pattern or another. */
const texts: Readonly<Record<string, string>> = {
  "one letter": fill("a"),
  backslashes: fill("\\"),
  "\\u005c": fill("\\u005c"),
  "%25": fill("%25"),
  "%25 nested": `%${fill("25", size - 3)}41`,
  "%3 nested": `${fill("%3", size - 3)}%34`,
  "&amp;": fill("&amp;"),
  "&amp; nested": `&${fill("amp;", size - 1)}`,
  "&#x26;": fill("&#x26;"),
  "&": fill("&"),
  "+": fill("+"),
  Bearer: fill("Bearer "),
  "Bearer and white space": `Bearer${fill(" ", size - 6)}`,
  "Bearer and line breaks": fill(`Bearer${"\n".repeat(500)}`),
  "Bearer and backslashes": fill(`Bearer ${"\\".repeat(500)}`),
  "access_token=": fill("access_token="),
  "access_token= and white space": fill(`access_token=${" ".repeat(200)}`),
  "access_token and one long white space": `access_token${fill(" ", size - 12)}`,
  "access_token and backslashes": fill(`access_token${"\\".repeat(200)}`),
  "access_token and quotes": fill(`access_token\\\\": \\"`),
  "control characters": fill("\u001b[2J\u0000\n"),
  "bidi and format characters": fill("\u202e\u2028\u200d", size / 3),
  "one long word": fill("x"),
  "the secret": fill(secret),
  "the secret without its last character": fill(secret.slice(0, -1)),
  "the secret in JSON": fill(inJson(secret)),
  "the secret in JSON in JSON": fill(inJson(inJson(secret))),
  "the secret as \\u": fill(units(secret)),
  "the secret in a URL": fill(encodeURIComponent(secret)),
  "the secret in a URL twice": fill(encodeURIComponent(encodeURIComponent(secret))),
  "the secret in HTML": fill(inHtml(secret))
}

const apiError = (detail: string) => `{"code":40017,"type":"T","detail":${detail},"status":404}`
const fitting = (text: string) => {
  let length = Math.min(text.length, size - 80)
  while (JSON.stringify(text.slice(0, length)).length > size - 80) length = Math.floor(length * 0.9)
  return JSON.stringify(text.slice(0, length))
}
const list = (count: number, item: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => item(i)).join(",")

const bodies: Readonly<Record<string, string>> = {
  "a small error of the API": apiError('{"message":"Support ticket not found."}'),
  ...texts,
  ...Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => [
      [`${name}, as a message`, apiError(`{"message":${fitting(text)}}`)],
      [`${name}, as 250 strings`, apiError(`{"a":[${list(250, () => fitting(text.slice(0, 100)))}]}`)]
    ])
  ),
  "[": fill("["),
  '{"a":': fill('{"a":'),
  "nested arrays": apiError(`{"a":${"[".repeat(32_000)}${"]".repeat(32_000)}}`),
  "nested objects": apiError(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
  "16,000 strings": apiError(`{"a":[${list(16_000, () => '""')}]}`),
  "5,000 keys": apiError(`{${list(5000, (index) => `"k${index}":1`)}}`),
  "5,000 keys beside the error": `{${list(5000, (index) => `"k${index}":1`)},${apiError("{}").slice(1)}`,
  "duplicate keys": apiError(`{${list(9000, () => '"a":1')}}`),
  __proto__: apiError(`{${list(3000, () => '"__proto__":{}')}}`),
  "lone surrogates": apiError(`{"message":"${fill("\\ud800", 65_000)}"}`),
  "numbers beyond a double": apiError(`{"a":[${list(10_000, () => "1e400")}]}`),
  "an OAuth error": `{"error":${fitting(texts["&amp;"]!)},"error_description":"x"}`
}

const token = { accessToken: secret, expiresIn: 3600 }
let body = ""
const network = (input: string | URL | Request) => {
  const url = input instanceof Request ? input.url : `${input}`
  const isToken = path === "api" && url.includes("/oauth2/")
  return Promise.resolve(isToken ? Response.json(token) : new Response(body, { status }))
}
const transport = FetchTransport.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, network)))
const environment = { baseUrl: "http://stub.test" }
const retry = { times: 0 }
const runtime = ManagedRuntime.make(
  Ripio.layer({ environment, retry, clientId: "partner", clientSecret: Redacted.make(secret) }).pipe(
    Layer.provide(transport)
  )
)
const call: Effect.Effect<unknown, Error, AuthService | SupportTickets> =
  path === "api"
    ? SupportTickets.use((tickets) => tickets.retrieve(TicketId.make(known)))
    : AuthService.use((auth) => auth.accessToken)
const print = Effect.match(call, {
  onFailure: (error) => `${error.message}${JSON.stringify(error)}`.length,
  onSuccess: () => 0
})

const measure = async (name: string, text: string): Promise<HostileCost> => {
  body = text
  const cpu = process.cpuUsage()
  const printed = await runtime.runPromise(print)
  const { system, user } = process.cpuUsage(cpu)
  return { name, cpu: (system + user) / 1000, printed }
}

// The first calls build the client and load what it needs.
for (let call = 0; call < 20; call++) await measure("", apiError('{"message":"Support ticket not found."}'))

process.on("message", () => {
  void (async () => {
    const costs: Array<HostileCost> = []
    for (const [name, text] of Object.entries(bodies)) costs.push(await measure(name, text))
    process.send!(costs)
  })()
})
process.send!("ready")
