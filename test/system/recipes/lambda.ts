// The loop of the Lambda runtime: it asks the runtime API for the next event, calls the handler, and posts the result. After
// that, the process is frozen until the next event. It runs beside the example, whose name it receives.
const { handler } = (await import(process.env["_HANDLER"] ?? "")) as {
  readonly handler: (event: unknown) => Promise<unknown>
}
const api = `http://${process.env["AWS_LAMBDA_RUNTIME_API"]}/2018-06-01/runtime/invocation`
const next = async (): Promise<void> => {
  const response = await fetch(`${api}/next`)
  const id = response.headers.get("lambda-runtime-aws-request-id")
  const result = await handler(await response.json())
  await fetch(`${api}/${id}/response`, { method: "POST", body: JSON.stringify(result) })
  return next()
}
await next()
