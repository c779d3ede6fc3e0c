// The API as a small server, in a process of its own.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { answerTo } from "../client.ts"
import { serve } from "./serve.ts"

const server = createServer((request, response) => {
  const { bytes, headers, status } = answerTo(request.url!)
  // Nothing that is measured has a body, but for the request of a token.
  request.resume().once("end", () => response.writeHead(status, headers).end(bytes))
})
// A connection that idles while the others have their turn must not be closed.
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1")
await once(server, "listening")

serve(async () => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }))
