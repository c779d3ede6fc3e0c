/* oxlint-disable -- test:peers installs the packages, so the imports have no types before its first run */
// oauth2-mock-server with its token endpoint at Ripio's path, and a resource server that verifies its tokens.
import { createServer } from "node:http"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { OAuth2Server } from "oauth2-mock-server"

const port = Number(process.argv[2])

const server = new OAuth2Server(undefined, undefined, { endpoints: { token: "/oauth2/token/" } })
await server.issuer.keys.generate("RS256")
server.service.on("beforeResponse", (response, request) => {
  const credentials = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /u, ""), "base64").toString()
  if (credentials === "partner:the secret") return
  response.statusCode = 401
  response.body = { error: "invalid_client" }
})
await server.start(port, "127.0.0.1")

const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${port}/jwks`))
const resource = createServer((request, response) => {
  const respond = (status, body) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  jwtVerify((request.headers.authorization ?? "").replace(/^Bearer /u, ""), keys).then(
    () => {
      const [ticketId] = /[\da-f-]{36}/u.exec(request.url)
      respond(200, { ticketId, status: "CREATED", issueKey: "SUP-1" })
    },
    () => respond(401, { code: 40001, type: "NotAuthenticated", detail: { code: "not_authenticated" }, status: 401 })
  )
})
resource.listen(0, "127.0.0.1", () => console.log(`ready ${resource.address().port}`))
