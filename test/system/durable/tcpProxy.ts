import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

/** A proxy in front of a local port, which can cut the connections. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Resets all connections, and returns how many there were. */
  readonly cut: () => number
}

export const startTcpProxy = async (upstreamPort: number): Promise<TcpProxy> => {
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    clients.add(client)
    const upstream = connect({ port: upstreamPort, host: "127.0.0.1" })
    client
      .on("error", () => {})
      .on("close", () => {
        clients.delete(client)
        upstream.destroy()
      })
    upstream.on("error", () => {}).on("close", () => client.destroy())
    client.pipe(upstream).pipe(client)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("The proxy has no port.")
  const cut = () => {
    const count = clients.size
    for (const client of clients) client.resetAndDestroy()
    return count
  }
  return {
    port: address.port,
    cut,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close")
      server.close()
      cut()
      await closed
    }
  }
}
