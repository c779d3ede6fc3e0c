// The program for workerd: one bundle. workerd allows I/O only during a request, so each request builds a client.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const worker = {
  fetch: async (_: Request, env: { readonly TARGET: string }): Promise<Response> =>
    Response.json(await smoke(JSON.parse(env.TARGET) as Target))
}

// oxlint-disable-next-line import/no-default-export -- workerd runs the default export
export default worker
