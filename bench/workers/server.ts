// A small server of the API.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { responseTo } from "../client.ts"
import { serve } from "./serve.ts"

const server = createServer((request, response) => {
  const { bytes, headers, status } = responseTo(request.url!)
  // Read the body before the response: a token request has one.
  request.resume().once("end", () => response.writeHead(status, headers).end(bytes))
})
// Connections are idle while other candidates run, and must stay open.
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1")
await once(server, "listening")

serve(async () => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
