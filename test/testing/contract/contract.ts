/** Checks responses against the OpenAPI document with Ajv, a third-party validator. */
import addFormats from "ajv-formats"
import { Ajv2020 } from "ajv/dist/2020.js"
import openapi from "./openapi.json" with { type: "json" }

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, validateFormats: true })
addFormats.default(ajv)
// The document itself is not a schema. Ajv compiles only the schemas in it that `violations` refers to.
ajv.addVocabulary(["openapi", "info", "servers", "paths", "components"])
ajv.addSchema(openapi, "openapi.json", undefined, false)

interface Operation {
  readonly responses: Record<string, { readonly content: Record<string, unknown> }>
}
const paths: Record<string, Record<string, Operation>> = openapi.paths

const escapePointer = (segment: string) => segment.replaceAll("~", "~0").replaceAll("/", "~1")

const templateOf = (path: string) =>
  Object.keys(paths).find((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/gu, "[0-9a-f-]{36}")}$`, "u").test(path)
  )

/** A request and its response. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** The name of a kind of response, such as `GET /api/v1/supportTickets/{ticketId}/ 200 application/json`. */
export const responseName = ({ contentType, method, path, status }: Exchange) =>
  `${method} ${templateOf(path)} ${status} ${contentType.replace(/;.*/u, "")}`

/** The name of every response in the document. */
export const documentedResponses: ReadonlyArray<string> = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).flatMap(([method, { responses }]) =>
    Object.entries(responses).flatMap(([status, { content }]) =>
      Object.keys(content).map((type) => `${method.toUpperCase()} ${path} ${status} ${type}`)
    )
  )
)

/** How a response violates the document. */
export const violations = (exchange: Exchange): ReadonlyArray<string> => {
  const name = responseName(exchange)
  if (!documentedResponses.includes(name)) return [`${name}: not documented`]
  const [method = "", template = "", status, type = ""] = name.split(" ")
  const schema = `openapi.json#/paths/${escapePointer(template)}/${method.toLowerCase()}/responses/${status}/content/${escapePointer(type)}/schema`
  const validate = ajv.compile({ $ref: encodeURI(schema) })
  const body: unknown = type === "application/json" ? JSON.parse(exchange.body) : exchange.body
  return validate(body)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${name}: ${instancePath} ${message}`)
}
