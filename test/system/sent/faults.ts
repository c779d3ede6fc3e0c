import type { LookupFunction, Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { tcp } from "../../support/ports.ts"
import { selfSigned } from "../../tickets/create/certificate.ts"
import {
  type Behavior,
  type Counted,
  countingServer,
  type Protocol,
  refusingPort,
  refusingProxy,
  type Seen,
  silentPort
} from "./server.ts"
import type { Settings } from "./settings.ts"
import type { Network } from "./transports.ts"

/** A server with a fault, and what a client needs to meet it. */
export interface Scenario extends Settings {
  readonly seen: Seen
  readonly network?: Network
}

export interface Fault {
  readonly name: string
  /**
   * - `before`: there is no connection to the server, or the transport refuses the request. Nothing is sent.
   * - `head`: the connection ends after the head, before any of the form need have been sent.
   * - `after`: the connection ends later. The server may have the form.
   * - `response`: the server refuses the create.
   */
  readonly stage: "before" | "head" | "after" | "response"
  /** The only protocols that have the fault. */
  readonly protocols?: ReadonlyArray<Protocol>
  readonly isTls?: true
  /** Whether the ticket has a file, so that there is a part of the form before and after the fault. */
  readonly hasFile?: true
  /** The whole forms that may arrive. The default is one. */
  readonly maxForms?: number
  readonly start: (protocol: Protocol) => Effect.Effect<Scenario, never, Scope.Scope>
}

/** The certificate that all clients of this suite trust. */
export const trusted = selfSigned()
const expired = selfSigned({ from: 2020, to: 2021 })
const notYetValid = selfSigned({ from: 2100, to: 2110 })
const otherHost = selfSigned({ host: "other.example" })
/** The certificates to trust, so that each has one fault only. */
export const authorities: ReadonlyArray<string> = [trusted, expired, notYetValid, otherHost].map(({ cert }) => cert)

const nothing = (): Seen => ({ heads: 0, forms: 0 })
const schemeOf = (protocol: Protocol) => (protocol === "http" ? "http" : "https")
const urlOf = (protocol: Protocol, port: number, host = "127.0.0.1") => `${schemeOf(protocol)}://${host}:${port}`

/** A server that does something to each create. */
const server =
  (behavior: Behavior, scenario: Partial<Scenario> = {}) =>
  (protocol: Protocol) =>
    Effect.map(countingServer(protocol, behavior, secured(protocol)), ({ port, seen }) => ({
      baseUrl: urlOf(protocol, port),
      seen,
      ...scenario
    }))

const secured = (protocol: Protocol) => (protocol === "http" ? {} : { certificate: trusted })

const accept: Behavior = { at: "whole", act: ({ reply }) => reply(202) }

/** A server that accepts creates, which no client should reach. */
const unreachable = (start: (server: Counted, protocol: Protocol) => Partial<Scenario>) => (protocol: Protocol) =>
  Effect.map(countingServer(protocol, accept, secured(protocol)), (server): Scenario => ({
    baseUrl: urlOf(protocol, server.port),
    seen: server.seen,
    ...start(server, protocol)
  }))

const failingLookup =
  (code: string, syscall: string | undefined): LookupFunction =>
  (hostname, _options, callback) => {
    const error = Object.assign(new Error(`${syscall ?? "lookup"} ${code} ${hostname}`), { code, hostname })
    setImmediate(callback, syscall === undefined ? error : Object.assign(error, { syscall }), [])
  }

const lookupOf =
  (...addresses: ReadonlyArray<string>): LookupFunction =>
  (_hostname, options, callback) => {
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    if (options.all === true) setImmediate(callback, null, found)
    else setImmediate(callback, null, addresses[0] ?? "", 4)
  }

const noDns = (code: string, syscall?: string): Fault => ({
  name: `DNS: ${code}${syscall === undefined ? "" : `, ${syscall}`}`,
  stage: "before",
  start: unreachable(({ port }, protocol) => ({
    baseUrl: urlOf(protocol, port, "ripio.test"),
    network: { lookup: failingLookup(code, syscall) }
  }))
})

const untrusted = (name: string, certificate: typeof trusted): Fault => ({
  name: `TLS: ${name}`,
  stage: "before",
  isTls: true,
  start: (protocol) =>
    Effect.map(countingServer(protocol, accept, { certificate }), ({ port, seen }) => ({
      baseUrl: urlOf(protocol, port),
      seen
    }))
})

/** Something that ends a TLS handshake. */
const noHandshake = (name: string, onHello: (socket: Socket) => void, timeout = 10_000): Fault => ({
  name: `TLS: ${name}`,
  stage: "before",
  isTls: true,
  start: (protocol) =>
    Effect.map(
      tcp((socket) => socket.on("error", () => {}).once("data", () => onHello(socket))),
      (port) => ({ baseUrl: urlOf(protocol, port), seen: nothing(), timeout })
    )
})

const handshakeFailure = Buffer.from([21, 3, 3, 0, 2, 2, 40])

const behindProxy = (name: string, refusal: number | "reset"): Fault => ({
  name: `proxy: ${name}`,
  stage: "before",
  isTls: true,
  start: (protocol) =>
    Effect.gen(function* () {
      const { port, seen } = yield* refusingProxy(refusal)
      return { baseUrl: urlOf(protocol, 443, "ripio.test"), seen, network: { proxy: `http://127.0.0.1:${port}` } }
    })
})

/** Ports that `fetch` refuses to connect to. */
const blockedPorts = [6000, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080]

const refusedHeader = (name: string, headers: Readonly<Record<string, string>>): Fault => ({
  name: `the transport refuses a header: ${name}`,
  stage: "before",
  // undici does not respond to some of these over HTTP/2.
  start: unreachable(() => ({ headers, timeout: 500 }))
})

/** A first create arrives whole and its connection is reset. The client's own retry then fails in another way. */
const retried = (
  name: string,
  then: (server: Counted, protocol: Protocol) => Partial<Scenario> & { readonly next: () => void }
) =>
  ({
    name: `\`HttpClient.retry\`: a reset after the whole form, then ${name}`,
    stage: "after",
    start: (protocol: Protocol) =>
      Effect.gen(function* () {
        const behavior: Behavior = {
          at: "whole",
          act: ({ reset }) => {
            next()
            reset()
          }
        }
        const server = yield* countingServer(protocol, behavior, secured(protocol))
        const { next, ...scenario } = then(server, protocol)
        return { baseUrl: urlOf(protocol, server.port), seen: server.seen, retries: true, ...scenario }
      })
  }) satisfies Fault

export const faults: ReadonlyArray<Fault> = [
  { name: "status 421", stage: "response", start: server({ at: "whole", act: ({ reply }) => reply(421) }) },
  { name: "status 407", stage: "response", start: server({ at: "whole", act: ({ reply }) => reply(407) }) },
  {
    name: "status 401, then 202",
    stage: "response",
    maxForms: 2,
    start: server({ at: "whole", act: ({ index, reply }) => reply(index === 0 ? 401 : 202) })
  },
  {
    name: "REFUSED_STREAM before the form",
    stage: "head",
    protocols: ["h2"],
    start: server({ at: "head", act: ({ refuseStream }) => refuseStream() })
  },
  {
    name: "REFUSED_STREAM after the form",
    stage: "after",
    protocols: ["h2"],
    start: server({ at: "whole", act: ({ refuseStream }) => refuseStream() })
  },
  ...(["head", "whole"] as const).flatMap((at) =>
    [false, true].map((isProcessed): Fault => ({
      name: `GOAWAY ${at === "head" ? "before" : "after"} the form, which ${isProcessed ? "includes" : "excludes"} the request`,
      stage: at === "head" ? "head" : "after",
      protocols: ["h2"],
      start: server({ at, act: ({ goAway }) => goAway(isProcessed) })
    }))
  ),
  behindProxy("CONNECT is refused with 407", 407),
  behindProxy("CONNECT is refused with 502", 502),
  behindProxy("CONNECT is reset", "reset"),
  {
    name: "proxy: its connection is refused",
    stage: "before",
    isTls: true,
    start: (protocol) =>
      Effect.map(refusingPort, (port) => ({
        baseUrl: urlOf(protocol, 443, "ripio.test"),
        seen: nothing(),
        network: { proxy: `http://127.0.0.1:${port}` }
      }))
  },
  {
    name: "connection refused",
    stage: "before",
    start: (protocol) => Effect.map(refusingPort, (port) => ({ baseUrl: urlOf(protocol, port), seen: nothing() }))
  },
  {
    name: "connection refused by two addresses",
    stage: "before",
    start: (protocol) =>
      Effect.map(refusingPort, (port) => ({
        baseUrl: urlOf(protocol, port, "ripio.test"),
        seen: nothing(),
        network: { lookup: lookupOf("127.0.0.1", "127.0.0.2") }
      }))
  },
  {
    name: "host unreachable",
    stage: "before",
    // The broadcast address. The kernel refuses to connect to it.
    start: (protocol) => Effect.succeed({ baseUrl: urlOf(protocol, 443, "255.255.255.255"), seen: nothing() })
  },
  {
    name: "no connection within the transport's time limit",
    stage: "before",
    start: (protocol) =>
      Effect.map(silentPort, ({ port }) => ({
        baseUrl: urlOf(protocol, port),
        seen: nothing(),
        network: { connectTimeout: 200 },
        timeout: 3000
      }))
  },
  {
    name: "no connection to one address, refused by another",
    stage: "before",
    start: (protocol) =>
      Effect.map(silentPort, ({ port }) => ({
        baseUrl: urlOf(protocol, port, "ripio.test"),
        seen: nothing(),
        network: { lookup: lookupOf("127.0.0.1", "127.0.0.2") },
        timeout: 3000
      }))
  },
  {
    name: "no connection within the attempt's time limit",
    stage: "before",
    start: (protocol) =>
      Effect.map(silentPort, ({ port }) => ({ baseUrl: urlOf(protocol, port), seen: nothing(), timeout: 300 }))
  },
  {
    name: "DNS: the name does not exist",
    stage: "before",
    // A label has at most 63 characters, so no resolver asks another machine for this name.
    start: (protocol) =>
      Effect.succeed({ baseUrl: `${schemeOf(protocol)}://${"x".repeat(64)}.invalid`, seen: nothing() })
  },
  noDns("ENOTFOUND", "getaddrinfo"),
  noDns("EAI_AGAIN", "getaddrinfo"),
  noDns("EAI_FAIL", "getaddrinfo"),
  noDns("ESERVFAIL", "queryA"),
  noDns("ESERVFAIL"),
  untrusted("self-signed", selfSigned()),
  untrusted("expired", expired),
  untrusted("not yet valid", notYetValid),
  untrusted("wrong host", otherHost),
  noHandshake("no response within the attempt's time limit", () => {}, 300),
  noHandshake("handshake reset", (socket) => socket.resetAndDestroy()),
  noHandshake("handshake closed", (socket) => socket.end()),
  noHandshake("handshake_failure alert", (socket) => socket.end(handshakeFailure)),
  noHandshake("not TLS", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  {
    name: "blocked port",
    stage: "before",
    protocols: ["http"],
    start: () =>
      Effect.gen(function* () {
        const { seen, server } = yield* countingServer("http", accept)
        yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
        for (const port of blockedPorts) {
          const isListening = yield* Effect.promise(
            () =>
              new Promise<boolean>((resolve) => {
                server.once("error", () => resolve(false))
                server.listen(port, "127.0.0.1", () => resolve(true))
              })
          )
          if (isListening) return { baseUrl: urlOf("http", port), seen }
        }
        return yield* Effect.die(new Error("All blocked ports are in use"))
      })
  },
  refusedHeader("a line break", { "x-note": "one\ntwo" }),
  refusedHeader("`expect`", { expect: "100-continue" }),
  {
    name: "a dispatcher that throws",
    stage: "before",
    start: unreachable(() => ({ network: { hasForeignDispatcher: true } }))
  },
  ...(["head", "half", "whole"] as const).flatMap((at) => {
    const moment = { head: "the head", half: "half of the form", whole: "the whole form" }[at]
    const common = {
      ...(at === "whole" ? {} : ({ hasFile: true } as const)),
      stage: at === "head" ? ("head" as const) : ("after" as const)
    }
    return [
      {
        name: `reset after ${moment}`,
        ...common,
        start: server({ at, act: ({ reset }) => reset() })
      },
      {
        name: `closed after ${moment}`,
        ...common,
        start: server({ at, act: ({ close }) => close() })
      },
      {
        name: `reused connection reset after ${moment}`,
        ...common,
        start: server({ at, act: ({ reset }) => reset() }, { warmUp: true })
      },
      {
        name: `reused connection closed after ${moment}`,
        ...common,
        start: server({ at, act: ({ close }) => close() }, { warmUp: true })
      }
    ] satisfies ReadonlyArray<Fault>
  }),
  retried("refused", ({ server }) => ({ next: () => void server.close() })),
  retried("DNS", (server, protocol) => {
    let isKnown = true
    return {
      baseUrl: urlOf(protocol, server.port, "localhost"),
      network: {
        lookup: (hostname, options, callback) =>
          isKnown
            ? lookupOf("127.0.0.1")(hostname, options, callback)
            : failingLookup("ENOTFOUND", "getaddrinfo")(hostname, options, callback)
      },
      next: () => (isKnown = false)
    }
  }),
  retried("TLS", ({ server }) => ({
    next: () => {
      server.removeAllListeners("connection")
      server.on("connection", (socket) => socket.on("error", () => {}).once("data", () => socket.resetAndDestroy()))
    }
  }))
]
