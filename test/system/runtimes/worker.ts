// workerd, as one bundle: the client is built and used within a request, as its rules ask.
import { smoke } from "./smoke.ts"
import type { Target } from "./target.ts"

const worker = {
  fetch: async (_: Request, env: { readonly TARGET: string }): Promise<Response> =>
    Response.json(await smoke(JSON.parse(env.TARGET) as Target))
}

// oxlint-disable-next-line import/no-default-export -- it is what workerd runs
export default worker
