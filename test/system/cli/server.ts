import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Sandbox, type SeedOptions } from "../../../src/testing/index.ts"
import { clientId, clientSecret, marker } from "../../support/canary.ts"
import { layerSandboxOnPort, sandboxPort } from "../../support/ports.ts"
import type { Env } from "./program.ts"

/** A sandbox on a port, with an account whose secret no output may show. */
export const startServer = async () => {
  const runtime = ManagedRuntime.make(layerSandboxOnPort)
  const use = <A>(f: (sandbox: Sandbox["Service"]) => Effect.Effect<A>) => runtime.runPromise(Sandbox.use(f))
  const account = await use((sandbox) => sandbox.addAccount({ clientId, clientSecret: Redacted.make(clientSecret) }))
  const customerId = await use((sandbox) => sandbox.addCustomer({ account }))
  const env: Env = {
    RIPIO_BASE_URL: `http://127.0.0.1:${await runtime.runPromise(sandboxPort)}`,
    RIPIO_CLIENT_ID: clientId,
    RIPIO_CLIENT_SECRET: clientSecret
  }
  return {
    use,
    account,
    customerId,
    /** The configuration of the account. */
    env,
    seed: (options: SeedOptions) => use((sandbox) => sandbox.seed({ account, ...options })),
    stop: () => runtime.dispose()
  }
}

export const webhookSecret = `${marker} webhook secret`

/** An API that does not respond to a create. */
export const silentApi = async () => {
  let onCreate: (socket: Socket) => void = () => {}
  const create = new Promise<Socket>((resolve) => {
    onCreate = resolve
  })
  const http = createServer((request, response) => {
    request.resume().on("end", () => {
      if (request.url?.startsWith("/oauth2/") !== true) return onCreate(request.socket)
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify({ accessToken: "an-access-token", expiresIn: 3600 }))
    })
  })
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    /** The connection of the create, once the whole request has arrived. */
    create,
    stop: () => new Promise((resolve) => http.close(resolve).closeAllConnections())
  }
}
