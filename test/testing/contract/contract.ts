import addFormats from "ajv-formats"
import { Ajv2020 } from "ajv/dist/2020.js"
import openapi from "./openapi.json" with { type: "json" }

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, validateFormats: true })
addFormats.default(ajv)
// The document is a place to point into; only the schemas that are pointed at are compiled.
ajv.addVocabulary(["openapi", "info", "servers", "paths", "components"])
ajv.addSchema(openapi, "openapi.json", undefined, false)

interface Operation {
  readonly responses: Record<string, { readonly content: Record<string, unknown> }>
}
const paths: Record<string, Record<string, Operation>> = openapi.paths

const escape = (segment: string) => segment.replaceAll("~", "~0").replaceAll("/", "~1")

const templateOf = (path: string) =>
  Object.keys(paths).find((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/gu, "[0-9a-f-]{36}")}$`, "u").test(path)
  )

/** An answer with the request that it is for. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** The place of an answer in the document, such as `GET /api/v1/supportTickets/{ticketId}/ 200 application/json`. */
export const placeOf = ({ contentType, method, path, status }: Exchange) =>
  `${method} ${templateOf(path)} ${status} ${contentType.replace(/;.*/u, "")}`

/** Every place that the document has for an answer. */
export const places: ReadonlyArray<string> = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).flatMap(([method, { responses }]) =>
    Object.entries(responses).flatMap(([status, { content }]) =>
      Object.keys(content).map((type) => `${method.toUpperCase()} ${path} ${status} ${type}`)
    )
  )
)

/** What the document has against an answer; nothing if it agrees. */
export const objections = (exchange: Exchange): ReadonlyArray<string> => {
  const place = placeOf(exchange)
  if (!places.includes(place)) return [`${place}: no such answer`]
  const [method = "", template = "", status, type = ""] = place.split(" ")
  const schema = `openapi.json#/paths/${escape(template)}/${method.toLowerCase()}/responses/${status}/content/${escape(type)}/schema`
  const validate = ajv.compile({ $ref: encodeURI(schema) })
  const body: unknown = type === "application/json" ? JSON.parse(exchange.body) : exchange.body
  return validate(body)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${place}: ${instancePath} ${message}`)
}
