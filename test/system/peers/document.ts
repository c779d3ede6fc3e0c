import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import openapi from "../../testing/contract/openapi.json" with { type: "json" }
import { apiErrors, created, failed, pending } from "../../support/fixtures.ts"

/** The documented responses of the API, by operation, status and name. */
export const examples = {
  retrieve: {
    200: { created, pending, failed },
    401: { notAuthenticated: apiErrors.notAuthenticated },
    403: { notEnabled: apiErrors.notEnabled },
    404: { notFound: apiErrors.notFound }
  },
  token: {
    200: {
      camelCase: { accessToken: "an-opaque-token", expiresIn: 36000, tokenType: "Bearer" },
      snake_case: { access_token: "another-opaque-token", expires_in: 36000, token_type: "Bearer", scope: "read write" }
    }
  }
}

const withExamples = (
  responses: Record<string, object>,
  added: Readonly<Record<string, Readonly<Record<string, object>>>>
) =>
  Object.fromEntries(
    Object.entries(responses).map(([status, response]) => {
      const named = added[status]
      if (named === undefined || !("content" in response)) return [status, response]
      const values = Object.fromEntries(Object.entries(named).map(([name, value]) => [name, { value }]))
      const content = response.content as { readonly "application/json": object }
      const json = { ...content["application/json"], examples: values }
      return [status, { ...response, content: { ...content, "application/json": json } }]
    })
  )

/** Writes `test/testing/contract/openapi.json` with these examples for mock servers, and returns the path of the file. */
export const documentWithExamples = () => {
  const retrieve = openapi.paths["/api/v1/supportTickets/{ticketId}/"]
  const token = openapi.paths["/oauth2/token/"]
  const paths = {
    "/oauth2/token/": {
      post: { ...token.post, responses: withExamples(token.post.responses, examples.token) }
    },
    "/api/v1/supportTickets/": openapi.paths["/api/v1/supportTickets/"],
    "/api/v1/supportTickets/{ticketId}/": {
      ...retrieve,
      get: { ...retrieve.get, responses: withExamples(retrieve.get.responses, examples.retrieve) }
    }
  }
  const file = join(mkdtempSync(join(tmpdir(), "effect-ripio-tickets-")), "openapi.json")
  writeFileSync(file, JSON.stringify({ ...openapi, paths }))
  return file
}
