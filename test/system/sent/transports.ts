import type { LookupFunction } from "node:net"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Agent, type Dispatcher, Dispatcher1Wrapper, fetch, ProxyAgent } from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { FetchTransport } from "../../../src/index.ts"

/** What differs from the defaults of a transport. */
export interface Network {
  readonly lookup?: LookupFunction
  /** The URL of a proxy. */
  readonly proxy?: string
  readonly connectTimeout?: number
  /** Whether the transport has a dispatcher that is not undici's and throws. */
  readonly hasForeignDispatcher?: true
}

export interface Transport {
  readonly name: string
  /** Its column in the table. */
  readonly column: string
  /** The protocol that it speaks with a server that speaks TLS. */
  readonly protocol: "https" | "h2"
  /** Whether it reads the whole form before it has a connection. */
  readonly readsAhead?: true
  /** The layer, or `undefined` if the transport does not have what the network needs. */
  readonly layer: (network: Network) => Layer.Layer<HttpClient.HttpClient> | undefined
}

const foreignDispatcher = {
  dispatch: () => {
    throw new Error("a dispatcher of another library")
  },
  request: () => Promise.reject(new Error("a dispatcher of another library"))
}

const makeDispatcher = ({ connectTimeout, lookup, proxy }: Network, allowH2: boolean): Dispatcher => {
  const connect = {
    ...(lookup === undefined ? {} : { lookup }),
    ...(connectTimeout === undefined ? {} : { timeout: connectTimeout })
  }
  return proxy === undefined
    ? new Agent({ allowH2, connect })
    : new ProxyAgent({ uri: proxy, allowH2, proxyTunnel: true })
}

const scopedDispatcher = (network: Network, allowH2: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => makeDispatcher(network, allowH2)),
    (dispatcher) => Effect.promise(() => dispatcher.destroy())
  )

const needsDispatcher = (network: Network) => Object.keys(network).length > 0

/** A transport on Node's own `fetch`. A network that is not the default needs a dispatcher. */
const onFetch =
  (transport: Layer.Layer<HttpClient.HttpClient>) =>
  (network: Network): Layer.Layer<HttpClient.HttpClient> =>
    transport.pipe(
      Layer.provide(
        Layer.effect(
          FetchHttpClient.RequestInit,
          network.hasForeignDispatcher === true
            ? Effect.succeed({ dispatcher: foreignDispatcher } as never)
            : needsDispatcher(network)
              ? Effect.map(
                  scopedDispatcher(network, false),
                  (dispatcher) => ({ dispatcher: new Dispatcher1Wrapper(dispatcher) }) as never
                )
              : Effect.succeed({})
        )
      )
    )

const onUndici = (allowH2: boolean) => (network: Network) =>
  NodeHttpClient.layerUndiciNoDispatcher.pipe(
    Layer.provide(
      Layer.effect(
        NodeHttpClient.Dispatcher,
        network.hasForeignDispatcher === true
          ? Effect.succeed(foreignDispatcher as never)
          : scopedDispatcher(network, allowH2)
      )
    )
  )

export const transports: ReadonlyArray<Transport> = [
  { name: "FetchTransport", column: "fetch", protocol: "https", layer: onFetch(FetchTransport.layer) },
  { name: "FetchHttpClient", column: "fetch", protocol: "https", layer: onFetch(FetchHttpClient.layer) },
  {
    name: "the fetch of undici 8, h2",
    column: "fetch, h2",
    protocol: "h2",
    layer: (network) =>
      FetchTransport.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch as never)),
        Layer.provide(
          Layer.effect(
            FetchHttpClient.RequestInit,
            network.hasForeignDispatcher === true
              ? Effect.succeed({ dispatcher: foreignDispatcher } as never)
              : Effect.map(scopedDispatcher(network, true), (dispatcher) => ({ dispatcher }) as never)
          )
        )
      )
  },
  { name: "undici", column: "undici", protocol: "https", layer: onUndici(false) },
  { name: "undici, h2", column: "undici, h2", protocol: "h2", layer: onUndici(true) },
  {
    name: "node:http",
    column: "node:http",
    protocol: "https",
    readsAhead: true,
    layer: ({ hasForeignDispatcher, lookup, proxy }) =>
      hasForeignDispatcher === true
        ? undefined
        : NodeHttpClient.layerNodeHttpNoAgent.pipe(
            Layer.provide(
              NodeHttpClient.layerAgentOptions({
                ...(lookup === undefined ? {} : { lookup }),
                ...(proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy } })
              })
            )
          )
  }
]
